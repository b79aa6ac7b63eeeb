//! Slow and dead claimants, and what of theirs arrives late.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::LIMIT;
use end_to_end::hold::Hold;
use end_to_end::wait::until;
use membership::change::Change;
use serde_json::json;

use crate::support::{Scene, brisk, nothing_lost, on_a_stage};

/// Waits until a call that was made late has arrived.
async fn arrived(scene: &Scene, call: &str) -> Result<()> {
    until("the late call arrives", LIMIT, || async {
        let entries = scene.account.timeline().await?;
        let late = |e: &&end_to_end::account::Entry| e.text.starts_with("a late ") && e.text.contains(call);
        entries.iter().find(late).context("it has not arrived yet").map(drop)
    })
    .await
}

/// Story 4, the late publisher: the first writing of the seed's env, `new` and for an empty disk, arrives long after
/// the seed was sealed. It must not take the seal away: a seed that then lost its disk would be born twice.
#[test]
#[ignore = "make matrix"]
fn the_seeds_env_is_published_again_after_it_was_sealed() {
    on_a_stage(brisk, |scene| async move {
        let late = json!({"fault": "api", "service": "ssm", "operation": "PutParameter", "caller": "function",
            "target": "/instances/", "body_contains": "ETCD_INITIAL_CLUSTER_STATE=new",
            "effect": "late", "millis": 25_000, "count": 1});
        let hold = Hold::on(&scene.account, late).await?;
        let (cluster, load) = scene.three_under_load().await?;
        let name = hold.caught().await?;
        arrived(&scene, "PutParameter").await?;
        let seed = cluster.seed().await?;
        assert!(name.ends_with(&seed), "it was the seed's: {name}");
        let env = cluster.env(&seed).await?;
        assert!(env.contains("ETCD_ASG_DATA=present") && !env.contains("STATE=new"), "still sealed: {env}");
        nothing_lost(&cluster, load).await
    });
}

/// Story 4 again: the env of a joiner is written anew, since the membership changed before it started, and that write
/// arrives 10 s late. Until then nobody may go on: the joiner would start, be sealed and vote, and the late write would
/// allow it an empty disk again.
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
        let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
        let dies = known.iter().find(|id| **id != leader && **id != leaving).context("there is a third")?;
        cluster.terminate(&leaving).await?;
        let joiner = cluster.newcomer(&known).await?;
        scene.account.pause(&joiner).await?;
        until("its env is published", LIMIT, || async { cluster.env(&joiner).await.map(drop) }).await?;
        let late = json!({"fault": "api", "service": "ssm", "operation": "PutParameter", "caller": "function",
            "target": joiner, "effect": "late", "millis": 10_000, "count": 1});
        let hold = Hold::on(&scene.account, late).await?;
        cluster.kill(dies).await?;
        hold.caught().await?;
        scene.account.resume(&joiner).await?;
        cluster.replaces(&leaving, 3).await?;
        arrived(&scene, "PutParameter").await?;
        let env = cluster.env(&joiner).await?;
        assert!(env.contains("ETCD_ASG_DATA=present"), "it votes, and may not start empty: {env}");
        nothing_lost(&cluster, load).await
    });
}

/// Story 5, the sleeper: a removal is sent, and arrives 20 s later, long after its sender is dead and its claim has
/// expired. Meanwhile another voter dies, and is removed and replaced: safe only because the removal that may still
/// come was counted as done, and as not done.
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
        let dies = nodes.iter().find(|n| n.id != leaving && n.id != leader).context("there is another")?;
        cluster.kill(&dies.id).await?;
        cluster.replaces(&dies.id, 3).await?;
        cluster.replaces(&leaving, 3).await?;
        arrived(&scene, "member/remove").await?;
        cluster.settles(3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// A claimant that is so slow that the platform ends it under its claim: it cannot close it, and nobody else may act
/// until it has expired. Then they go on.
async fn outlived_by_its_claim(scene: &Scene, change: &str) -> Result<()> {
    let (cluster, load) = scene.three_under_load().await?;
    let leaving = cluster.follower().await?;
    let hold = Hold::claim(&scene.account, change, 4_000).await?;
    cluster.terminate(&leaving).await?;
    hold.caught().await?;
    // The claim was written, and nothing after it is.
    scene
        .account
        .fault(json!({"fault": "api", "service": "s3", "caller": "function", "effect": "hang"}))
        .await?;
    let claim = until("the claim stands", LIMIT, || async {
        cluster.ledger().await?.claim.context("there is none yet")
    })
    .await?;
    let (request, expires) = (claim.request.to_string(), claim.expires);
    // By the platform, within a call that hangs, or by itself in its last second, between two of them.
    until("its claimant is ended", LIMIT, || async {
        let entries = scene.account.timeline().await?;
        let of = |e: &&end_to_end::account::Entry| e.kind == "function" && e.text.starts_with(&request);
        let last = entries.iter().filter(of).map(|e| e.text.as_str()).next_back().unwrap_or_default();
        let ended = last.contains("Sandbox.Timedout") || last.contains(" answered ");
        ensure!(ended, "{request} still runs: {last}");
        Ok(())
    })
    .await?;
    scene.account.fault(json!({"fault": "clear"})).await?;
    cluster.replaces(&leaving, 3).await?;
    let versions = cluster.ledgers().await?;
    let taken = versions.iter().rposition(|l| l.claim.as_ref().is_some_and(|c| c.nonce == claim.nonce));
    let next = versions.get(taken.context("it stood")? + 1).context("it was closed")?;
    ensure!(next.at >= expires, "revision {} closed a claim that had not expired", next.revision);
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

/// Story 8, the replacement removed. The removal of a learner that is told to leave is sent and arrives 15 s late;
/// whatever joins and is promoted meanwhile, only that learner ever goes.
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
        let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
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
