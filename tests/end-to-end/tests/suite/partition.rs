//! Links are cut, members cut off from their peers or from the functions, and a third of all lost at once. Where this
//! machine does not allow links to be cut, the instance is paused instead, which is said.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::{Value, json};

use crate::silence::invocations;
use crate::support::{Scene, nothing_lost, on_a_stage, only_removed};

/// Ticks of 3 s: this many invocations take longer than the grace that [`under_load`] sets.
const LONGER_THAN_GRACE: usize = 8;

fn quick(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(12);
    options.tick = Some(Duration::from_secs(3));
}

/// A settled cluster of this size under a load; a voter is replaced once it was unproven for ten seconds.
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
    let (one, other) = (followers.next().context("no follower")?, followers.next().context("one follower")?);
    Ok([leader, one, other])
}

/// Sets this fault of links, or pauses the instance.
async fn cut_or_pause(scene: &Scene, fault: Value, instance: &str) -> Result<()> {
    if !scene.account.fault_where_possible(fault).await? {
        println!("{instance} is paused instead");
        scene.account.fault(json!({"fault": "pause", "instance": instance})).await?;
    }
    Ok(())
}

async fn isolate_or_pause(scene: &Scene, instance: &str) -> Result<()> {
    cut_or_pause(scene, json!({"fault": "isolate", "instance": instance}), instance).await
}

/// The functions have had the time for anything that they would do.
async fn longer_than_grace(cluster: &Cluster) -> Result<()> {
    let before = invocations(cluster).await?;
    until("the grace is over", LIMIT, || async {
        let more = invocations(cluster).await? - before;
        ensure!(more >= LONGER_THAN_GRACE, "{more} of {LONGER_THAN_GRACE} invocations have ended");
        Ok(())
    })
    .await
}

/// All of these have left the group, and the cluster is settled without them.
async fn all_replaced(cluster: &Cluster, instances: &[&String], size: usize) -> Result<()> {
    for instance in instances {
        cluster.replaces(instance, size).await?;
    }
    Ok(())
}

/// Writes are acknowledged again, and none was lost.
async fn writes_go_on(cluster: &Cluster, load: Load) -> Result<()> {
    let before = load.so_far();
    until("writes are acknowledged", LIMIT, || async {
        ensure!(load.so_far() > before + 20, "{} since then", load.so_far() - before);
        Ok(())
    })
    .await?;
    nothing_lost(cluster, load).await
}

/// Both followers still hear the leader: raft does not need the link, and nobody is replaced for it.
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

/// Whoever of the two leads next, the other does not hear it.
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

/// The follower hears nothing any more, and votes for nobody: the other is told to leave.
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

/// What the leader sends does not arrive; what the follower sends does.
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

/// It goes on believing that it leads until it notices; the functions reach it all the while, and another member too
/// is told to leave.
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

/// A joiner is cut off just after it was launched, and heard again before its patience is over.
#[test]
#[ignore = "make matrix"]
fn a_joiner_is_cut_off_and_heard_again() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let old: Vec<String> = cluster.nodes().await?.into_iter().map(|node| node.id).collect();
        cluster.terminate(&old[0]).await?;
        let joiner = until("the replacement is launched", LIMIT, || async {
            let machines = scene.account.state().await?["machines"].as_array().cloned().unwrap_or_default();
            let mut ids =
                machines.iter().filter_map(|machine| machine["instance"].as_str().map(str::to_owned));
            ids.find(|id| !old.contains(id)).context("not yet")
        })
        .await?;
        isolate_or_pause(&scene, &joiner).await?;
        longer_than_grace(&cluster).await?;
        assert!(
            check::removed_voters(&cluster).await?.is_empty(),
            "no voter goes before its replacement votes"
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
fn a_follower_that_only_the_functions_do_not_reach_is_replaced() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let follower = cluster.follower().await?;
        let hide = json!({"fault": "isolate", "instance": follower, "peers": false, "functions": true});
        scene.account.fault(hide).await?;
        cluster.replaces(&follower, 3).await?;
        // Silent for the grace, it goes before its replacement: nobody can know that etcd itself still hears it.
        assert!(check::set_unhealthy(&cluster).await?.contains(&follower));
        only_removed(&cluster, &[&follower]).await?;
        writes_go_on(&cluster, load).await
    });
}

/// Nobody but the leader is ever asked for a change: without it nothing is changed, not even for one that leaves.
#[test]
#[ignore = "make matrix"]
fn nothing_is_changed_while_the_functions_do_not_reach_the_leader() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = under_load(&scene, 3).await?;
        let [leader, one, _] = trio(&cluster).await?;
        let hide = json!({"fault": "isolate", "instance": leader, "peers": false, "functions": true});
        scene.account.fault(hide).await?;
        cluster.terminate(&one).await?;
        longer_than_grace(&cluster).await?;
        assert!(
            check::removed_voters(&cluster).await?.is_empty(),
            "a voter was removed without the leader's word"
        );
        scene.account.fault(json!({"fault": "clear"})).await?;
        cluster.replaces(&one, 3).await?;
        writes_go_on(&cluster, load).await
    });
}

/// Power cuts, all at once: as many as the cluster can lose and go on.
async fn lost_at_once(scene: Scene, size: i32, lost: usize) -> Result<()> {
    // The dead are removed without any grace; a short one would only replace what a busy machine starves.
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
