//! What the ledger's versions, the timeline and the calls bear witness of, once a story is over.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::primitives::{DateTime, DateTimeFormat};
use membership::change::Change;
use membership::ledger::{ConditionKey, Ledger};

use crate::check::claimed;
use crate::cluster::Cluster;

/// I10: every change of the membership that arrived was sent under the claim that stood at that moment, or stood in the
/// ledger as one that may still happen: its sender had given it up before it arrived. (Of the last 200 invocations, whose
/// calls the region keeps.)
pub async fn changes_only_under_claim(cluster: &Cluster) -> Result<()> {
    let state = cluster.account.state().await?;
    let versions = cluster.ledgers().await?;
    for invocation in state["invocations"].as_array().into_iter().flatten() {
        let began = invocation["began"].as_f64().context("an invocation began at some time")?;
        for call in invocation["calls"].as_array().into_iter().flatten() {
            let operation = call["operation"].as_str().unwrap_or_default();
            let change = operation.strip_prefix("cluster/member/").filter(|o| *o != "list");
            let Some(change) = change.filter(|_| call["service"] == "etcd") else { continue };
            let at = began + call["start"].as_f64().unwrap_or_default();
            let request = invocation["request"].as_str().unwrap_or_default();
            // A call that is reset at once is over, and its claim closed, within the same millisecond.
            let stood = [standing(&versions, at), standing(&versions, at - 1.0)];
            let covers = |l: &&Ledger| {
                let own = l.claim.as_ref().is_some_and(|c| c.request.to_string() == request);
                own || l.unanswered.iter().any(|m| operation_of(&m.change) == change)
            };
            ensure!(
                stood.iter().flatten().any(covers),
                "{request} asked for {change} at {at:.0} while the claim was {:?}; of its claims stood {:?}",
                stood[0].and_then(|l| l.claim.as_ref()).map(|c| c.request.to_string()),
                claims_of(&versions, request)
            );
        }
    }
    Ok(())
}

/// The call of etcd's gateway that makes this change.
fn operation_of(change: &Change) -> &'static str {
    match change {
        Change::AddLearner { .. } => "add",
        Change::Promote { .. } => "promote",
        Change::Remove { .. } => "remove",
        _ => "",
    }
}

/// Each change that this request claimed, with the times of the first and the last ledger that says so.
fn claims_of(versions: &[Ledger], request: &str) -> Vec<String> {
    let of = versions.iter().enumerate().filter_map(|(index, ledger)| {
        let claim = ledger.claim.as_ref().filter(|c| c.request.to_string() == request)?;
        let closed =
            versions[index + 1..].iter().find(|l| l.claim.as_ref().map(|c| &c.nonce) != Some(&claim.nonce));
        Some(format!("{} from {} to {:?}", claim.proposal.change, ledger.at.0, closed.map(|l| l.at.0)))
    });
    of.collect()
}

/// The ledger as it stood at a time, in milliseconds since 1970.
fn state(versions: &[Ledger], at: f64) -> Option<&Ledger> {
    versions.iter().rev().find(|l| l.at.0 as f64 <= at)
}

/// I2: when the next generation opened, EC2 had said of every instance of the last that it was terminated.
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
            let ended = ended
                .with_context(|| format!("{instance} of generation {} lives", last.generation.number))?;
            ensure!(
                millis(&ended.at)? <= next.at.0,
                "generation {} opened before {instance} was gone",
                next.generation.number
            );
        }
    }
    Ok(())
}

/// Milliseconds since 1970.
fn millis(rfc3339: &str) -> Result<u64> {
    Ok(u64::try_from(DateTime::from_str(rfc3339, DateTimeFormat::DateTime)?.to_millis()?)?)
}

/// I12: from the moment there were as many voters as desired, no removal was claimed that left fewer.
pub async fn replaced_before_removed_throughout(cluster: &Cluster, desired: usize) -> Result<()> {
    let (mut voters, mut full) = (BTreeSet::from(["seed".to_owned()]), false);
    let seed = cluster.ledger().await?.generation.identity.context("it has no identity")?.seed_member;
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
        ensure!(!full || voters.len() >= desired, "fewer than {desired} voters were left: {voters:?}");
    }
    ensure!(full, "there were never {desired} voters");
    Ok(())
}

/// The instances that were ever given up as joiners.
pub async fn given_up(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let versions = cluster.ledgers().await?;
    let conditions = versions.iter().flat_map(|l| l.conditions.keys());
    let given_up = conditions.filter_map(|key| match key {
        ConditionKey::GivenUp(instance) => Some(instance.to_string()),
        _ => None,
    });
    Ok(given_up.collect())
}

/// What became of the changes whose description begins so, in the words of the ledger's history.
pub async fn outcomes(cluster: &Cluster, change: &str) -> Result<BTreeSet<String>> {
    let versions = cluster.ledgers().await?;
    let lines = versions.iter().flat_map(|l| &l.history).filter(|o| o.text.contains(change));
    Ok(lines.map(|o| format!("{} {}", o.at.0, o.text)).collect())
}

/// How often this instance's addition was claimed.
pub async fn added(cluster: &Cluster, instance: &str) -> Result<usize> {
    let added = |c: &&Change| matches!(c, Change::AddLearner { instance: i, .. } if i.as_str() == instance);
    Ok(claimed(cluster).await?.iter().filter(added).count())
}

/// Whether any claim set this instance unhealthy.
pub async fn healed(cluster: &Cluster, instance: &str) -> Result<bool> {
    let healed = |c: &Change| matches!(c, Change::SetUnhealthy { instance: i } if i.as_str() == instance);
    Ok(claimed(cluster).await?.iter().any(healed))
}
