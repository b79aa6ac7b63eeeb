//! Claimants that are slow or dead, and their calls that arrive late.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::account::TimelineEntry;
use end_to_end::cluster::LIMIT;
use end_to_end::hold::Hold;
use end_to_end::wait::until;
use membership::change::Change;
use serde_json::json;

use crate::support::{Scene, brisk, nothing_lost, on_a_stage};

/// Waits until a call that was held back has arrived late.
async fn arrived(scene: &Scene, call: &str) -> Result<()> {
    until("the late call arrives", LIMIT, || async {
        let entries = scene.account.timeline().await?;
        let late = |e: &&TimelineEntry| e.text.starts_with("a late ") && e.text.contains(call);
        entries.iter().find(late).context("the call has not arrived yet").map(drop)
    })
    .await
}

/// Story 4, "The late publisher". The seed's first env says `new` and allows an empty disk. The call that
/// creates it arrives 25 s late, after another call has created it and the seed was sealed. It must not undo
/// the seal: a seed that then lost its disk would found a second cluster.
#[test]
#[ignore = "make matrix"]
fn the_seeds_env_is_written_again_after_it_was_sealed() {
    on_a_stage(brisk, |scene| async move {
        let late = json!({"fault": "api", "service": "ssm", "operation": "PutParameter", "caller": "function",
            "target": "/instances/", "body_contains": "ETCD_INITIAL_CLUSTER_STATE=new",
            "effect": "late", "millis": 25_000, "count": 1});
        let hold = Hold::on(&scene.account, late).await?;
        let (cluster, load) = scene.three_under_load().await?;
        let name = hold.caught().await?;
        arrived(&scene, "PutParameter").await?;
        let seed = cluster.seed().await?;
        assert!(name.ends_with(&seed), "the late env is not the seed's: {name}");
        let env = cluster.env(&seed).await?;
        assert!(
            env.contains("ETCD_ASG_DATA=present") && !env.contains("STATE=new"),
            "the seal is gone: {env}"
        );
        nothing_lost(&cluster, load).await
    });
}

/// Story 4, "The late publisher", with a joiner. The members change before the joiner has started, so its env
/// is overwritten, and that write arrives 10 s late. Until then no change may follow: the joiner would start,
/// be sealed and vote, and the late write would allow it an empty disk again.
#[test]
#[ignore = "make matrix"]
fn a_joiners_env_is_repaired_late() {
    let slow = |o: &mut region::Options| {
        brisk(o);
        o.boot_delay = Duration::from_secs(3);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let (leader, leaving) = (cluster.leader().await?, cluster.follower().await?);
        let known = cluster.ids().await?;
        let dies = known
            .iter()
            .find(|id| **id != leader && **id != leaving)
            .context("there is no third instance")?;
        cluster.terminate(&leaving).await?;
        let joiner = cluster.newcomer(&known).await?;
        scene.account.pause(&joiner).await?;
        until("the joiner's env is created", LIMIT, || async { cluster.env(&joiner).await.map(drop) })
            .await?;
        let late = json!({"fault": "api", "service": "ssm", "operation": "PutParameter", "caller": "function",
            "target": joiner, "effect": "late", "millis": 10_000, "count": 1});
        let hold = Hold::on(&scene.account, late).await?;
        cluster.kill(dies).await?;
        hold.caught().await?;
        scene.account.resume(&joiner).await?;
        cluster.replaces(&leaving, 3).await?;
        arrived(&scene, "PutParameter").await?;
        let env = cluster.env(&joiner).await?;
        assert!(env.contains("ETCD_ASG_DATA=present"), "a voter's env allows an empty disk: {env}");
        nothing_lost(&cluster, load).await
    });
}

/// Story 5, "The sleeper". A removal arrives 20 s after it was sent: its sender is dead, and its claim has
/// expired. Meanwhile another voter dies, and is removed and replaced. That is safe only because its removal
/// keeps a majority both with and without the unanswered removal.
#[test]
#[ignore = "make matrix"]
fn a_removal_arrives_after_its_claim_has_expired() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        let late = json!({"fault": "api", "service": "etcd", "operation": "cluster/member/remove",
            "caller": "function", "effect": "late", "millis": 20_000, "count": 1});
        let hold = Hold::on(&scene.account, late).await?;
        cluster.terminate(&leaving).await?;
        hold.caught().await?;
        let leader = cluster.leader().await?;
        let nodes = cluster.nodes().await?;
        let dies =
            nodes.iter().find(|n| n.id != leaving && n.id != leader).context("there is no third instance")?;
        cluster.kill(&dies.id).await?;
        cluster.replaces(&dies.id, 3).await?;
        cluster.replaces(&leaving, 3).await?;
        arrived(&scene, "member/remove").await?;
        cluster.settles(3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// A claimant is so slow that the platform kills it before it closes its claim. No other invocation may make
/// a change until the claim has expired. Then the others go on.
async fn outlived_by_its_claim(scene: &Scene, change: &str) -> Result<()> {
    let (cluster, load) = scene.three_under_load().await?;
    let leaving = cluster.follower().await?;
    let hold = Hold::claim(&scene.account, change, 4_000).await?;
    cluster.terminate(&leaving).await?;
    hold.caught().await?;
    // The claim is in the ledger. From now on no call to S3 is answered.
    scene
        .account
        .fault(json!({"fault": "api", "service": "s3", "caller": "function", "effect": "hang"}))
        .await?;
    let claim = until("the ledger has the claim", LIMIT, || async {
        cluster.ledger().await?.claim.context("the ledger has no claim yet")
    })
    .await?;
    let (request, expires) = (claim.request.to_string(), claim.expires);
    // The platform kills it during a call that hangs, or it ends by itself in its last second, between two
    // calls.
    until("the claimant has ended", LIMIT, || async {
        let entries = scene.account.timeline().await?;
        let of = |e: &&TimelineEntry| e.kind == "function" && e.text.starts_with(&request);
        let last = entries.iter().filter(of).map(|e| e.text.as_str()).next_back().unwrap_or_default();
        let ended = last.contains("Sandbox.Timedout") || last.contains(" answered ");
        ensure!(ended, "{request} still runs: {last}");
        Ok(())
    })
    .await?;
    scene.account.fault(json!({"fault": "clear"})).await?;
    cluster.replaces(&leaving, 3).await?;
    let versions = cluster.ledgers().await?;
    let last = versions.iter().rposition(|l| l.claim.as_ref().is_some_and(|c| c.nonce == claim.nonce));
    let last = last.context("no version of the ledger has the claim")?;
    let next = versions.get(last + 1).context("the claim was never closed")?;
    ensure!(next.at >= expires, "revision {} closed the claim before it had expired", next.revision);
    nothing_lost(&cluster, load).await
}

#[test]
#[ignore = "make matrix"]
fn a_slow_claimant_of_a_promotion_is_outlived_by_its_claim() {
    on_a_stage(brisk, |scene| async move { outlived_by_its_claim(&scene, "promote").await });
}

#[test]
#[ignore = "make matrix"]
fn a_slow_claimant_of_a_removal_is_outlived_by_its_claim() {
    on_a_stage(brisk, |scene| async move { outlived_by_its_claim(&scene, "remove").await });
}

/// Story 8, "The replacement removed". A learner is terminated, and its removal arrives 15 s late. Other
/// learners may join and be promoted meanwhile; only this learner may be removed.
#[test]
#[ignore = "make matrix"]
fn the_removal_of_a_learner_arrives_late() {
    let slow = |o: &mut region::Options| {
        brisk(o);
        o.boot_delay = Duration::from_secs(3);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        let known = cluster.ids().await?;
        cluster.terminate(&leaving).await?;
        let joiner = cluster.newcomer(&known).await?;
        cluster.has_a_learner().await?;
        let late = json!({"fault": "api", "service": "etcd", "operation": "cluster/member/remove",
            "caller": "function", "effect": "late", "millis": 15_000, "count": 1});
        let hold = Hold::on(&scene.account, late).await?;
        cluster.terminate(&joiner).await?;
        hold.caught().await?;
        cluster.replaces(&leaving, 3).await?;
        arrived(&scene, "member/remove").await?;
        cluster.settles(3).await?;
        let removed = end_to_end::check::claimed(&cluster).await?;
        let of_learners = removed.iter().filter(|c| matches!(c, Change::Remove { voter: false, .. }));
        let only = of_learners.clone().all(|c| c.instance().is_some_and(|i| i.as_str() == joiner));
        assert!(only && of_learners.count() > 0, "{removed:?}");
        nothing_lost(&cluster, load).await
    });
}
