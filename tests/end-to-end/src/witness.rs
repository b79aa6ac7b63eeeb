//! Checks of a whole test, once it is over: on the ledger's versions, the region's timeline and the
//! functions' calls.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::primitives::{DateTime, DateTimeFormat};
use membership::change::Change;
use membership::ledger::{ConditionKey, Ledger};

use crate::check::claimed;
use crate::cluster::Cluster;

/// I10: when a change of the members reached etcd, the ledger had the caller's claim, or had the change as
/// unanswered, because the caller had stopped waiting before the change arrived. Checks the last 200
/// invocations: the region keeps only their calls.
pub async fn changes_only_under_claim(cluster: &Cluster) -> Result<()> {
    let state = cluster.account.state().await?;
    let versions = cluster.ledgers().await?;
    for invocation in state["invocations"].as_array().into_iter().flatten() {
        let began = invocation["began"].as_f64().context("an invocation has no time")?;
        for call in invocation["calls"].as_array().into_iter().flatten() {
            let operation = call["operation"].as_str().unwrap_or_default();
            let change = operation.strip_prefix("cluster/member/").filter(|o| *o != "list");
            let Some(change) = change.filter(|_| call["service"] == "etcd") else { continue };
            let at = began + call["start"].as_f64().unwrap_or_default();
            let request = invocation["request"].as_str().unwrap_or_default();
            // A call that is reset at once ends in its first millisecond, and so may its claim.
            let ledgers = [ledger_at(&versions, at), ledger_at(&versions, at - 1.0)];
            let covers = |l: &&Ledger| {
                let own = l.claim.as_ref().is_some_and(|c| c.request.to_string() == request);
                own || l.unanswered.iter().any(|unanswered| operation_of(&unanswered.change) == change)
            };
            ensure!(
                ledgers.iter().flatten().any(covers),
                "request {request} sent {change} at {at:.0} while the ledger had the claim of {:?}; its own claims: {:?}",
                ledgers[0].and_then(|l| l.claim.as_ref()).map(|c| c.request.to_string()),
                claims_of(&versions, request)
            );
        }
    }
    Ok(())
}

/// The call to etcd that makes this change; empty if no call to etcd does.
fn operation_of(change: &Change) -> &'static str {
    match change {
        Change::AddLearner { .. } => "add",
        Change::Promote { .. } => "promote",
        Change::Remove { .. } => "remove",
        _ => "",
    }
}

/// Each change that a request claimed, from when until when, in milliseconds since 1970.
fn claims_of(versions: &[Ledger], request: &str) -> Vec<String> {
    let of = versions.iter().enumerate().filter_map(|(index, ledger)| {
        let claim = ledger.claim.as_ref().filter(|c| c.request.to_string() == request)?;
        let closed =
            versions[index + 1..].iter().find(|l| l.claim.as_ref().map(|c| &c.nonce) != Some(&claim.nonce));
        Some(format!("{} from {} to {:?}", claim.proposal.change, ledger.at.0, closed.map(|l| l.at.0)))
    });
    of.collect()
}

/// The ledger at a time, in milliseconds since 1970.
fn ledger_at(versions: &[Ledger], at: f64) -> Option<&Ledger> {
    versions.iter().rev().find(|l| l.at.0 as f64 <= at)
}

/// I2: before a generation opened, every instance of the generation before it was terminated.
pub async fn all_gone_before_next(cluster: &Cluster) -> Result<()> {
    let versions = cluster.ledgers().await?;
    let timeline = cluster.account.timeline().await?;
    for pair in versions.windows(2) {
        let (last, next) = (&pair[0], &pair[1]);
        if last.generation.number == next.generation.number {
            continue;
        }
        for instance in last.instances.keys().map(membership::ids::InstanceId::as_str) {
            let ended =
                timeline.iter().find(|e| e.kind == "ec2" && e.who == instance && e.text == "terminated");
            let ended = ended.with_context(|| {
                format!("{instance} of generation {} was never terminated", last.generation.number)
            })?;
            ensure!(
                millis(&ended.at)? <= next.at.0,
                "generation {} opened before {instance} was terminated",
                next.generation.number
            );
        }
    }
    Ok(())
}

/// An RFC 3339 time in milliseconds since 1970.
fn millis(rfc3339: &str) -> Result<u64> {
    Ok(u64::try_from(DateTime::from_str(rfc3339, DateTimeFormat::DateTime)?.to_millis()?)?)
}

/// I12 for the whole life of a cluster: once there were `desired` voters, no removal was claimed that left
/// fewer.
pub async fn replaced_before_removed_throughout(cluster: &Cluster, desired: usize) -> Result<()> {
    let (mut voters, mut full) = (BTreeSet::from(["seed".to_owned()]), false);
    let seed =
        cluster.ledger().await?.generation.identity.context("the generation has no identity")?.seed_member;
    for change in claimed(cluster).await? {
        match change {
            Change::Promote { member, .. } => drop(voters.insert(member.to_string())),
            Change::Remove { member, voter: true, .. } => {
                let gone = if Some(member) == seed { "seed".to_owned() } else { member.to_string() };
                voters.remove(&gone);
            }
            _ => {}
        }
        full |= voters.len() >= desired;
        ensure!(!full || voters.len() >= desired, "a removal left fewer than {desired} voters: {voters:?}");
    }
    ensure!(full, "there were never {desired} voters");
    Ok(())
}

/// The instances that the ledger ever recorded as given up.
pub async fn given_up(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let versions = cluster.ledgers().await?;
    let conditions = versions.iter().flat_map(|l| l.conditions.keys());
    let given_up = conditions.filter_map(|key| match key {
        ConditionKey::GivenUp(instance) => Some(instance.to_string()),
        _ => None,
    });
    Ok(given_up.collect())
}

/// How often adding this instance as a learner was claimed.
pub async fn added(cluster: &Cluster, instance: &str) -> Result<usize> {
    let added = |c: &&Change| matches!(c, Change::AddLearner { instance: i, .. } if i.as_str() == instance);
    Ok(claimed(cluster).await?.iter().filter(added).count())
}

/// Whether setting this instance unhealthy was ever claimed.
pub async fn healed(cluster: &Cluster, instance: &str) -> Result<bool> {
    let healed = |c: &Change| matches!(c, Change::SetUnhealthy { instance: i } if i.as_str() == instance);
    Ok(claimed(cluster).await?.iter().any(healed))
}
