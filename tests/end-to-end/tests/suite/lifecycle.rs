//! Rare lifecycles of an instance: standby, detached, retained, a new root volume, a warm pool.

use std::time::Duration;

use anyhow::ensure;
use aws_sdk_autoscaling::types::WarmPoolState;
use end_to_end::check;
use end_to_end::cluster::LIMIT;
use end_to_end::wait::until;
use serde_json::json;

use crate::support::{nothing_lost, on_a_stage, retains};

/// A voter on standby keeps its vote. Nothing is changed when it enters standby, nor when it leaves standby.
#[test]
#[ignore = "make matrix"]
fn a_voter_on_standby_stays_a_voter() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let follower = cluster.follower().await?;
            let before = check::claimed(&cluster).await?.len();
            let enter = scene.account.autoscaling.enter_standby().auto_scaling_group_name(&cluster.name);
            enter.instance_ids(&follower).should_decrement_desired_capacity(true).send().await?;
            cluster.becomes(&follower, "Standby").await?;
            cluster.had_their_chance(3).await?;
            assert_eq!(cluster.members().await?.len(), 3);
            let exit = scene.account.autoscaling.exit_standby().auto_scaling_group_name(&cluster.name);
            exit.instance_ids(&follower).send().await?;
            cluster.settles(3).await?;
            assert_eq!(check::claimed(&cluster).await?.len(), before, "a change was claimed");
            nothing_lost(&cluster, load).await
        },
    );
}

/// A detached instance still runs, outside the group. Its voter is removed once its replacement votes.
#[test]
#[ignore = "make matrix"]
fn a_detached_voter_is_replaced_before_it_is_removed() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let leader = cluster.leader().await?;
            let detach = scene.account.autoscaling.detach_instances().auto_scaling_group_name(&cluster.name);
            detach.instance_ids(&leader).should_decrement_desired_capacity(false).send().await?;
            cluster.replaces(&leader, 3).await?;
            check::replaced_before_removed(&cluster, &leader).await?;
            check::never_fewer_voters_than(&cluster, 3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// One voter is frozen, and another is terminated, until its hook's timeout: without it the quorum would be
/// lost. The group's policy retains the instance, its vote still counts, and it is reported. When the frozen
/// voter thaws, the retained voter is removed, and an operator terminates its instance.
#[test]
#[ignore = "make matrix"]
fn an_instance_that_the_quorum_needs_is_retained() {
    on_a_stage(
        // A terminate hook of 30 s lasts 1.5 s here, and a launch hook of 7,200 s lasts six minutes.
        |o| o.hook_time_scale = 20.0,
        |scene| async move {
            let (cluster, load) = scene.three_with_long_launches().await?;
            retains(&cluster).await?;
            // Meanwhile no replacement may be launched.
            let suspend =
                scene.account.autoscaling.suspend_processes().auto_scaling_group_name(&cluster.name);
            suspend.scaling_processes("Launch").send().await?;
            let (frozen, leader) = (cluster.follower().await?, cluster.leader().await?);
            let nodes = cluster.nodes().await?;
            let leaving = nodes.iter().map(|n| n.id.clone()).find(|id| *id != frozen && *id != leader);
            let leaving = leaving.expect("there are three instances");
            scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
            cluster.terminate(&leaving).await?;
            cluster.becomes(&leaving, "Terminating:Retained").await?;
            cluster.had_their_chance(3).await?;
            assert!(
                check::removed_voters(&cluster).await?.is_empty(),
                "a voter was removed that the quorum needs"
            );
            let writes = load.so_far();
            until("writes are acknowledged", LIMIT, || async {
                ensure!(load.so_far() > writes + 10, "{} writes", load.so_far() - writes);
                Ok(())
            })
            .await?;
            scene.account.fault(json!({"fault": "resume", "instance": frozen})).await?;
            let resume = scene.account.autoscaling.resume_processes().auto_scaling_group_name(&cluster.name);
            resume.send().await?;
            cluster.reports(&leaving, "retained").await?;
            check::replaced_before_removed(&cluster, &leaving).await?;
            cluster.kill(&leaving).await?;
            cluster.replaces(&leaving, 3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// An instance gets a new root volume: it keeps its ID and address, and loses its disk. Its etcd must not
/// start, and the instance is replaced. If the group launches first, the voter is still removed first,
/// because etcd takes no joiner while a voter is dead.
fn a_new_root_volume(launch_first: bool, for_the_seed: bool) {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
            if launch_first {
                cluster.maintain(100, 200).await?;
            }
            let instance = if for_the_seed { cluster.seed().await? } else { cluster.follower().await? };
            scene.account.ec2.create_replace_root_volume_task().instance_id(&instance).send().await?;
            cluster.replaces(&instance, 3).await?;
            let console = scene.account.page(&format!("console/{instance}")).await?;
            assert!(console.contains("the root volume was replaced"), "{console}");
            assert!(check::set_unhealthy(&cluster).await?.contains(&instance));
            nothing_lost(&cluster, load).await
        },
    );
}

#[test]
#[ignore = "make matrix"]
fn a_follower_gets_a_new_root_volume() {
    a_new_root_volume(true, false);
}

/// Story 3, "Born twice". The seed's first env said `new`, and still it never founds a second cluster.
#[test]
#[ignore = "make matrix"]
fn the_seed_gets_a_new_root_volume_and_founds_nothing() {
    a_new_root_volume(false, true);
}

/// An instance refresh replaces root volumes. Each instance keeps its ID and address; its voter is removed,
/// and the instance joins again as a new member, with an empty disk.
#[test]
#[ignore = "make matrix"]
fn every_node_gets_a_new_root_volume_in_its_place() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let (nodes, members) = (cluster.nodes().await?, cluster.members().await?);
            cluster.refresh_root_volumes().await?;
            cluster.refreshes(3).await?;
            assert_eq!(cluster.nodes().await?, nodes, "an instance was replaced");
            let now = cluster.members().await?;
            assert!(now.iter().all(|new| members.iter().all(|old| old.id != new.id)), "{members:?}, {now:?}");
            nothing_lost(&cluster, load).await
        },
    );
}

/// The group takes its next instance from a warm pool. The instance joins when it leaves the pool, and not
/// before.
#[test]
#[ignore = "make matrix"]
fn a_warm_instance_joins_when_it_leaves_the_pool() {
    for state in [WarmPoolState::Stopped, WarmPoolState::Running] {
        on_a_stage(
            |o| o.tick = Some(Duration::from_secs(3)),
            |scene| async move {
                let (cluster, load) = scene.three_under_load().await?;
                let put = scene.account.autoscaling.put_warm_pool().auto_scaling_group_name(&cluster.name);
                put.pool_state(state.clone()).max_group_prepared_capacity(4).send().await?;
                let wanted = format!("Warmed:{state}");
                let what = format!("an instance is {wanted}");
                let warm = until(&what, LIMIT, || async {
                    let pool = scene.account.autoscaling.describe_warm_pool();
                    let pool = pool.auto_scaling_group_name(&cluster.name).send().await?;
                    let one = pool
                        .instances()
                        .iter()
                        .find(|i| i.lifecycle_state().is_some_and(|s| s.as_str() == wanted));
                    let id = one.and_then(|i| i.instance_id()).map(str::to_owned);
                    id.ok_or_else(|| anyhow::anyhow!("the pool holds {:?}", pool.instances()))
                });
                let warm = cluster.explained(warm.await).await?;
                assert_eq!(cluster.members().await?.len(), 3, "an instance in the pool is a member");
                let follower = cluster.follower().await?;
                cluster.terminate(&follower).await?;
                cluster.replaces(&follower, 3).await?;
                let ids = cluster.ids().await?;
                assert!(ids.contains(&warm), "another instance than {warm} is the replacement: {ids:?}");
                nothing_lost(&cluster, load).await
            },
        );
    }
}
