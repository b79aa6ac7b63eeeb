//! One voter has wrong data: one byte of its file is changed. Nothing says which copy is right, so every copy is kept
//! until an operator has decided, and the steps of OPERATIONS lead back to a sound cluster.

use std::collections::BTreeSet;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::image::etcd_dir;
use end_to_end::load::Load;
use end_to_end::wait::until;
use region::Options;
use serde_json::json;

use crate::runbook::Runbook;
use crate::support::{Scene, brisk, is_kept, is_said, nothing_lost, on_a_stage, only_removed, retains};

const KEY: &str = "marker";
/// The two values differ in one byte.
const RIGHT: &str = "the value of the marker: 1";
const WRONG: &str = "the value of the marker: 2";
/// From 3.6 on, a joiner of a cluster with more than a hundred entries gets the leader's copy as a snapshot.
const ENTRIES: usize = 130;

/// A region whose files are within reach, with this etcd and these settings of it.
fn with_files<Fut: Future<Output = Result<()>>>(
    etcd: PathBuf,
    settings: &[(&str, &str)],
    test: impl FnOnce(Scene, Site) -> Fut,
) {
    let directory = tempfile::tempdir().unwrap();
    let site = Site { files: directory.path().join("state"), etcd: etcd.clone() };
    let change = |options: &mut Options| {
        brisk(options);
        options.state_dir = Some(directory.path().join("state"));
        options.etcd_dir = etcd;
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        options.instance_config.extend(settings);
    };
    on_a_stage(change, |scene| test(scene, site));
}

fn usual() -> PathBuf {
    end_to_end::stage::etcd_dir().unwrap()
}

struct Site {
    files: PathBuf,
    etcd: PathBuf,
}

impl Site {
    /// Changes a byte of the marker in the file of this instance's member while its etcd is stopped, and starts the
    /// etcd again.
    async fn corrupt(&self, cluster: &Cluster, instance: &str) -> Result<()> {
        let leader = cluster.client_url(&cluster.leader().await?).await?;
        cluster.etcd().put(&leader, KEY, RIGHT).await?;
        for n in 0..ENTRIES {
            cluster.etcd().put(&leader, &format!("filler-{n}"), "x").await?;
        }
        let url = cluster.client_url(instance).await?;
        let account = &cluster.account;
        let wrong = until("one copy is wrong", LIMIT, || async {
            account.pause(instance).await?;
            account.fault(json!({"fault": "kill-etcd", "instance": instance})).await?;
            let found = change_marker(&self.files.join("instances").join(instance));
            account.resume(instance).await?;
            // What was not in the file yet is written again from the log, and then it is right.
            found?;
            until("its etcd is back", LIMIT, || cluster.etcd().members(&url)).await?;
            let value = cluster.etcd().own_copy(&url, KEY).await?;
            ensure!(value == WRONG, "it reads {value:?}");
            Ok(())
        });
        cluster.explained(wrong.await).await
    }

    fn runbook(&self) -> Result<Runbook> {
        Runbook::open("When copies differ", self.etcd.clone())
    }
}

fn change_marker(below: &Path) -> Result<()> {
    let path = database(below).with_context(|| format!("there is no database below {}", below.display()))?;
    let bytes = std::fs::read(&path)?;
    let at: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(RIGHT.as_bytes())).collect();
    ensure!(!at.is_empty(), "the marker is not in {} yet", path.display());
    let file = std::fs::OpenOptions::new().write(true).open(&path)?;
    for at in at {
        file.write_all_at(WRONG.as_bytes(), at as u64)?;
    }
    Ok(())
}

fn database(below: &Path) -> Option<PathBuf> {
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.ends_with("member/snap/db") {
                return Some(path);
            }
            folders.extend(Some(path).filter(|path| path.is_dir()));
        }
    }
    None
}

/// The voter of this instance: its member ID, as etcdctl writes it, and its address.
async fn voter(cluster: &Cluster, instance: &str) -> Result<(String, String)> {
    let members = cluster.members().await?;
    let member = members.iter().find(|m| m.name == instance);
    let id: u64 = member.with_context(|| format!("{instance} is not in {members:?}"))?.id.parse()?;
    let addresses = cluster.addresses().await?;
    Ok((format!("{id:x}"), addresses.get(instance).context("an address")?.clone()))
}

/// Makes this instance's member the leader.
async fn leads(cluster: &Cluster, instance: &str) -> Result<()> {
    let moved = until("the lead is moved", LIMIT, || async {
        let leader = cluster.leader().await?;
        if leader != instance {
            let members = cluster.members().await?;
            let to = members.iter().find(|m| m.name == instance).context("it is a member")?;
            cluster.etcd().move_leader(&cluster.client_url(&leader).await?, &to.id).await?;
        }
        ensure!(cluster.leader().await? == instance, "{leader} leads");
        Ok(())
    });
    cluster.explained(moved.await).await
}

/// A dry run and the log say it at the level ERROR, with the hash of each voter.
async fn told(cluster: &Cluster, code: &str, hashes: bool) -> Result<()> {
    let note = until("the copies are reported", LIMIT, || async {
        let answer = cluster.dry_run().await?;
        let notes = answer["decision"]["notes"].as_array().cloned().unwrap_or_default();
        let note = notes.iter().find(|note| note["about"] == "cluster" && note["code"] == code);
        let note = note.with_context(|| format!("{code} is not in {notes:?}"))?.clone();
        let text = note["text"].as_str().unwrap_or_default();
        for member in cluster.members().await?.iter().filter(|m| hashes && !m.learner) {
            let id: u64 = member.id.parse()?;
            let part = text.split("; ").find(|part| part.contains(&format!("member {id:x}")));
            let part = part.with_context(|| format!("member {id:x} is not in {text}"))?;
            ensure!(part.contains(&member.name) && part.contains("has the hash"), "{text}");
        }
        Ok(note)
    });
    let note = cluster.explained(note.await).await?;
    println!("told: {}", note["text"]);
    ensure!(note["level"] == "ERROR" && note["verdict"] == "refused", "{note}");
    is_said(cluster, "ERROR", code).await
}

/// Nobody is added, promoted, removed or set unhealthy any more.
async fn frozen(cluster: &Cluster) -> Result<()> {
    let changes = check::claimed(cluster).await?;
    let (members, leader) = (cluster.members().await?, cluster.leader().await?);
    cluster.had_their_chance(4).await?;
    let (now, leads) = (check::claimed(cluster).await?, cluster.leader().await?);
    ensure!(now == changes, "{now:?} were claimed, after {changes:?}");
    ensure!(cluster.members().await? == members, "{members:?} have become {:?}", cluster.members().await?);
    ensure!(leads == leader, "the lead went from {leader} to {leads}");
    ensure!(check::set_unhealthy(cluster).await?.is_empty(), "an instance was set unhealthy");
    Ok(())
}

/// The instances of the voters that have the wrong value, and of those that have the right one.
async fn sorted(cluster: &Cluster) -> Result<(Vec<String>, Vec<String>)> {
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for member in cluster.members().await?.iter().filter(|m| !m.learner) {
        let url = cluster.client_url(&member.name).await?;
        match cluster.etcd().own_copy(&url, KEY).await?.as_str() {
            WRONG => wrong.push(member.name.clone()),
            RIGHT => right.push(member.name.clone()),
            other => anyhow::bail!("{} reads {other:?}", member.name),
        }
    }
    Ok((wrong, right))
}

/// The client URLs of the voters.
async fn voters(cluster: &Cluster) -> Result<Vec<String>> {
    let mut urls = Vec::new();
    for member in cluster.members().await?.iter().filter(|m| !m.learner) {
        urls.push(cluster.client_url(&member.name).await?);
    }
    Ok(urls)
}

/// The different hashes at this revision, as the second step shows them.
async fn hashes(page: &Runbook, cluster: &Cluster, revision: i64) -> Result<BTreeSet<String>> {
    let (voters, revision) = (voters(cluster).await?, revision.to_string());
    let fill = [("VOTERS", voters.join(",")), ("REVISION", revision)];
    let told =
        page.run(cluster, 2, "hashkv", &fill.each_ref().map(|(name, value)| (*name, value.as_str()))).await?;
    let each: Vec<String> = told.lines().filter_map(|l| l.split(", ").nth(1)).map(str::to_owned).collect();
    ensure!(each.len() == voters.len(), "not every voter tells its hash: {told}");
    Ok(each.into_iter().collect())
}

/// Looks at the copies as the first three steps say: a snapshot of each, the hashes, and the keys that differ.
async fn inspected(page: &Runbook, cluster: &Cluster, wrong: &str, right: &str) -> Result<()> {
    let revision = cluster.etcd().revision(&cluster.client_url(right).await?).await?;
    for member in cluster.members().await?.iter().filter(|m| !m.learner) {
        let (_, address) = voter(cluster, &member.name).await?;
        page.run(cluster, 1, "snapshot", &[("ADDRESS", &address)]).await?;
        ensure!(page.file(&format!("{address}.db"))?.len() > 4096, "the snapshot is empty");
    }
    let told = hashes(page, cluster, revision).await?;
    ensure!(told.len() > 1, "the hashes are alike: {told:?}");
    let (_, good) = voter(cluster, right).await?;
    let (_, bad) = voter(cluster, wrong).await?;
    for address in [&good, &bad] {
        page.run(cluster, 3, "get", &[("ADDRESS", address)]).await?;
    }
    let lines = |name: &str| -> Result<BTreeSet<String>> {
        let all: serde_json::Value = serde_json::from_slice(&page.file(name)?)?;
        Ok(all["kvs"].as_array().into_iter().flatten().map(ToString::to_string).collect())
    };
    let (one, other) = (lines(&format!("{good}.json"))?, lines(&format!("{bad}.json"))?);
    ensure!(one.symmetric_difference(&other).next().is_some(), "no key differs");
    Ok(())
}

/// Decides as the page says: the lead to a right copy, each wrong member out, the alarm away, each instance ended.
async fn decided(page: &Runbook, cluster: &Cluster, wrong: &[String], right: &str) -> Result<()> {
    let (id, good) = voter(cluster, right).await?;
    let leader = cluster.leader().await?;
    if wrong.contains(&leader) {
        let (_, leads) = voter(cluster, &leader).await?;
        page.run(cluster, 4, "move-leader", &[("LEADER", &leads), ("ID", &id)]).await?;
    }
    for instance in wrong {
        let (id, _) = voter(cluster, instance).await?;
        page.run(cluster, 5, "remove", &[("RIGHT", &good), ("ID", &id)]).await?;
    }
    page.run(cluster, 6, "disarm", &[("RIGHT", &good)]).await?;
    for instance in wrong {
        page.run(cluster, 7, "--instance-id", &[("ID", instance)]).await?;
    }
    Ok(())
}

/// Every voter has the right value and the same hash, and the functions say nothing of the copies any more.
async fn sound(page: &Runbook, cluster: &Cluster) -> Result<()> {
    cluster.settles(3).await?;
    let (wrong, right) = sorted(cluster).await?;
    ensure!(wrong.is_empty() && right.len() == 3, "{wrong:?} are wrong");
    let equal = until("the hashes are equal", LIMIT, || async {
        let revision = cluster.etcd().revision(&cluster.client_url(&right[0]).await?).await?;
        let told = hashes(page, cluster, revision).await?;
        ensure!(told.len() == 1, "{told:?}");
        let notes = cluster.dry_run().await?["decision"]["notes"].clone();
        let text = notes.to_string();
        ensure!(!text.contains("hashes-differ") && !text.contains("\"corrupt\""), "{text}");
        Ok(())
    });
    cluster.explained(equal.await).await
}

/// A terminated machine must not let the wrong copy outlive a right one; what is gone has no copy.
#[test]
fn a_follower_with_wrong_data_outlives_nobody_and_an_operator_removes_it() {
    with_files(usual(), &[], |scene, site| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let (wrong, leader) = (cluster.follower().await?, cluster.leader().await?);
        let ids = cluster.ids().await?;
        let leaves = ids.iter().find(|id| **id != wrong && **id != leader).context("a third instance")?;
        site.corrupt(&cluster, &wrong).await?;
        cluster.terminate(leaves).await?;
        told(&cluster, "hashes-differ", true).await?;
        cluster.reports(leaves, "copy-will-be-lost").await?;
        frozen(&cluster).await?;
        is_kept(&cluster, leaves, "Terminating:Wait").await?;
        only_removed(&cluster, &[]).await?;
        cluster.kill(leaves).await?;
        until("the member of the instance that is gone is removed", LIMIT, || async {
            ensure!(cluster.members().await?.iter().all(|m| m.name != *leaves), "it is listed");
            Ok(())
        })
        .await?;
        only_removed(&cluster, &[leaves]).await?;
        told(&cluster, "hashes-differ", true).await?;
        frozen(&cluster).await?;
        let page = site.runbook()?;
        inspected(&page, &cluster, &wrong, &leader).await?;
        decided(&page, &cluster, &[wrong], &leader).await?;
        sound(&page, &cluster).await?;
        only_removed(&cluster, &[leaves]).await?;
        nothing_lost(&cluster, load).await
    });
}

/// The leader has the wrong data and hands it to the first joiner of a refresh, as a snapshot.
#[test]
fn a_leader_with_wrong_data_costs_no_right_copy_and_the_refresh_ends_after_the_operator() {
    with_files(usual(), &[], |scene, site| async move {
        let (cluster, load) = scene.three_under_load().await?;
        retains(&cluster).await?;
        let wrong = cluster.follower().await?;
        site.corrupt(&cluster, &wrong).await?;
        leads(&cluster, &wrong).await?;
        cluster.refresh().await?;
        told(&cluster, "hashes-differ", true).await?;
        frozen(&cluster).await?;
        // Either the first joiner voted and an old instance is to leave, or the joiners still wait for their turn.
        let nodes = cluster.nodes().await?;
        let state_of = |state: &str| nodes.iter().find(|n| n.lifecycle == state);
        let waits = state_of("Terminating:Wait").or(state_of("Pending:Wait"));
        let waits = waits.with_context(|| format!("none of {nodes:?} waits for a hook"))?;
        println!("{} is {}", waits.id, waits.lifecycle);
        is_kept(&cluster, &waits.id, &waits.lifecycle).await?;
        only_removed(&cluster, &[]).await?;
        ensure!(cluster.leader().await? == wrong, "the lead was moved");
        let (wrong_ones, right) = sorted(&cluster).await?;
        println!("wrong: {wrong_ones:?}, right: {right:?}");
        let page = site.runbook()?;
        inspected(&page, &cluster, &wrong, &right[0]).await?;
        decided(&page, &cluster, &wrong_ones, &right[0]).await?;
        cluster.refreshes(3).await?;
        sound(&page, &cluster).await?;
        nothing_lost(&cluster, load).await
    });
}

/// The leader's copy is wrong, and etcd's own check raises CORRUPT once it is compacted or at its next turn: nobody
/// joins and nobody leaves until the operator has taken every step of the page.
fn etcds_own_check(etcd: PathBuf, settings: &[(&str, &str)], tells_hashes: bool) {
    with_files(etcd, settings, |scene, site| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let wrong = cluster.follower().await?;
        site.corrupt(&cluster, &wrong).await?;
        leads(&cluster, &wrong).await?;
        let leader = cluster.client_url(&wrong).await?;
        let raised = until("etcd raises the alarm", LIMIT, || async {
            // Under the alarm a compaction is refused.
            let revision = cluster.etcd().revision(&leader).await?;
            let _refused_under_the_alarm = cluster.etcd().compact(&leader, revision).await;
            let refused = cluster.etcd().put(&leader, "under-the-alarm", "x").await;
            ensure!(refused.is_err_and(|e| format!("{e:#}").contains("corrupt")), "a write was taken");
            Ok(())
        });
        cluster.explained(raised.await).await?;
        told(&cluster, "corrupt", tells_hashes).await?;
        let (_, right) = sorted(&cluster).await?;
        cluster.terminate(&right[0]).await?;
        cluster.becomes(&right[0], "Terminating:Wait").await?;
        frozen(&cluster).await?;
        is_kept(&cluster, &right[0], "Terminating:Wait").await?;
        only_removed(&cluster, &[]).await?;
        let summary = cluster.dry_run().await?["summary"].clone();
        ensure!(summary["members"].to_string().contains("CORRUPT"), "no row has the alarm: {summary}");
        let page = site.runbook()?;
        inspected(&page, &cluster, &wrong, &right[1]).await?;
        decided(&page, &cluster, &[wrong], &right[1]).await?;
        cluster.replaces(&right[0], 3).await?;
        sound(&page, &cluster).await?;
        only_removed(&cluster, &[&right[0]]).await?;
        let before = load.so_far();
        writes_go_on(&load, before).await?;
        nothing_lost(&cluster, load).await
    });
}

async fn writes_go_on(load: &Load, before: usize) -> Result<()> {
    until("writes are acknowledged", LIMIT, || async {
        ensure!(load.so_far() > before + 20, "{} writes", load.so_far() - before);
        Ok(())
    })
    .await
}

/// As OPERATIONS turns it on from 3.6 on, and looking every two seconds in place of every minute.
const COMPACTED: [(&str, &str); 2] =
    [("ETCD_FEATURE_GATES", "CompactHashCheck=true"), ("ETCD_COMPACT_HASH_CHECK_TIME", "2s")];

#[test]
fn under_etcds_own_alarm_every_copy_is_kept_and_the_operator_ends_it() {
    etcds_own_check(usual(), &COMPACTED, true);
}

#[test]
#[ignore = "make matrix"]
fn under_etcds_own_alarm_on_3_7() {
    if let Some(dir) = etcd_dir("3.7.3").unwrap() {
        etcds_own_check(dir, &COMPACTED, true);
    }
}

#[test]
#[ignore = "make matrix"]
fn under_etcds_own_alarm_on_3_5() {
    let settings = [
        ("ETCD_EXPERIMENTAL_COMPACT_HASH_CHECK_ENABLED", "true"),
        ("ETCD_EXPERIMENTAL_COMPACT_HASH_CHECK_TIME", "2s"),
    ];
    if let Some(dir) = etcd_dir("3.5.35").unwrap() {
        etcds_own_check(dir, &settings, true);
    }
}

/// 3.4 has only the check at each turn, and tells no hash of the keys over HTTP.
#[test]
#[ignore = "make matrix"]
fn under_etcds_own_alarm_on_3_4() {
    if let Some(dir) = etcd_dir("3.4.23").unwrap() {
        etcds_own_check(dir, &[("ETCD_EXPERIMENTAL_CORRUPT_CHECK_TIME", "2s")], false);
    }
}

/// The check at each turn accuses whoever differs from the leader: here the two right copies.
#[test]
#[ignore = "make matrix"]
fn an_alarm_that_accuses_the_right_copies_costs_none_of_them() {
    etcds_own_check(usual(), &[("ETCD_CORRUPT_CHECK_TIME", "2s")], true);
}
