//! Tags that are almost right.

use anyhow::{Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;

use crate::support::{Scene, brisk, every_second, is_kept, on_a_stage};

/// A group of one whose cluster's name stands under this key.
async fn tagged_as(scene: &Scene, name: &str, key: &str, value: &str) -> Result<Cluster> {
    let cluster = Cluster::create(scene.account.clone(), name, 0, &[]).await?;
    cluster.untag("etcd-asg:cluster").await?;
    cluster.tag_as(key, value).await?;
    cluster.scale(1).await?;
    Ok(cluster)
}

async fn waits_to_launch(cluster: &Cluster) -> Result<String> {
    let found = until("its instance waits", LIMIT, || async {
        let nodes = cluster.nodes().await?;
        ensure!(nodes.len() == 1 && nodes[0].lifecycle == "Pending:Wait", "{nodes:?}");
        Ok(nodes[0].id.clone())
    });
    cluster.explained(found.await).await
}

/// Each misspelt key is refused aloud by the schedule's run, the instance waits instead of being launched again and
/// again, and once the tag is right the same instance is the seed.
#[test]
fn a_misspelt_cluster_tag_is_told_and_its_instance_waits() {
    on_a_stage(every_second, |scene| async move {
        let keys = ["etcd-asg:Cluster", "etcd-asg/cluster", "etcd_asg:cluster", "etcd-asg:cluster "];
        let mut groups = Vec::new();
        for (at, key) in keys.into_iter().enumerate() {
            let name = format!("g{at}");
            let cluster = tagged_as(&scene, &name, key, &name).await?;
            let instance = waits_to_launch(&cluster).await?;
            groups.push((cluster, key, instance));
        }
        for (cluster, key, instance) in &groups {
            cluster.reports_fact("cluster-tag-misspelt", key).await?;
            is_kept(cluster, instance, "Pending:Wait").await?;
            let ids = cluster.ids().await?;
            ensure!(ids == [instance.clone()], "{key:?}: {ids:?} in place of {instance}");
            ensure!(cluster.ledger().await.is_err(), "{key:?}: a cluster was founded");
        }
        let (cluster, key, instance) = &groups[0];
        cluster.tag("cluster", &cluster.name).await?;
        cluster.untag(key).await?;
        // The region's host knows its cluster by the tag of its launch, so only the seed can be looked at here.
        until("the instance that waited becomes the seed", LIMIT, || async {
            let seed = cluster.seed().await?;
            ensure!(seed == *instance, "the seed is {seed}");
            Ok(())
        })
        .await
    });
}

/// Blanks around the name are left out, unless another group has that name.
#[test]
fn blanks_around_the_name_are_left_out_where_the_name_is_free() {
    on_a_stage(brisk, |scene| async move {
        let first = tagged_as(&scene, "main", "etcd-asg:cluster", " main").await?;
        first.settles(1).await?;
        first.reports("cluster", "cluster-tag-blanks").await?;
        let second = tagged_as(&scene, "second", "etcd-asg:cluster", "main ").await?;
        second.reports_fact("cluster-tag-wrong", "\"main\" has the name main too").await?;
        let waiting = waits_to_launch(&second).await?;
        is_kept(&second, &waiting, "Pending:Wait").await
    });
}

/// A hook that says etcd-asg, in a group without any tag that resembles ours: the event's function says so.
#[test]
fn a_marked_hook_without_a_tag_is_told() {
    on_a_stage(
        |o| o.tick = None,
        |scene| async move {
            let cluster = scene.cluster(0).await?;
            cluster.untag("etcd-asg:cluster").await?;
            let hook = scene.account.autoscaling.put_lifecycle_hook().auto_scaling_group_name(&cluster.name);
            hook.lifecycle_hook_name("etcd-asg-launch").notification_metadata("etcd-asg").send().await?;
            cluster.scale(1).await?;
            cluster.logs_note("hook-without-tag", None).await
        },
    );
}

/// A tag that is no setting is told, with the setting that it resembles, and stops nothing.
#[test]
fn an_unknown_tag_is_told() {
    on_a_stage(brisk, |scene| async move {
        let cluster = scene.cluster_with(1, &[("join-patiense", "10"), ("pause", "false")]).await?;
        cluster.settles(1).await?;
        cluster.reports_fact("unknown-tag", "etcd-asg:join-patience resembles it most").await?;
        cluster.reports_fact("unknown-tag", "etcd-asg:pause ").await?;
        cluster.scale(2).await?;
        cluster.settles(2).await
    });
}
