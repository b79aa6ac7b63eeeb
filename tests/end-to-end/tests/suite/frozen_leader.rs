//! A leader that freezes after it was asked for a change, and thaws later.

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::hold::Hold;
use end_to_end::wait::until;
use end_to_end::{check, witness};

use crate::support::{Scene, brisk, nothing_lost, on_a_stage};

/// Freezes the leader while a call is on its way to it. Returns the leader.
async fn frozen_with(scene: &Scene, cluster: &Cluster, hold: &Hold) -> Result<String> {
    let leader = cluster.instance_at(&hold.caught().await?).await?;
    scene.account.pause(&leader).await?;
    Ok(leader)
}

/// Waits until the ledger has an unanswered change, or had one.
async fn has_an_unanswered_change(cluster: &Cluster) -> Result<()> {
    until("the ledger has an unanswered change", LIMIT, || async {
        let versions = cluster.ledgers().await?;
        ensure!(versions.iter().any(|l| !l.unanswered.is_empty()), "no version of the ledger has one");
        Ok(())
    })
    .await
}

/// Stories 7, "The letter in the frozen leader's socket", and 20, "The letter handed on". The leader freezes
/// with the request to add a learner in its socket; the others elect a new leader and go on. Then it thaws,
/// and at that moment the new leader freezes. Whichever leader adds the learner, there is one cluster with a
/// quorum, and every learner has an owner.
#[test]
#[ignore = "make matrix"]
fn the_leader_freezes_with_an_addition_and_thaws_when_the_next_one_freezes() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        let hold = Hold::etcd(&scene.account, "cluster/member/add", 2_500).await?;
        cluster.terminate(&leaving).await?;
        let first = frozen_with(&scene, &cluster, &hold).await?;
        has_an_unanswered_change(&cluster).await?;
        let second = until("another member leads", LIMIT, || async {
            let leader = cluster.leader().await?;
            ensure!(leader != first, "the frozen member still leads");
            Ok(leader)
        })
        .await?;
        until("the replacement votes", LIMIT, || async {
            let members = cluster.members().await?;
            ensure!(members.len() == 4 && members.iter().all(|m| !m.learner), "{members:?}");
            Ok(())
        })
        .await?;
        scene.account.pause(&second).await?;
        scene.account.resume(&first).await?;
        let acknowledged = load.so_far();
        until("the others acknowledge writes", LIMIT, || async {
            ensure!(load.so_far() > acknowledged + 20, "too few writes are acknowledged");
            Ok(())
        })
        .await?;
        scene.account.resume(&second).await?;
        cluster.replaces(&leaving, 3).await?;
        check::replaced_before_removed(&cluster, &leaving).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Story 9, "Healing the messenger". Three members become two, and the leader freezes with the request for
/// the removal in its socket. Its grace period ends soon. If it were terminated after it had passed the
/// removal on, one of two voters would be left. So it is not set unhealthy while the removal is unanswered.
/// Then it thaws.
#[test]
#[ignore = "make matrix"]
fn the_leader_that_holds_a_removal_is_not_killed_for_its_silence() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
        let leaving = cluster.follower().await?;
        let hold = Hold::etcd(&scene.account, "cluster/member/remove", 2_500).await?;
        cluster.shrink_by(&leaving).await?;
        let messenger = frozen_with(&scene, &cluster, &hold).await?;
        has_an_unanswered_change(&cluster).await?;
        // Its grace period is over, and it is spared.
        cluster.logs_note("quorum-at-risk", Some(&messenger)).await?;
        scene.account.resume(&messenger).await?;
        cluster.replaces(&leaving, 2).await?;
        assert!(!witness::healed(&cluster, &messenger).await?, "the frozen leader was set unhealthy");
        nothing_lost(&cluster, load).await
    });
}

/// Story 10, "After you". One voter stays frozen, and another is terminated. If leaving and healing waited
/// for each other, both would wait until the hook's deadline. Instead both instances are replaced, and the
/// frozen voter never counts for the majority.
#[test]
#[ignore = "make matrix"]
fn a_voter_stays_frozen_beside_a_termination() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
        let (frozen, leader) = (cluster.follower().await?, cluster.leader().await?);
        let nodes = cluster.nodes().await?;
        let leaving = nodes.iter().map(|n| n.id.clone()).find(|id| *id != frozen && *id != leader);
        let leaving = leaving.context("there is no third instance")?;
        scene.account.pause(&frozen).await?;
        cluster.terminate(&leaving).await?;
        cluster.replaces(&frozen, 3).await?;
        cluster.replaces(&leaving, 3).await?;
        assert!(witness::healed(&cluster, &frozen).await?, "the frozen instance was not set unhealthy");
        check::replaced_before_removed(&cluster, &leaving).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Three members become one, and the instance that is to stay is frozen. The two that leave are the only
/// majority, so they wait until the frozen instance was replaced and the replacement votes. Then one member
/// is left, with all the data, and the cluster grows to three again.
#[test]
#[ignore = "make matrix"]
fn three_to_one_to_three_while_the_instance_that_stays_is_frozen() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
        let stays = cluster.follower().await?;
        let nodes = cluster.nodes().await?;
        scene.account.pause(&stays).await?;
        for leaving in nodes.iter().filter(|n| n.id != stays) {
            cluster.shrink_by(&leaving.id).await?;
        }
        cluster.replaces(&stays, 1).await?;
        cluster.scale(3).await?;
        cluster.settles(3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Three members become one, and the instance that is to stay is frozen, but thaws in time: it is not
/// replaced.
#[test]
#[ignore = "make matrix"]
fn three_to_one_to_three_while_the_instance_that_stays_thaws_in_time() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let stays = cluster.follower().await?;
        let nodes = cluster.nodes().await?;
        scene.account.pause(&stays).await?;
        for leaving in nodes.iter().filter(|n| n.id != stays) {
            cluster.shrink_by(&leaving.id).await?;
        }
        cluster.logs_note("doubtful-voter", None).await?;
        let members = cluster.members().await?;
        assert_eq!(members.len(), 3, "a member was removed: {members:?}");
        scene.account.resume(&stays).await?;
        cluster.settles(1).await?;
        assert_eq!(cluster.nodes().await?[0].id, stays, "another instance stayed");
        cluster.scale(3).await?;
        cluster.settles(3).await?;
        nothing_lost(&cluster, load).await
    });
}
