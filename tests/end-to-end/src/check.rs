//! The invariants that the versions of the ledger show, and what was ever claimed in them. `docs/SAFETY.md`
//! has the invariants (I1, I2, …).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use membership::change::Change;
use membership::ids::MemberId;
use membership::ledger::{Ledger, Phase};

use crate::cluster::Cluster;

/// Checks the invariants on every version of the ledger that was ever written.
pub async fn ledger_invariants(cluster: &Cluster) -> Result<()> {
    let versions = cluster.ledgers().await?;
    revisions_grow_by_one(&versions)?;
    one_seed_a_generation(&versions)?;
    one_change_in_flight(&versions)?;
    formed_is_never_abandoned(&versions)
}

fn revisions_grow_by_one(versions: &[Ledger]) -> Result<()> {
    for (index, ledger) in versions.iter().enumerate() {
        ensure!(
            ledger.revision == index as u64 + 1,
            "version {} of the ledger has revision {}",
            index + 1,
            ledger.revision
        );
    }
    Ok(())
}

/// I1: a generation never has two seeds.
fn one_seed_a_generation(versions: &[Ledger]) -> Result<()> {
    let mut seeds = BTreeMap::new();
    for ledger in versions {
        let generation = &ledger.generation;
        let seed = seeds.entry(generation.number).or_insert_with(|| generation.seed.clone());
        ensure!(*seed == generation.seed, "generation {} has two seeds", generation.number);
    }
    Ok(())
}

/// I10: a claim replaces another only after the other has expired.
fn one_change_in_flight(versions: &[Ledger]) -> Result<()> {
    for pair in versions.windows(2) {
        let (Some(before), Some(after)) = (&pair[0].claim, &pair[1].claim) else { continue };
        let replaced = before.nonce != after.nonce;
        ensure!(
            !replaced || pair[1].at >= before.expires,
            "revision {}: \"{}\" is claimed while \"{}\" is in flight",
            pair[1].revision,
            after.proposal.change,
            before.proposal.change
        );
    }
    Ok(())
}

/// A generation that has formed is never abandoned.
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

/// The changes that were ever claimed, in the order of their claims.
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

/// The removals of voters that were ever claimed.
pub async fn removed_voters(cluster: &Cluster) -> Result<Vec<Change>> {
    let voter = |c: &Change| matches!(c, Change::Remove { voter: true, .. });
    Ok(claimed(cluster).await?.into_iter().filter(voter).collect())
}

/// I12 for the whole life of a cluster: whenever the removal of a voter was claimed, there were more than
/// `size` voters. It reads every claim that was ever written, so it misses no moment.
pub async fn never_fewer_voters_than(cluster: &Cluster, size: usize) -> Result<()> {
    for ledger in cluster.ledgers().await? {
        let Some(claim) = ledger.claim else { continue };
        if matches!(claim.proposal.change, Change::Remove { voter: true, .. }) {
            let voters = claim.voters.len();
            ensure!(
                voters > size,
                "revision {}: \"{}\" was claimed with {voters} voters and {size} desired",
                ledger.revision,
                claim.proposal.change
            );
        }
    }
    Ok(())
}

/// The voters whose removal was ever claimed. Each counts once, however often its removal had to be claimed.
pub async fn voters_to_be_removed(cluster: &Cluster) -> Result<BTreeSet<MemberId>> {
    let member = |c: Change| match c {
        Change::Remove { member, voter: true, .. } => Some(member),
        _ => None,
    };
    Ok(claimed(cluster).await?.into_iter().filter_map(member).collect())
}

/// The instances for which SetInstanceHealth was ever claimed.
pub async fn set_unhealthy(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let unhealthy = |c: Change| match c {
        Change::SetUnhealthy { instance } => Some(instance.to_string()),
        _ => None,
    };
    Ok(claimed(cluster).await?.into_iter().filter_map(unhealthy).collect())
}

/// I12 for one instance: its voter's removal was last claimed after a promotion was claimed, that of its
/// replacement.
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
        "{instance} was not replaced before it was removed: {changes:?}"
    );
    Ok(())
}
