//! Healing: an instance that runs and whose etcd is sick is set unhealthy and replaced, but never if that
//! would lose the quorum.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::json;

use crate::support::{Scene, nothing_lost, on_a_stage};

/// A settled cluster with a short grace period, under a load.
async fn impatient(scene: &Scene, size: i32) -> Result<(Cluster, Load)> {
    let settings = [("unproven-grace", "10")];
    let cluster = Cluster::create(scene.account.clone(), "main", size, &settings).await?;
    cluster.settles(size as usize).await?;
    let load = Load::start(&cluster, "load")?;
    Ok((cluster, load))
}

fn only(instance: &str) -> BTreeSet<String> {
    BTreeSet::from([instance.to_owned()])
}

#[test]
fn a_frozen_voter_is_set_unhealthy_and_replaced() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = impatient(&scene, 3).await?;
            let frozen = cluster.follower().await?;
            scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
            cluster.replaces(&frozen, 3).await?;
            assert_eq!(check::set_unhealthy(&cluster).await?, only(&frozen));
            nothing_lost(&cluster, load).await
        },
    );
}

#[test]
#[ignore = "make matrix"]
fn a_frozen_leader_is_set_unhealthy_and_replaced_launching_first() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = impatient(&scene, 3).await?;
            cluster.maintain(100, 200).await?;
            let frozen = cluster.leader().await?;
            scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
            cluster.replaces(&frozen, 3).await?;
            assert_eq!(check::set_unhealthy(&cluster).await?, only(&frozen));
            nothing_lost(&cluster, load).await
        },
    );
}

/// etcd is killed again and again, as if memory were short. Its unit always starts it again, and it never
/// runs for long.
#[test]
#[ignore = "make matrix"]
fn an_etcd_that_keeps_dying_is_set_unhealthy_and_replaced() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = impatient(&scene, 3).await?;
            let dying = cluster.follower().await?;
            until("the instance is replaced", LIMIT, || async {
                let _etcd_may_be_down =
                    scene.account.fault(json!({"fault": "kill-etcd", "instance": dying})).await;
                ensure!(!cluster.ids().await?.contains(&dying), "{dying} is still in the group");
                Ok(())
            })
            .await?;
            cluster.settles(3).await?;
            assert_eq!(check::set_unhealthy(&cluster).await?, only(&dying));
            nothing_lost(&cluster, load).await
        },
    );
}

/// Of three voters one is killed and one is frozen, so the quorum is lost for a while. If the frozen instance
/// were replaced, too, the quorum would be lost for good. So nothing is set unhealthy, however long it lasts.
/// When the frozen voter thaws, the cluster recovers by itself.
#[test]
#[ignore = "make matrix"]
fn nothing_is_set_unhealthy_if_that_would_lose_the_quorum() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = impatient(&scene, 3).await?;
            let (frozen, leader) = (cluster.follower().await?, cluster.leader().await?);
            let nodes = cluster.nodes().await?;
            let killed = nodes.iter().map(|n| n.id.clone()).find(|id| *id != frozen && *id != leader);
            let killed = killed.expect("there are three instances");
            scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
            cluster.kill(&killed).await?;
            cluster.reports("cluster", "no-member-list").await?;
            cluster.had_their_chance(6).await?;
            assert!(check::set_unhealthy(&cluster).await?.is_empty(), "an instance was set unhealthy");
            scene.account.fault(json!({"fault": "resume", "instance": frozen})).await?;
            cluster.replaces(&killed, 3).await?;
            let ids = cluster.ids().await?;
            assert!(ids.contains(&frozen), "the thawed voter {frozen} was replaced: {ids:?}");
            nothing_lost(&cluster, load).await
        },
    );
}

/// An instance is detached, and its member is removed. Attached again, it is in service without a member, and
/// its disk is useless.
#[test]
#[ignore = "make matrix"]
fn an_attached_instance_that_is_no_member_is_replaced() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = impatient(&scene, 3).await?;
            let stranger = cluster.follower().await?;
            let detach = scene.account.autoscaling.detach_instances().auto_scaling_group_name(&cluster.name);
            detach.instance_ids(&stranger).should_decrement_desired_capacity(true).send().await?;
            cluster.replaces(&stranger, 2).await?;
            let attach = scene.account.autoscaling.attach_instances().auto_scaling_group_name(&cluster.name);
            attach.instance_ids(&stranger).send().await?;
            cluster.replaces(&stranger, 3).await?;
            assert_eq!(check::set_unhealthy(&cluster).await?, only(&stranger));
            nothing_lost(&cluster, load).await
        },
    );
}

/// While the group is paused by its tag, nothing is changed, and the reason is reported. Without the tag it
/// goes on.
#[test]
fn a_paused_cluster_is_left_alone_until_the_tag_is_gone() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = impatient(&scene, 3).await?;
            let follower = cluster.follower().await?;
            cluster.tag("paused", "true").await?;
            cluster.reports("cluster", "paused").await?;
            cluster.had_their_chance(2).await?;
            let before = check::claimed(&cluster).await?.len();
            cluster.terminate(&follower).await?;
            cluster.becomes(&follower, "Terminating:Wait").await?;
            cluster.had_their_chance(4).await?;
            assert_eq!(check::claimed(&cluster).await?.len(), before, "a change was claimed");
            cluster.becomes(&follower, "Terminating:Wait").await?;
            cluster.tag("paused", "false").await?;
            cluster.replaces(&follower, 3).await?;
            check::replaced_before_removed(&cluster, &follower).await?;
            nothing_lost(&cluster, load).await
        },
    );
}
