//! A database that has reached its quota: every write is refused, and the members go on. The steps of OPERATIONS lead
//! back to a cluster that takes writes.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::image::etcd_dir;
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::Value;

use crate::runbook::Runbook;
use crate::support::{brisk, is_said, nothing_lost, on_a_stage, only_removed};

const QUOTA_MIB: u64 = 8;
const TOLD: &str = "of 8 MiB";
const NOT_TOLD: &str = " MiB)";
/// Below the limit for one request, 1.5 MiB.
const VALUE: usize = 200 * 1024;

/// Writes until etcd takes no more. Returns the keys that it took.
async fn fill(cluster: &Cluster) -> Result<Vec<String>> {
    let url = cluster.client_url(&cluster.leader().await?).await?;
    let value = "x".repeat(VALUE);
    let mut keys = Vec::new();
    loop {
        let key = format!("fill/{}", keys.len());
        match cluster.etcd().put(&url, &key, &value).await {
            Ok(()) => keys.push(key),
            Err(error) if format!("{error:#}").contains("database space exceeded") => return Ok(keys),
            Err(error) => return Err(error.context("filling the database")),
        }
        ensure!(keys.len() < 1_000, "the database has no quota");
    }
}

async fn addresses(cluster: &Cluster) -> Result<Vec<String>> {
    let (leader, known) = (cluster.leader().await?, cluster.addresses().await?);
    let mut names: Vec<String> = cluster.members().await?.into_iter().map(|m| m.name).collect();
    names.sort_by_key(|name| *name == leader);
    names
        .iter()
        .map(|name| known.get(name).cloned().with_context(|| format!("{name} has no address")))
        .collect()
}

/// The revision, where the page says that it is.
async fn revision(page: &Runbook, cluster: &Cluster, address: &str) -> Result<String> {
    let told = page.run(cluster, 1, "status", &[("ADDRESS", address)]).await?;
    let told: Value = serde_json::from_str(&told)?;
    Ok(told[0]["Status"]["header"]["revision"].as_u64().context("the status has a revision")?.to_string())
}

/// `quota` is what is said of the database's size. The status of 3.4 and 3.5 does not tell the quota.
fn full(etcd: PathBuf, quota: &'static str) {
    let programs = etcd.clone();
    let change = |options: &mut region::Options| {
        brisk(options);
        options.etcd_dir = etcd;
        let limit = (QUOTA_MIB << 20).to_string();
        options.instance_config.insert("ETCD_QUOTA_BACKEND_BYTES".to_owned(), limit);
    };
    on_a_stage(change, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let page = Runbook::open("When the database is full", programs)?;
        let keys = fill(&cluster).await?;
        cluster.reports_fact("nospace", quota).await?;
        is_said(&cluster, "ERROR", "nospace").await?;
        let summary = cluster.dry_run().await?["summary"].clone();
        ensure!(summary["members"].to_string().contains("NOSPACE"), "no row has the alarm: {summary}");

        // The members go on: an instance is replaced, and the alarm stands all the same.
        let leaves = cluster.leader().await?;
        cluster.terminate(&leaves).await?;
        cluster.replaces(&leaves, 3).await?;
        only_removed(&cluster, &[&leaves]).await?;
        cluster.reports("cluster", "nospace").await?;

        let all = addresses(&cluster).await?;
        let leader = all.last().context("a leader")?;
        for key in &keys {
            cluster.etcd().delete(&format!("http://{leader}:2379"), key).await?;
        }
        let at = revision(&page, &cluster, leader).await?;
        page.run(&cluster, 1, "compact", &[("ADDRESS", leader), ("REVISION", &at)]).await?;
        for address in &all {
            page.run(&cluster, 2, "defrag", &[("ADDRESS", address)]).await?;
        }
        page.run(&cluster, 3, "disarm", &[("ADDRESS", leader)]).await?;
        writes_go_on(&load).await?;
        let quiet = until("the note is gone", LIMIT, || async {
            let notes = cluster.dry_run().await?["decision"]["notes"].to_string();
            ensure!(!notes.contains("nospace"), "{notes}");
            Ok(())
        });
        cluster.explained(quiet.await).await?;
        cluster.settles(3).await?;
        nothing_lost(&cluster, load).await
    });
}

async fn writes_go_on(load: &Load) -> Result<()> {
    let before = load.so_far();
    until("writes are acknowledged", LIMIT, || async {
        ensure!(load.so_far() > before + 20, "{} writes", load.so_far() - before);
        Ok(())
    })
    .await
}

#[test]
fn a_full_database_is_told_and_the_operator_makes_it_writable() {
    full(end_to_end::stage::etcd_dir().unwrap(), TOLD);
}

#[test]
#[ignore = "make matrix"]
fn a_full_database_on_3_4() {
    if let Some(dir) = etcd_dir("3.4.23").unwrap() {
        full(dir, NOT_TOLD);
    }
}

#[test]
#[ignore = "make matrix"]
fn a_full_database_on_3_5() {
    if let Some(dir) = etcd_dir("3.5.35").unwrap() {
        full(dir, NOT_TOLD);
    }
}

#[test]
#[ignore = "make matrix"]
fn a_full_database_on_3_7() {
    if let Some(dir) = etcd_dir("3.7.3").unwrap() {
        full(dir, TOLD);
    }
}
