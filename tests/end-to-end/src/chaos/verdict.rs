//! Checks every promise once a run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use membership::change::Change;

use super::clients::Clients;
use super::history::History;
use super::report::Report;
use crate::check;
use crate::cluster::Cluster;
use crate::load::{Load, LoadReport};
use crate::wait::until;
use crate::witness;

/// How long slow members may take to apply all writes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks every promise, also those that come after one that did not hold.
pub async fn judge(report: &mut Report, cluster: &Cluster, clients: Clients, load: Load) {
    match clients.end(cluster).await {
        Ok((history, outcomes)) => {
            report.outcomes = outcomes;
            report.keys = history.keys().len();
            report.violations.extend(unexplained(&history));
        }
        Err(error) => report.violations.push(format!("the clients' keys cannot be read back: {error:#}")),
    }
    match load.end().await {
        Ok(load) => {
            report.acknowledged = (load.acknowledged, load.lost.len());
            report.longest_gap = load.longest_gap;
            report.violations.extend(lost(&load));
        }
        Err(error) => report.violations.push(format!("the load's writes cannot be read back: {error:#}")),
    }
    let broken = |promise: &str, error: anyhow::Error| format!("{promise}: {error:#}");
    match same_everywhere(cluster).await {
        Ok(revision) => report.same_at = Some(revision),
        Err(error) => report.violations.push(broken("the members do not have the same data", error)),
    }
    if let Err(error) = ledger(report, cluster).await {
        report.violations.push(broken("the ledger's versions break an invariant", error));
    }
}

/// The keys whose operations no order explains; or that no operation was answered, which would prove nothing.
fn unexplained(history: &History) -> Vec<String> {
    if history.count().1 == 0 {
        return vec!["no operation of the clients was ever answered".to_owned()];
    }
    let sentence = |(key, operations): (&str, String)| {
        format!("the history of {key} is not linearizable: no order explains the last of these\n{operations}")
    };
    history.violations().into_iter().map(sentence).collect()
}

/// The writes that were acknowledged and cannot be read back; or that no write was acknowledged, which would
/// prove nothing.
fn lost(load: &LoadReport) -> Vec<String> {
    if load.acknowledged == 0 {
        return vec!["no write of the load was ever acknowledged".to_owned()];
    }
    let lost = load.lost.len();
    let some: Vec<&String> = load.lost.iter().take(10).collect();
    (lost > 0)
        .then(|| format!("{lost} acknowledged writes were lost, among them {some:?}"))
        .into_iter()
        .collect()
}

/// Waits until every member has the same hash of its data at one revision. Returns the revision.
async fn same_everywhere(cluster: &Cluster) -> Result<i64> {
    until("all members have the same hash", PATIENCE, || async {
        let urls = cluster.endpoints().await?;
        let first = urls.first().context("there is no endpoint")?;
        let revision = cluster.etcd().revision(first).await?;
        let mut hashes = BTreeMap::new();
        for url in &urls {
            // A member that answers this linearizable read has applied the revision.
            cluster.etcd().revision(url).await?;
            hashes.insert(url, cluster.etcd().hash(url, revision).await?);
        }
        let same = hashes.values().all(|hash| Some(hash) == hashes.values().next());
        ensure!(same, "at revision {revision}: {hashes:?}");
        Ok(revision)
    })
    .await
}

async fn ledger(report: &mut Report, cluster: &Cluster) -> Result<()> {
    report.ledgers = cluster.ledgers().await?.len();
    for change in check::claimed(cluster).await? {
        *report.changes.entry(name(&change)).or_default() += 1;
    }
    check::ledger_invariants(cluster).await?;
    witness::changes_only_under_claim(cluster).await?;
    let generation = cluster.ledger().await?.generation.number;
    ensure!(generation == 1, "{generation} generations were opened instead of one");
    Ok(())
}

fn name(change: &Change) -> &'static str {
    match change {
        Change::AddLearner { .. } => "added",
        Change::Promote { .. } => "promoted",
        Change::Remove { voter: true, .. } => "voters removed",
        Change::Remove { .. } => "learners removed",
        Change::SetUnhealthy { .. } => "set unhealthy",
        _ => "other changes",
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Operation;
    use super::super::register::Effect;
    use super::*;

    fn load(acknowledged: usize, lost: &[&str]) -> LoadReport {
        let lost = lost.iter().map(|key| (*key).to_owned()).collect();
        LoadReport { acknowledged, lost, longest_gap: Duration::ZERO }
    }

    #[test]
    fn a_lost_write_is_reported() {
        assert!(lost(&load(5, &[])).is_empty());
        assert!(lost(&load(5, &["load/000000003"]))[0].contains("load/000000003"));
        assert!(!lost(&load(0, &[])).is_empty(), "a load without an acknowledged write proves nothing");
    }

    #[test]
    fn an_impossible_history_is_reported_and_so_is_one_without_answers() {
        let read = |key: &str, held| Operation {
            client: 0,
            key: key.to_owned(),
            began: Duration::from_secs(1),
            ended: Some(Duration::from_secs(2)),
            effect: Effect::Read(held),
        };
        let mut history = History::default();
        assert!(unexplained(&history)[0].contains("ever answered"));
        history.add(read("a", None));
        assert!(unexplained(&history).is_empty());
        history.add(read("b", Some(7)));
        assert!(unexplained(&history)[0].starts_with("the history of b is not linearizable"));
    }
}
