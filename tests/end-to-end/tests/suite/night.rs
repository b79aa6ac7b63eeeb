//! A group whose size is set to 0, for a night or by a slip: every voter is kept, and the data is there in the morning.

use anyhow::{Context, Result, ensure};
use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, Tag};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;

use crate::support::{nothing_lost, on_a_stage, retains};

/// Waits until each of these instances is in this lifecycle state.
async fn all_become(cluster: &Cluster, instances: &[String], lifecycle: &str) -> Result<()> {
    for instance in instances {
        cluster.becomes(instance, lifecycle).await?;
    }
    Ok(())
}

/// The operator's schedule: minimum, maximum, desired. Nothing else is done to the group.
async fn sizes(cluster: &Cluster, min: i32, max: i32, desired: i32) -> Result<()> {
    let call = cluster.account.autoscaling.update_auto_scaling_group().auto_scaling_group_name(&cluster.name);
    call.min_size(min).max_size(max).desired_capacity(desired).send().await.context("setting the sizes")?;
    Ok(())
}

/// The night is 0-0-0 and the morning 3-3-9. By night no voter is removed and writes go on; in the morning new instances
/// take over, each before an old one leaves.
#[test]
fn a_night_at_size_zero_loses_nothing_and_the_morning_finds_the_data() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let old = cluster.ids().await?;
            sizes(&cluster, 0, 0, 0).await?;
            all_become(&cluster, &old, "Terminating:Wait").await?;
            cluster.reports("cluster", "end-not-meant").await?;
            cluster.reports(&old[0], "voter-will-die").await?;
            cluster.had_their_chance(3).await?;
            assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed at night");
            let writes = load.so_far();
            until("writes are acknowledged at night", LIMIT, || async {
                ensure!(load.so_far() > writes + 10, "{} writes", load.so_far() - writes);
                Ok(())
            })
            .await?;
            sizes(&cluster, 3, 9, 3).await?;
            cluster.settles(3).await?;
            let new = cluster.ids().await?;
            ensure!(new.iter().all(|id| !old.contains(id)), "{old:?} were to be replaced, not {new:?}");
            check::never_fewer_voters_than(&cluster, 3).await?;
            for leaving in &old {
                check::replaced_before_removed(&cluster, leaving).await?;
            }
            nothing_lost(&cluster, load).await
        },
    );
}

/// The same with a desired capacity of 0 and room to grow.
#[test]
#[ignore = "make matrix"]
fn a_night_at_desired_capacity_zero_loses_nothing() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let old = cluster.ids().await?;
            cluster.scale(0).await?;
            all_become(&cluster, &old, "Terminating:Wait").await?;
            cluster.reports("cluster", "end-not-meant").await?;
            cluster.had_their_chance(3).await?;
            cluster.scale(3).await?;
            cluster.settles(3).await?;
            check::never_fewer_voters_than(&cluster, 3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// The hooks end before the night does, and the group's policy retains the instances. In the morning they bring the data
/// into new instances. Then they are members no more, and it is said that they may be ended.
#[test]
fn voters_that_were_retained_at_night_bring_the_data_into_the_morning() {
    on_a_stage(
        // A terminate hook of 30 s lasts 1.5 s here, and a launch hook of 7,200 s lasts six minutes.
        |o| o.hook_time_scale = 20.0,
        |scene| async move {
            let (cluster, load) = scene.three_with_long_launches().await?;
            retains(&cluster).await?;
            let old = cluster.ids().await?;
            sizes(&cluster, 0, 0, 0).await?;
            all_become(&cluster, &old, "Terminating:Retained").await?;
            cluster.reports("cluster", "end-not-meant").await?;
            cluster.had_their_chance(3).await?;
            assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed at night");
            sizes(&cluster, 3, 9, 3).await?;
            for leaving in &old {
                cluster.reports(leaving, "retained").await?;
                check::replaced_before_removed(&cluster, leaving).await?;
            }
            check::never_fewer_voters_than(&cluster, 3).await?;
            for leaving in &old {
                cluster.kill(leaving).await?;
            }
            cluster.settles(3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// A stack that replaces its group makes a second group with the same tag, and then sets the first to 0. Nothing is
/// destroyed; the second is refused; the way back is the first group's size.
#[test]
fn a_second_group_of_the_same_cluster_is_refused_and_the_first_keeps_its_data_at_size_zero() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let old = cluster.ids().await?;
            let template =
                LaunchTemplateSpecification::builder().launch_template_name("main").version("$Default");
            let tag = Tag::builder().key("etcd-asg:cluster").value("main").resource_id("other");
            let second =
                scene.account.autoscaling.create_auto_scaling_group().auto_scaling_group_name("other");
            let second = second.min_size(0).max_size(9).desired_capacity(1).availability_zones("us-east-1a");
            second.launch_template(template.build()).tags(tag.build()).send().await.context("the second")?;
            cluster.logs_note("other-group", None).await?;
            sizes(&cluster, 0, 0, 0).await?;
            all_become(&cluster, &old, "Terminating:Wait").await?;
            cluster.had_their_chance(3).await?;
            assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed");
            let delete =
                scene.account.autoscaling.delete_auto_scaling_group().auto_scaling_group_name("other");
            delete.force_delete(true).send().await.context("deleting the second group")?;
            sizes(&cluster, 0, 9, 3).await?;
            cluster.settles(3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}
