//! Links are cut, members are cut off from their peers or from the functions, and a third of all members is
//! lost at once. Where this machine does not allow links to be cut, the instance is paused instead, and the
//! test says so.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage, only_removed};

/// The schedule invokes every 3 s, so this many invocations take longer than the grace period that
/// [`under_load`] sets.
const LONGER_THAN_GRACE: usize = 8;

fn quick(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(12);
    options.tick = Some(Duration::from_secs(3));
}

/// A settled cluster of this size under a load. A voter is replaced when it has been unproven for ten
/// seconds.
async fn under_load(scene: &Scene, size: i32) -> Result<(Cluster, Load)> {
    let settings = [("unproven-grace", "10s")];
    let cluster = Cluster::create(scene.account.clone(), "main", size, &settings).await?;
    cluster.settles(usize::try_from(size)?).await?;
    let load = Load::start(&cluster, "load")?;
    Ok((cluster, load))
}

/// The leader and the two followers of a cluster of three.
async fn trio(cluster: &Cluster) -> Result<[String; 3]> {
    let leader = cluster.leader().await?;
    let nodes = cluster.nodes().await?;
    let mut followers = nodes.into_iter().map(|node| node.id).filter(|id| *id != leader);
    let (one, other) = (
        followers.next().context("there is no follower")?,
        followers.next().context("there is only one follower")?,
    );
    Ok([leader, one, other])
}

/// Sets a fault of links, or pauses the instance where this machine does not allow that, and says so.
async fn cut_or_pause(scene: &Scene, fault: Value, instance: &str) -> Result<()> {
    if !scene.account.fault_where_possible(fault).await? {
        println!("{instance} is paused instead.");
        scene.account.fault(json!({"fault": "pause", "instance": instance})).await?;
    }
    Ok(())
}

async fn isolate_or_pause(scene: &Scene, instance: &str) -> Result<()> {
    cut_or_pause(scene, json!({"fault": "isolate", "instance": instance}), instance).await
}

/// Waits until the grace period is over and the functions could have acted.
async fn longer_than_grace(cluster: &Cluster) -> Result<()> {
    cluster.had_their_chance(LONGER_THAN_GRACE).await
}

/// Waits until all these instances have left the group and the cluster is settled again.
async fn all_replaced(cluster: &Cluster, instances: &[&String], size: usize) -> Result<()> {
    for instance in instances {
        cluster.replaces(instance, size).await?;
    }
    Ok(())
}

/// Waits for more acknowledged writes, and then checks that no write was lost.
async fn writes_go_on(cluster: &Cluster, load: Load) -> Result<()> {
    let before = load.so_far();
    until("writes are acknowledged", LIMIT, || async {
        ensure!(load.so_far() > before + 20, "{} writes", load.so_far() - before);
        Ok(())
    })
    .await?;
    nothing_lost(cluster, load).await
}

/// Both followers still hear the leader. Raft does not need the link between them, so no instance is
/// replaced.
#[test]
#[ignore = "make matrix"]
fn the_link_between_two_followers_is_cut_and_mended() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let [_, one, other] = trio(&cluster).await?;
        let cut = json!({"fault": "cut-link", "from": one, "to": other});
        if scene.account.fault_where_possible(cut).await? {
            longer_than_grace(&cluster).await?;
            assert!(check::removed_voters(&cluster).await?.is_empty(), "a healthy voter was removed");
            cluster.is_settled(3).await?;
            scene.account.fault(json!({"fault": "mend-link", "from": one, "to": other})).await?;
        }
        writes_go_on(&cluster, load).await
    });
}

/// When one of the two followers leads next, the other does not hear it.
#[test]
#[ignore = "make matrix"]
fn the_leader_is_terminated_while_its_followers_do_not_hear_each_other() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let [leader, one, other] = trio(&cluster).await?;
        cut_or_pause(&scene, json!({"fault": "cut-link", "from": one, "to": other}), &one).await?;
        cluster.terminate(&leader).await?;
        cluster.replaces(&leader, 3).await?;
        writes_go_on(&cluster, load).await
    });
}

/// One follower does not hear the leader any more, and the other is terminated.
#[test]
#[ignore = "make matrix"]
fn a_follower_is_terminated_while_the_other_does_not_hear_the_leader() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let [leader, one, other] = trio(&cluster).await?;
        cut_or_pause(&scene, json!({"fault": "cut-link", "from": leader, "to": one}), &one).await?;
        cluster.terminate(&other).await?;
        cluster.replaces(&other, 3).await?;
        writes_go_on(&cluster, load).await
    });
}

/// What the leader sends does not arrive at the follower; what the follower sends arrives.
#[test]
#[ignore = "make matrix"]
fn a_link_is_cut_in_one_direction() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let [leader, one, _] = trio(&cluster).await?;
        let cut = json!({"fault": "cut-link", "from": leader, "to": one, "one_way": true});
        cut_or_pause(&scene, cut, &one).await?;
        longer_than_grace(&cluster).await?;
        for instance in [&leader, &one] {
            let alive = cluster.nodes().await?.iter().any(|node| node.id == **instance);
            if alive {
                scene
                    .account
                    .fault(json!([{"fault": "rejoin", "instance": instance},
                    {"fault": "resume", "instance": instance}]))
                    .await?;
            }
        }
        cluster.settles(3).await?;
        writes_go_on(&cluster, load).await
    });
}

#[test]
fn a_member_cut_off_from_all_others_is_replaced() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let follower = cluster.follower().await?;
        isolate_or_pause(&scene, &follower).await?;
        cluster.replaces(&follower, 3).await?;
        only_removed(&cluster, &[&follower]).await?;
        writes_go_on(&cluster, load).await
    });
}

/// For a while the leader still believes that it leads. The functions can reach it all the time, and a
/// follower is terminated, too.
#[test]
#[ignore = "make matrix"]
fn the_leader_is_cut_off_from_its_followers_beside_a_termination() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let [leader, one, _] = trio(&cluster).await?;
        isolate_or_pause(&scene, &leader).await?;
        cluster.terminate(&one).await?;
        all_replaced(&cluster, &[&leader, &one], 3).await?;
        writes_go_on(&cluster, load).await
    });
}

/// A joiner is cut off just after its launch, and is back before the join patience is over.
#[test]
#[ignore = "make matrix"]
fn a_joiner_is_cut_off_and_comes_back() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let old = cluster.ids().await?;
        cluster.terminate(&old[0]).await?;
        let joiner = until("the replacement is launched", LIMIT, || async {
            let machines = scene.account.machines().await?;
            machines.into_iter().find(|id| !old.contains(id)).context("no new machine runs")
        })
        .await?;
        isolate_or_pause(&scene, &joiner).await?;
        longer_than_grace(&cluster).await?;
        assert!(
            check::removed_voters(&cluster).await?.is_empty(),
            "a voter was removed before its replacement voted"
        );
        scene
            .account
            .fault(json!([{"fault": "rejoin", "instance": joiner},
            {"fault": "resume", "instance": joiner}]))
            .await?;
        cluster.replaces(&old[0], 3).await?;
        check::replaced_before_removed(&cluster, &old[0]).await?;
        writes_go_on(&cluster, load).await
    });
}

#[test]
#[ignore = "make matrix"]
fn a_follower_that_only_the_functions_cannot_reach_is_replaced() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let follower = cluster.follower().await?;
        let hide = json!({"fault": "isolate", "instance": follower, "peers": false, "functions": true});
        scene.account.fault(hide).await?;
        cluster.replaces(&follower, 3).await?;
        // After the grace period it is removed before its replacement votes: the functions cannot know that
        // its peers still hear it.
        assert!(check::set_unhealthy(&cluster).await?.contains(&follower));
        only_removed(&cluster, &[&follower]).await?;
        writes_go_on(&cluster, load).await
    });
}

/// Only the leader is ever asked for a change, so nothing is changed without it, not even for an instance
/// that leaves.
#[test]
#[ignore = "make matrix"]
fn nothing_is_changed_while_the_functions_cannot_reach_the_leader() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let [leader, one, _] = trio(&cluster).await?;
        let hide = json!({"fault": "isolate", "instance": leader, "peers": false, "functions": true});
        scene.account.fault(hide).await?;
        cluster.terminate(&one).await?;
        longer_than_grace(&cluster).await?;
        assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed without the leader");
        scene.account.fault(json!({"fault": "clear"})).await?;
        cluster.replaces(&one, 3).await?;
        writes_go_on(&cluster, load).await
    });
}

/// As many instances as the cluster can lose have a power cut at once.
async fn lost_at_once(scene: Scene, size: i32, lost: usize) -> Result<()> {
    // The default grace period: dead instances are replaced without it, and a short one would also replace
    // instances that are only slow because the machine is busy.
    let cluster = scene.cluster(size).await?;
    cluster.settles(usize::try_from(size)?).await?;
    let load = Load::start(&cluster, "load")?;
    let leader = cluster.leader().await?;
    let nodes = cluster.nodes().await?;
    let followers = nodes.iter().map(|node| &node.id).filter(|id| **id != leader);
    let dying: Vec<&String> = std::iter::once(&leader).chain(followers).take(lost).collect();
    let cuts = dying.iter().map(|id| json!({"fault": "kill-instance", "instance": id})).collect();
    scene.account.fault(Value::Array(cuts)).await?;
    let size = usize::try_from(size)?;
    all_replaced(&cluster, &dying, size).await?;
    only_removed(&cluster, &dying.iter().map(|id| id.as_str()).collect::<Vec<_>>()).await?;
    writes_go_on(&cluster, load).await
}

#[test]
#[ignore = "make matrix"]
fn two_of_five_are_lost_at_once() {
    on_a_stage(quick, |scene| lost_at_once(scene, 5, 2));
}

#[test]
#[ignore = "make matrix"]
fn three_of_nine_are_lost_at_once() {
    on_a_stage(quick, |scene| lost_at_once(scene, 9, 3));
}
