//! What must hold once a run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use membership::change::Change;

use super::clients::Clients;
use super::history::History;
use super::report::Report;
use crate::check;
use crate::cluster::Cluster;
use crate::load::{self, Load};
use crate::wait::until;
use crate::witness;

/// Members that answer a linearizable read have applied everything before it; this is for those that are slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Judges a run, in every respect, whatever was found in the others.
pub async fn judge(report: &mut Report, cluster: &Cluster, clients: Clients, load: Load) {
    match clients.end(cluster).await {
        Ok((history, outcomes)) => {
            report.outcomes = outcomes;
            report.keys = history.keys().len();
            report.violations.extend(unexplained(&history));
        }
        Err(error) => report.violations.push(format!("the keys cannot be read once more: {error:#}")),
    }
    match load.end().await {
        Ok(account) => {
            report.acknowledged = (account.acknowledged, account.lost.len());
            report.longest_gap = account.longest_gap;
            report.violations.extend(lost(&account));
        }
        Err(error) => report.violations.push(format!("the writes cannot be read back: {error:#}")),
    }
    let broken = |promise: &str, error: anyhow::Error| format!("{promise}: {error:#}");
    match same_everywhere(cluster).await {
        Ok(revision) => report.same_at = Some(revision),
        Err(error) => report.violations.push(broken("the members differ", error)),
    }
    if let Err(error) = ledger(report, cluster).await {
        report.violations.push(broken("the ledger", error));
    }
}

/// Keys whose operations no order explains, and a run in which nothing was answered.
fn unexplained(history: &History) -> Vec<String> {
    if history.count().1 == 0 {
        return vec!["no operation was ever answered".to_owned()];
    }
    let told = |(key, operations): (&str, String)| {
        format!("{key} is not linearizable; the last of these cannot be explained:\n{operations}")
    };
    history.violations().into_iter().map(told).collect()
}

/// Writes that were acknowledged and cannot be read back, and a load that never got through.
fn lost(account: &load::Account) -> Vec<String> {
    if account.acknowledged == 0 {
        return vec!["no write was ever acknowledged".to_owned()];
    }
    let lost = account.lost.len();
    let some: Vec<&String> = account.lost.iter().take(10).collect();
    (lost > 0).then(|| format!("{lost} acknowledged writes were lost: {some:?}")).into_iter().collect()
}

/// Every member has the same hash at one revision, compacted to the same one.
async fn same_everywhere(cluster: &Cluster) -> Result<i64> {
    until("all have the same hash", PATIENCE, || async {
        let urls = cluster.endpoints().await?;
        let first = urls.first().context("there is no endpoint")?;
        let revision = cluster.etcd().revision(first).await?;
        let mut hashes = BTreeMap::new();
        for url in &urls {
            // Once it answers this, it has applied the revision.
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
    ensure!(generation == 1, "{generation} clusters were founded instead of one");
    Ok(())
}

fn name(change: &Change) -> &'static str {
    match change {
        Change::AddLearner { .. } => "added",
        Change::Promote { .. } => "promoted",
        Change::Remove { voter: true, .. } => "voters removed",
        Change::Remove { .. } => "learners removed",
        Change::SetUnhealthy { .. } => "set unhealthy",
        _ => "others",
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Operation;
    use super::super::register::Effect;
    use super::*;

    fn account(acknowledged: usize, lost: &[&str]) -> load::Account {
        let lost = lost.iter().map(|key| (*key).to_owned()).collect();
        load::Account { acknowledged, lost, longest_gap: Duration::ZERO }
    }

    #[test]
    fn a_lost_write_is_told() {
        assert!(lost(&account(5, &[])).is_empty());
        assert!(lost(&account(5, &["load/000000003"]))[0].contains("load/000000003"));
        assert!(!lost(&account(0, &[])).is_empty(), "nothing acknowledged is nothing proven");
    }

    #[test]
    fn an_order_that_cannot_be_is_told_and_so_is_silence() {
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
        assert!(unexplained(&history)[0].starts_with("b is not linearizable"));
    }
}
