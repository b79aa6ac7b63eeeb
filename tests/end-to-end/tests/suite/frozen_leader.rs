//! A leader that freezes with a change in its hands, and thaws.

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::hold::Hold;
use end_to_end::wait::until;
use end_to_end::{check, witness};

use crate::support::{Scene, brisk, nothing_lost, on_a_stage};

/// Freezes the leader while the next call of this operation is on its way to it. Answers the leader.
async fn frozen_with(scene: &Scene, cluster: &Cluster, hold: &Hold) -> Result<String> {
    let leader = cluster.at(&hold.caught().await?).await?;
    scene.account.pause(&leader).await?;
    Ok(leader)
}

/// Waits until a change that got no answer stands in the ledger as one that may still happen.
async fn a_maybe(cluster: &Cluster) -> Result<()> {
    until("the unanswered change is a unanswered", LIMIT, || async {
        let versions = cluster.ledgers().await?;
        ensure!(versions.iter().any(|l| !l.unanswered.is_empty()), "there was none");
        Ok(())
    })
    .await
}

/// Stories 7 and 20, the letter in the frozen leader's socket, and the letter handed on. The leader freezes with an
/// addition in its hands; the others elect a new one and go on; then it thaws, and at that moment the new leader
/// freezes. Wherever the letter lands, there is one cluster, a quorum, and no joiner that nobody knows of.
#[test]
#[ignore = "make matrix"]
fn the_leader_freezes_with_an_addition_and_thaws_when_the_next_one_freezes() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        let hold = Hold::etcd(&scene.account, "cluster/member/add", 2_500).await?;
        cluster.terminate(&leaving).await?;
        let first = frozen_with(&scene, &cluster, &hold).await?;
        a_maybe(&cluster).await?;
        let second = until("another leads", LIMIT, || async {
            let leader = cluster.leader().await?;
            ensure!(leader != first, "it is still the frozen one");
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
        until("the others go on", LIMIT, || async {
            ensure!(load.so_far() > acknowledged + 20, "nothing is acknowledged");
            Ok(())
        })
        .await?;
        scene.account.resume(&second).await?;
        cluster.replaces(&leaving, 3).await?;
        check::replaced_before_removed(&cluster, &leaving).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Story 9, healing the messenger. Scaling from three to two, the leader freezes with the removal in its hands. Its
/// grace is soon over; but if it were killed after it handed the removal on, one of two would be left. So it is not
/// set unhealthy while the removal may still happen; it thaws, and all is well.
#[test]
#[ignore = "make matrix"]
fn the_leader_that_holds_a_removal_is_not_killed_for_its_silence() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
        let leaving = cluster.follower().await?;
        let hold = Hold::etcd(&scene.account, "cluster/member/remove", 2_500).await?;
        cluster.shrink_by(&leaving).await?;
        let messenger = frozen_with(&scene, &cluster, &hold).await?;
        a_maybe(&cluster).await?;
        until("its grace is over, and it is spared", LIMIT, || async {
            let log = scene.account.logs().await?;
            let spared = format!("it would cost the proven majority: set {messenger} unhealthy");
            ensure!(log.contains(&spared), "nobody has said so yet");
            Ok(())
        })
        .await?;
        scene.account.resume(&messenger).await?;
        cluster.replaces(&leaving, 2).await?;
        assert!(!witness::healed(&cluster, &messenger).await?, "the messenger was not set unhealthy");
        nothing_lost(&cluster, load).await
    });
}

/// Story 10, after you: one voter frozen for good, another terminating. Leaving would wait for healing, and healing
/// for leaving, until the hook's deadline; both are replaced instead, and never is the frozen one leaned on.
#[test]
#[ignore = "make matrix"]
fn a_voter_stays_frozen_beside_a_termination() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
        let (frozen, leader) = (cluster.follower().await?, cluster.leader().await?);
        let nodes = cluster.nodes().await?;
        let leaving = nodes.iter().map(|n| n.id.clone()).find(|id| *id != frozen && *id != leader);
        let leaving = leaving.context("there is a third")?;
        scene.account.pause(&frozen).await?;
        cluster.terminate(&leaving).await?;
        cluster.replaces(&frozen, 3).await?;
        cluster.replaces(&leaving, 3).await?;
        assert!(witness::healed(&cluster, &frozen).await?, "the frozen one was set unhealthy");
        check::replaced_before_removed(&cluster, &leaving).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Three are scaled down to one, and the one that is to stay is frozen: the two that leave are the only ones who can
/// decide anything. They wait until it was replaced by one that votes; then one is left, with all the data, and it
/// grows to three again.
#[test]
#[ignore = "make matrix"]
fn three_to_one_to_three_with_the_one_that_stays_frozen() {
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

/// The same, and it thaws in time: nobody is replaced.
#[test]
#[ignore = "make matrix"]
fn three_to_one_to_three_with_one_that_thaws() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let stays = cluster.follower().await?;
        let nodes = cluster.nodes().await?;
        scene.account.pause(&stays).await?;
        for leaving in nodes.iter().filter(|n| n.id != stays) {
            cluster.shrink_by(&leaving.id).await?;
        }
        until("both wait to leave", LIMIT, || async {
            let log = scene.account.logs().await?;
            ensure!(log.contains("no live voter is removed while"), "nobody has said so yet");
            Ok(())
        })
        .await?;
        let members = cluster.members().await?;
        assert_eq!(members.len(), 3, "nobody was removed: {members:?}");
        scene.account.resume(&stays).await?;
        cluster.settles(1).await?;
        assert_eq!(cluster.nodes().await?[0].id, stays, "it is the one that stayed");
        cluster.scale(3).await?;
        cluster.settles(3).await?;
        nothing_lost(&cluster, load).await
    });
}
