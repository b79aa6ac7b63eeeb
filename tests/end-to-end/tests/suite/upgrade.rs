//! Upgrades of etcd as on AWS: a new version of the launch template names another image, and an instance
//! refresh launches before it terminates. Dangerous upgrades are refused or held with a reason, and the old
//! cluster stays whole.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::image::{image, images, launch_template};
use end_to_end::load::Load;
use end_to_end::wait::until;
use end_to_end::witness;

use crate::support::{Scene, nothing_lost, on_a_stage};

/// The join patience, in seconds: short enough for the tests that wait for it, and longer than any good
/// joiner needs.
const PATIENCE: &str = "90";
/// The oldest 3.5 that stores promotions.
const NEEDED: &str = "3.5.32";

#[test]
#[ignore = "make matrix"]
fn one_minor_at_a_time_from_3_4_to_3_7_under_load() {
    let path = ["3.4.23", "3.5.35", "3.6.16", "3.7.3"];
    upgrade(&path, |scene| async move {
        let (cluster, load) = three_under_load_on(&scene, path[0]).await?;
        for version in &path[1..] {
            upgraded(&cluster, &load, version).await?;
        }
        nothing_lost(&cluster, load).await
    });
}

/// An etcd 3.6 that joins makes every 3.4 voter panic for good. The same refresh continues once the template
/// names 3.5.
#[test]
#[ignore = "make matrix"]
fn a_jump_from_3_4_to_3_6_is_refused_and_goes_on_by_way_of_3_5() {
    upgrade(&["3.4.23", "3.5.35", "3.6.16"], |scene| async move {
        let (cluster, load) = three_under_load_on(&scene, "3.4.23").await?;
        let old = refused(&scene, &cluster, "3.6.16", "must not join cluster main").await?;
        whole(&cluster, &old, "3.4.23", &load).await?;
        cluster.launches_with("3.5.35").await?;
        refreshed(&cluster).await?;
        cluster.runs("3.5.35").await?;
        nothing_lost(&cluster, load).await
    });
}

/// A 3.5 cluster would not refuse etcd 3.7, which panics at the entries that 3.5 wrote, now or after its
/// promotion.
#[test]
#[ignore = "make matrix"]
fn a_jump_from_3_5_to_3_7_is_refused() {
    upgrade(&["3.5.35", "3.7.3"], |scene| async move {
        let (cluster, load) = three_under_load_on(&scene, "3.5.35").await?;
        let old = refused(&scene, &cluster, "3.7.3", "must not join cluster main").await?;
        given_up(&cluster).await?;
        whole(&cluster, &old, "3.5.35", &load).await?;
        nothing_lost(&cluster, load).await
    });
}

/// etcd 3.6 takes voters of an early 3.5 for learners, because an early 3.5 does not store promotions.
#[test]
#[ignore = "make matrix"]
fn an_early_3_5_is_upgraded_to_a_later_3_5_before_3_6() {
    upgrade(&["3.5.16", "3.5.35", "3.6.16"], |scene| async move {
        let (cluster, load) = three_under_load_on(&scene, "3.5.16").await?;
        let old = refused(&scene, &cluster, "3.6.16", "may not join cluster main yet").await?;
        cluster.reports_fact("version-held", NEEDED).await?;
        let history = given_up(&cluster).await?;
        ensure!(history.contains(NEEDED), "the ledger's history does not say why: {history}");
        whole(&cluster, &old, "3.5.16", &load).await?;
        cluster.launches_with("3.5.35").await?;
        refreshed(&cluster).await?;
        upgraded(&cluster, &load, "3.6.16").await?;
        nothing_lost(&cluster, load).await
    });
}

/// Story 22, "The idle upgrade". Entries of 3.5 are still in the log, so 3.7 is held. The same instance joins
/// after some writes.
#[test]
#[ignore = "make matrix"]
fn a_3_7_is_held_while_entries_of_3_5_may_be_in_the_log() {
    upgrade(&["3.5.35", "3.6.16", "3.7.3"], |scene| async move {
        let cluster = three_on(&scene, "3.5.35", &[]).await?;
        cluster.launches_with("3.6.16").await?;
        cluster.refresh().await?;
        refreshed(&cluster).await?;
        cluster.runs("3.6.16").await?;
        let old = refused(&scene, &cluster, "3.7.3", "may not join cluster main yet").await?;
        cluster.reports_fact("version-held", "3.5").await?;
        let load = Load::dense(&cluster, "load")?;
        whole(&cluster, &old, "3.6.16", &load).await?;
        refreshed(&cluster).await?;
        cluster.runs("3.7.3").await?;
        nothing_lost(&cluster, load).await
    });
}

/// Runs a test on a region with images of these versions, if this machine can provide them all.
fn upgrade<F, Fut>(versions: &[&str], test: F)
where
    F: FnOnce(Scene) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    if let Some(images) = images(versions).unwrap() {
        on_a_stage(|o| o.images = images, test);
    }
}

async fn three_on(scene: &Scene, version: &str, settings: &[(&str, &str)]) -> Result<Cluster> {
    launch_template(&scene.account, "main", Some(image(version))).await?;
    let cluster = Cluster::create(scene.account.clone(), "main", 3, settings).await?;
    cluster.settles(3).await?;
    cluster.runs(version).await?;
    Ok(cluster)
}

async fn three_under_load_on(scene: &Scene, version: &str) -> Result<(Cluster, Load)> {
    let cluster = three_on(scene, version, &[("join-patience", PATIENCE)]).await?;
    let load = Load::dense(&cluster, "load")?;
    Ok((cluster, load))
}

/// Replaces every instance by one that runs this version.
async fn upgraded(cluster: &Cluster, load: &Load, version: &str) -> Result<()> {
    let (begun, before) = (Instant::now(), load.so_far());
    cluster.launches_with(version).await?;
    cluster.refresh().await?;
    refreshed(cluster).await?;
    cluster.runs(version).await?;
    println!(
        "upgrade to etcd {version}: {:.0} s, {} writes acknowledged, longest gap {} ms",
        begun.elapsed().as_secs_f64(),
        load.so_far() - before,
        load.longest_gap_since(begun).as_millis()
    );
    Ok(())
}

/// Waits until the latest instance refresh is successful and the cluster is settled.
async fn refreshed(cluster: &Cluster) -> Result<()> {
    let done = until("the instance refresh is done", 4 * LIMIT, || async {
        let call = cluster.account.autoscaling.describe_instance_refreshes();
        let answer = call.auto_scaling_group_name(&cluster.name).send().await?;
        let refresh = answer.instance_refreshes().first().context("the group has had no instance refresh")?;
        let status = refresh.status().map(|s| s.as_str()).unwrap_or_default();
        let left = refresh.instances_to_update().unwrap_or_default();
        ensure!(status == "Successful", "the refresh is {status}, with {left} instances to update");
        Ok(())
    });
    cluster.explained(done.await).await?;
    cluster.settles(3).await
}

/// Starts a refresh to this version, and waits until the console of a new instance says why its etcd does not
/// start. Returns the old instances.
async fn refused(scene: &Scene, cluster: &Cluster, version: &str, words: &str) -> Result<BTreeSet<String>> {
    let old: BTreeSet<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
    cluster.launches_with(version).await?;
    cluster.refresh().await?;
    until(&format!("the console of a new instance says: {words}"), LIMIT, || async {
        let nodes = cluster.nodes().await?;
        let mut consoles = String::new();
        // A new instance whose turn to join has not come says nothing about its version yet.
        for new in nodes.iter().filter(|n| !old.contains(&n.id)) {
            consoles += &scene.account.page(&format!("console/{}", new.id)).await?;
        }
        let says = |line: &str| line.contains(&format!("etcd {version}")) && line.contains(words);
        ensure!(consoles.lines().any(says), "their consoles say {consoles:?}");
        Ok(())
    })
    .await?;
    Ok(old)
}

/// Succeeds if exactly the old instances are in service and vote, with their old version, and writes are
/// acknowledged.
async fn whole(cluster: &Cluster, old: &BTreeSet<String>, version: &str, load: &Load) -> Result<()> {
    let nodes = cluster.nodes().await?;
    let serving: BTreeSet<String> =
        nodes.iter().filter(|n| n.lifecycle == "InService").map(|n| n.id.clone()).collect();
    ensure!(serving == *old, "other instances are in service: {nodes:?}");
    let versions = cluster.versions().await?;
    ensure!(versions.keys().eq(old.iter()), "other members vote: {versions:?}");
    ensure!(versions.values().all(|v| v == version), "not all voters run {version}: {versions:?}");
    let before = load.so_far();
    until("writes are acknowledged", LIMIT, || async {
        ensure!(load.so_far() > before + 20, "{} writes", load.so_far() - before);
        Ok(())
    })
    .await
}

/// Waits until a joiner is given up, and returns what the ledger's history says about it.
async fn given_up(cluster: &Cluster) -> Result<String> {
    until("a joiner is given up", LIMIT, || async {
        let joiner = witness::given_up(cluster).await?.pop_first().context("no joiner was given up")?;
        let history = cluster.ledger().await?.history;
        let of_joiner = history.iter().filter(|entry| entry.text.contains(&joiner));
        Ok(of_joiner.map(|entry| entry.text.as_str()).collect::<Vec<_>>().join("\n"))
    })
    .await
}
