//! Groups that take instances back, stop them, or do not count them.

use anyhow::{Context, Result, ensure};
use aws_sdk_autoscaling::types::{
    InstanceReusePolicy, LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification,
    LifecycleHookSpecification, MixedInstancesPolicy, Tag,
};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;

use crate::support::{nothing_lost, on_a_stage};

/// Gives the group a warm pool that takes instances back on scale-in, or takes none back any more.
async fn reuse(cluster: &Cluster, reuse: bool) -> Result<()> {
    let policy = InstanceReusePolicy::builder().reuse_on_scale_in(reuse).build();
    let put = cluster.account.autoscaling.put_warm_pool().auto_scaling_group_name(&cluster.name);
    let put = put.instance_reuse_policy(policy).max_group_prepared_capacity(3);
    put.send().await.context("the warm pool")?;
    Ok(())
}

async fn in_pool(cluster: &Cluster, state: &str) -> Result<String> {
    let what = format!("an instance is {state}");
    let found = until(&what, LIMIT, || async {
        let pool = cluster.account.autoscaling.describe_warm_pool().auto_scaling_group_name(&cluster.name);
        let pool = pool.send().await?;
        let one = pool.instances().iter().find(|i| i.lifecycle_state().is_some_and(|s| s.as_str() == state));
        one.and_then(|i| i.instance_id()).map(str::to_owned).context("none is")
    });
    cluster.explained(found.await).await
}

/// A group gets a pool that takes instances back. A voter that goes there leaves the cluster before it is stopped. When it
/// comes back, its disk holds the data of a removed member: its launch is abandoned, and another instance joins.
#[test]
fn a_voter_that_goes_to_the_warm_pool_leaves_first_and_does_not_come_back_with_old_data() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            reuse(&cluster, true).await?;
            cluster.reports("cluster", "pool-takes-back").await?;
            cluster.scale(2).await?;
            let gone = in_pool(&cluster, "Warmed:Stopped").await?;
            let members = cluster.members().await?;
            ensure!(members.iter().all(|m| m.name != gone), "{gone} is still a member: {members:?}");
            cluster.settles(2).await?;
            cluster.scale(3).await?;
            cluster.settles(3).await?;
            let ids = cluster.ids().await?;
            ensure!(!ids.contains(&gone), "{gone} is back with its old data: {ids:?}");
            nothing_lost(&cluster, load).await
        },
    );
}

/// With such a pool nothing is founded. Once the pool takes none back, the cluster forms.
#[test]
#[ignore = "make matrix"]
fn in_a_group_whose_warm_pool_takes_back_nothing_is_founded() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let cluster = scene.cluster(0).await?;
            reuse(&cluster, true).await?;
            cluster.scale(3).await?;
            cluster.reports("cluster", "pool-takes-back").await?;
            cluster.had_their_chance(3).await?;
            ensure!(cluster.ledger().await.is_err(), "a generation was opened");
            reuse(&cluster, false).await?;
            cluster.settles(3).await
        },
    );
}

/// An operator stops a voter's machine. It is neither gone nor usable; its group ends it, and its replacement votes.
#[test]
fn a_voter_whose_machine_is_stopped_is_replaced() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
            let stopped = cluster.follower().await?;
            scene.account.ec2.stop_instances().instance_ids(&stopped).send().await?;
            cluster.replaces(&stopped, 3).await?;
            check::never_fewer_voters_than(&cluster, 2).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// Three instances of weight 2 make up a desired capacity of 6. Nothing is founded, and it is said why.
#[test]
fn a_group_of_weighted_instances_founds_nothing_and_says_why() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let template =
                LaunchTemplateSpecification::builder().launch_template_name("main").version("1").build();
            let heavy =
                LaunchTemplateOverrides::builder().instance_type("m7g.large").weighted_capacity("2").build();
            let launch =
                LaunchTemplate::builder().launch_template_specification(template).overrides(heavy).build();
            let mixed = MixedInstancesPolicy::builder().launch_template(launch).build();
            let hook = |name: &str, transition: &str| {
                let hook = LifecycleHookSpecification::builder().lifecycle_hook_name(name);
                hook.lifecycle_transition(transition).heartbeat_timeout(300).build()
            };
            let tag = Tag::builder().key("etcd-asg:cluster").value("main").resource_id("main").build();
            let group = scene.account.autoscaling.create_auto_scaling_group().auto_scaling_group_name("main");
            let group = group.min_size(0).max_size(18).desired_capacity(6).availability_zones("us-east-1a");
            let group = group
                .mixed_instances_policy(mixed)
                .lifecycle_hook_specification_list(hook("launch", "autoscaling:EC2_INSTANCE_LAUNCHING"))
                .lifecycle_hook_specification_list(hook("terminate", "autoscaling:EC2_INSTANCE_TERMINATING"));
            group.tags(tag).send().await.context("creating the group")?;
            let cluster = Cluster::existing(scene.account.clone(), "main")?;
            cluster.reports("cluster", "counts-units").await?;
            cluster.had_their_chance(3).await?;
            ensure!(cluster.ledger().await.is_err(), "a generation was opened");
            Ok(())
        },
    );
}
