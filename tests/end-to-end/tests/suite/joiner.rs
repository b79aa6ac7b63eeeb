//! What can become of a joiner on its way: it dies, freezes, hangs, is terminated, says nothing for a while.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::etcd::Etcd;
use end_to_end::hold::Hold;
use end_to_end::load::Load;
use end_to_end::wait::until;
use end_to_end::{check, witness};
use futures::{StreamExt, TryStreamExt, stream};
use membership::change::Change;

use crate::support::{Scene, brisk, nothing_lost, on_a_stage};

/// etcd takes a snapshot each 10,000 entries, and drops the log that lies 5,000 behind it.
const PAST_ITS_FIRST_SNAPSHOT: usize = 10_500;

/// Three under load, one of them leaving; the promotion of its replacement is claimed, and its claimant has not taken
/// its second look yet.
struct AboutToBePromoted {
    cluster: Cluster,
    load: Load,
    leaving: String,
    learner: String,
    hold: Hold,
}

async fn about_to_be_promoted(scene: &Scene, patience: &str) -> Result<AboutToBePromoted> {
    let (cluster, load) = scene.under_load(3, &[("join-patience", patience)]).await?;
    let leaving = cluster.follower().await?;
    let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
    let hold = Hold::claim(&scene.account, "promote", 4_000).await?;
    cluster.terminate(&leaving).await?;
    let learner = cluster.newcomer(&known).await?;
    let of_it = |c: &Change| matches!(c, Change::Promote { instance, .. } if instance.as_str() == learner);
    hold.stands(&cluster, of_it).await?;
    Ok(AboutToBePromoted { cluster, load, leaving, learner, hold })
}

/// Its promotion was claimed, and each time nothing was sent to etcd.
async fn withdrawn(cluster: &Cluster, learner: &str) -> Result<()> {
    let outcomes = witness::outcomes(cluster, &format!("promote {learner},")).await?;
    ensure!(!outcomes.is_empty(), "the promotion of {learner} was never claimed");
    ensure!(outcomes.iter().all(|o| o.contains("withdrawn")), "etcd was asked: {outcomes:?}");
    Ok(())
}

/// Waits until this instance's member is out of the list.
async fn is_out(cluster: &Cluster, instance: &str) -> Result<()> {
    until("its member is removed", LIMIT, || async {
        let members = cluster.members().await?;
        ensure!(members.iter().all(|m| m.name != instance), "{members:?}");
        Ok(())
    })
    .await
}

/// The learner caught up, was found well, and lost its power when its promotion was claimed and not sent yet. etcd
/// promotes a dead learner that had once caught up; the second look must not.
#[test]
#[ignore = "make matrix"]
fn a_learner_dies_after_it_has_caught_up() {
    on_a_stage(brisk, |scene| async move {
        let AboutToBePromoted { cluster, load, leaving, learner, hold } =
            about_to_be_promoted(&scene, "300").await?;
        scene.account.cut_power(&learner).await?;
        hold.lift().await?;
        is_out(&cluster, &learner).await?;
        withdrawn(&cluster, &learner).await?;
        cluster.replaces(&leaving, 3).await?;
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Story 6, frozen since the probe: as above, but the learner is alive and silent, so nothing tells of its state but
/// its own silence. Without the second look at it, it would be promoted; without a patience, waited for for ever.
#[test]
#[ignore = "make matrix"]
fn a_learner_freezes_between_its_probe_and_its_promotion() {
    on_a_stage(brisk, |scene| async move {
        let AboutToBePromoted { cluster, load, leaving, learner, hold } =
            about_to_be_promoted(&scene, "25").await?;
        scene.account.pause(&learner).await?;
        hold.lift().await?;
        is_out(&cluster, &learner).await?;
        withdrawn(&cluster, &learner).await?;
        cluster.replaces(&leaving, 3).await?;
        assert!(witness::given_up(&cluster).await?.contains(&learner), "its patience was over");
        assert_eq!(witness::added(&cluster, &learner).await?, 1, "it was not added again");
        nothing_lost(&cluster, load).await
    });
}

/// Story 19, the silent new voter: it freezes while its promotion is on its way to the leader. Everything waits for
/// its first answer, and would wait for ever if its own removal did, too.
#[test]
#[ignore = "make matrix"]
fn a_voter_is_silent_from_its_promotion_on() {
    on_a_stage(brisk, |scene| async move {
        let cluster = scene.cluster_with(3, &[("join-patience", "25")]).await?;
        cluster.settles(3).await?;
        let leaving = cluster.follower().await?;
        let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
        let hold = Hold::etcd(&scene.account, "cluster/member/promote", 2_500).await?;
        cluster.terminate(&leaving).await?;
        let learner = cluster.newcomer(&known).await?;
        hold.caught().await?;
        scene.account.pause(&learner).await?;
        until("it votes", LIMIT, || async {
            let members = cluster.members().await?;
            ensure!(members.iter().any(|m| m.name == learner && !m.learner), "{members:?}");
            Ok(())
        })
        .await?;
        // Not before: etcd refuses to promote a frozen learner that a load has left behind.
        let load = Load::start(&cluster, "load")?;
        cluster.replaces(&leaving, 3).await?;
        assert!(cluster.nodes().await?.iter().all(|n| n.id != learner), "it was replaced");
        assert!(witness::given_up(&cluster).await?.contains(&learner), "its patience was over");
        nothing_lost(&cluster, load).await
    });
}

/// Story 15, seven silent seconds: with more than a hundred entries applied a joiner of etcd 3.6 is sent a snapshot,
/// and serves nothing for 7 s after it started. That silence is not a failure.
#[test]
#[ignore = "make matrix"]
fn a_learner_that_joined_by_snapshot_is_silent_for_a_while() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("join-patience", "30")]).await?;
        let (etcd, url) =
            (Etcd::new(Duration::from_secs(20))?, cluster.client_url(&cluster.leader().await?).await?);
        let value = "0123456789".repeat(10_000);
        for number in 0..200 {
            etcd.put(&url, &format!("snapshot/{number}"), &value).await?;
        }
        let follower = cluster.follower().await?;
        let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
        cluster.terminate(&follower).await?;
        let joiner = cluster.newcomer(&known).await?;
        cluster.replaces(&follower, 3).await?;
        assert!(cluster.nodes().await?.iter().any(|n| n.id == joiner), "it is the one that joined");
        assert!(witness::given_up(&cluster).await?.is_empty(), "nobody was given up");
        let console = scene.account.page(&format!("console/{joiner}")).await?;
        assert!(console.contains("snapshot"), "it joined by snapshot: {console}");
        nothing_lost(&cluster, load).await
    });
}

/// Story 12, the undead launch, and 11, in and out: the replacement hangs before its etcd ever starts. Its hook is
/// kept alive while it may still arrive, and no longer; it is added once, and the next one joins in its place.
#[test]
#[ignore = "make matrix"]
fn a_joiner_hangs() {
    let slow = |o: &mut region::Options| {
        brisk(o);
        o.boot_delay = Duration::from_secs(2);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("join-patience", "40")]).await?;
        cluster.launch_heartbeat(30).await?;
        let follower = cluster.follower().await?;
        let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
        cluster.kill(&follower).await?;
        let joiner = cluster.newcomer(&known).await?;
        scene.account.pause(&joiner).await?;
        cluster.replaces(&joiner, 3).await?;
        assert!(witness::given_up(&cluster).await?.contains(&joiner), "it was given up");
        assert_eq!(witness::added(&cluster, &joiner).await?, 1, "it was added once");
        let timeline = scene.account.timeline().await?;
        let of = |text: &str| timeline.iter().position(|e| e.who == joiner && e.text.contains(text));
        let kept = of("kept alive").context("its hook was kept alive for a while")?;
        let ended = of("completed: ABANDON").context("the controller ended it, not the hook's timeout")?;
        assert!(kept < ended, "and then no more");
        nothing_lost(&cluster, load).await
    });
}

/// A joiner that was added is told to leave before it has started: its learner goes, its hook ends, and whoever is
/// launched instead joins.
#[test]
fn a_joiner_is_terminated_while_it_joins() {
    let slow = |o: &mut region::Options| {
        brisk(o);
        o.boot_delay = Duration::from_secs(3);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
        cluster.terminate(&leaving).await?;
        let joiner = cluster.newcomer(&known).await?;
        cluster.has_a_learner().await?;
        cluster.terminate(&joiner).await?;
        cluster.replaces(&joiner, 3).await?;
        assert!(cluster.nodes().await?.iter().all(|n| n.id != leaving), "both are gone");
        let promoted = check::claimed(&cluster).await?;
        let promoted = promoted
            .iter()
            .any(|c| matches!(c, Change::Promote { instance, .. } if instance.as_str() == joiner));
        assert!(!promoted, "a leaving joiner is not promoted");
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// The log is long and nobody writes: the joiner gets a snapshot, and etcd serves nothing until it has applied one more
/// entry ("too many requests", in a loop). `make bench` found it, on a machine that was fast enough for 5,000 entries.
#[test]
#[ignore = "make matrix"]
fn a_cluster_that_nobody_writes_to_grows() {
    on_a_stage(brisk, |scene| async move {
        let cluster = scene.cluster(1).await?;
        cluster.settles(1).await?;
        let url = cluster.client_url(&cluster.leader().await?).await?;
        let etcd = Etcd::new(LIMIT)?;
        let write = async |n: usize| etcd.put(&url, &format!("long-log/{}", n % 50), "v").await;
        stream::iter(0..PAST_ITS_FIRST_SNAPSHOT).map(write).buffer_unordered(32).try_collect::<()>().await?;
        cluster.scale(2).await?;
        cluster.settles(2).await
    });
}
