//! The invariants that can be seen from outside: in the ledger's versions, on the timeline, at the members.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use membership::change::Change;
use membership::ids::MemberId;
use membership::ledger::{Ledger, Phase};

use crate::cluster::Cluster;

/// Checks every version of the ledger that was ever written.
pub async fn ledger_invariants(cluster: &Cluster) -> Result<()> {
    let versions = cluster.ledgers().await?;
    revisions_grow_by_one(&versions)?;
    one_seed_a_generation(&versions)?;
    one_change_in_flight(&versions)?;
    formed_is_never_abandoned(&versions)
}

fn revisions_grow_by_one(versions: &[Ledger]) -> Result<()> {
    for (index, ledger) in versions.iter().enumerate() {
        ensure!(ledger.revision == index as u64 + 1, "write {} has revision {}", index + 1, ledger.revision);
    }
    Ok(())
}

/// I1: in each generation at most one instance is ever the seed.
fn one_seed_a_generation(versions: &[Ledger]) -> Result<()> {
    let mut seeds = BTreeMap::new();
    for ledger in versions {
        let generation = &ledger.generation;
        let seed = seeds.entry(generation.number).or_insert_with(|| generation.seed.clone());
        ensure!(*seed == generation.seed, "generation {} has two seeds", generation.number);
    }
    Ok(())
}

/// I10: a claim is followed by another only once it was closed, or had expired.
fn one_change_in_flight(versions: &[Ledger]) -> Result<()> {
    for pair in versions.windows(2) {
        let (Some(before), Some(after)) = (&pair[0].claim, &pair[1].claim) else { continue };
        let taken_over = before.nonce != after.nonce;
        ensure!(
            !taken_over || pair[1].at >= before.expires,
            "revision {}: {} claims while {} is in flight",
            pair[1].revision,
            after.proposal.change,
            before.proposal.change
        );
    }
    Ok(())
}

fn formed_is_never_abandoned(versions: &[Ledger]) -> Result<()> {
    for pair in versions.windows(2) {
        let formed = pair[0].generation.phase == Phase::Formed;
        ensure!(
            !(formed && pair[1].generation.phase == Phase::Abandoned),
            "a formed generation was abandoned at revision {}",
            pair[1].revision
        );
    }
    Ok(())
}

/// The changes that were claimed, in the order of their claims.
pub async fn claimed(cluster: &Cluster) -> Result<Vec<Change>> {
    let mut seen = BTreeSet::new();
    let mut changes = Vec::new();
    for ledger in cluster.ledgers().await? {
        if let Some(claim) = ledger.claim
            && seen.insert(claim.nonce.clone())
        {
            changes.push(claim.proposal.change);
        }
    }
    Ok(changes)
}

/// Whether any removal of a voter was ever claimed.
pub async fn removed_voters(cluster: &Cluster) -> Result<Vec<Change>> {
    let voter = |c: &Change| matches!(c, Change::Remove { voter: true, .. });
    Ok(claimed(cluster).await?.into_iter().filter(voter).collect())
}

/// I12, over the whole life of a cluster: whenever the removal of a voter was claimed, more than `size` voted. Read
/// from every claim that was ever written, so no moment is missed.
pub async fn never_fewer_voters_than(cluster: &Cluster, size: usize) -> Result<()> {
    for ledger in cluster.ledgers().await? {
        let Some(claim) = ledger.claim else { continue };
        if matches!(claim.proposal.change, Change::Remove { voter: true, .. }) {
            let voters = claim.voters.len();
            ensure!(
                voters > size,
                "revision {}: {} of {voters} voters, with {size} desired",
                ledger.revision,
                claim.proposal.change
            );
        }
    }
    Ok(())
}

/// The members whose removal, as voters, was ever claimed: a claim that came to nothing is made again.
pub async fn voters_told_to_go(cluster: &Cluster) -> Result<BTreeSet<MemberId>> {
    let member = |c: Change| match c {
        Change::Remove { member, voter: true, .. } => Some(member),
        _ => None,
    };
    Ok(claimed(cluster).await?.into_iter().filter_map(member).collect())
}

/// The instances that were ever set unhealthy by us.
pub async fn set_unhealthy(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let unhealthy = |c: Change| match c {
        Change::SetUnhealthy { instance } => Some(instance.to_string()),
        _ => None,
    };
    Ok(claimed(cluster).await?.into_iter().filter_map(unhealthy).collect())
}

/// I12: this instance's voter was removed only after as many others voted as there were before it left.
pub async fn replaced_before_removed(cluster: &Cluster, instance: &str) -> Result<()> {
    let changes = claimed(cluster).await?;
    let at = |wanted: &dyn Fn(&Change) -> bool| changes.iter().rposition(wanted);
    let removal = at(&|c| {
        matches!(c, Change::Remove { voter: true, .. })
            && c.instance().is_some_and(|i| i.as_str() == instance)
    });
    let promotion = at(&|c| matches!(c, Change::Promote { .. }));
    ensure!(
        removal.is_some() && promotion < removal,
        "it was not replaced before it was removed: {changes:?}"
    );
    Ok(())
}
