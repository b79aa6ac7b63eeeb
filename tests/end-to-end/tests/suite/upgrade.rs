//! Upgrades as they are at AWS: a new version of the launch template with another image, then an instance refresh that
//! launches before it terminates. And the steps that would hurt: refused or held, with the reason, the old cluster whole.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::image::{image, images, launch_template};
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::json;

use crate::support::{Scene, nothing_lost, on_a_stage};

/// How soon a joiner that does not start is given up here: soon enough to be seen, later than any that does needs.
const PATIENCE: &str = "90";

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

/// 3.6 beside 3.4 makes every 3.4 voter panic for good. The same refresh goes on once the template names 3.5.
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

/// A 3.5 cluster would not refuse it: 3.7 dies of the entries that 3.5 wrote, or is promoted and dies later.
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

/// 3.6 takes voters of an early 3.5 for learners: their promotion was never written down.
#[test]
#[ignore = "make matrix"]
fn an_early_3_5_is_left_by_a_later_3_5_and_not_by_3_6() {
    upgrade(&["3.5.16", "3.5.35", "3.6.16"], |scene| async move {
        let (cluster, load) = three_under_load_on(&scene, "3.5.16").await?;
        let old = refused(&scene, &cluster, "3.6.16", "may not join cluster main yet").await?;
        let reason = "must be 3.5.32 or newer";
        dry_run_says(&scene, reason).await?;
        ensure!(given_up(&cluster).await?.contains(reason), "the history does not say why");
        whole(&cluster, &old, "3.5.16", &load).await?;
        cluster.launches_with("3.5.35").await?;
        refreshed(&cluster).await?;
        upgraded(&cluster, &load, "3.6.16").await?;
        nothing_lost(&cluster, load).await
    });
}

/// Story 22, the idle upgrade: the entries of 3.5 are still in the log. The same instance goes on after some writes.
#[test]
#[ignore = "make matrix"]
fn a_3_7_is_held_while_the_log_of_3_5_has_not_moved_on() {
    upgrade(&["3.5.35", "3.6.16", "3.7.3"], |scene| async move {
        let cluster = three_on(&scene, "3.5.35", &[]).await?;
        cluster.launches_with("3.6.16").await?;
        cluster.refresh().await?;
        refreshed(&cluster).await?;
        cluster.runs("3.6.16").await?;
        let old = refused(&scene, &cluster, "3.7.3", "may not join cluster main yet").await?;
        dry_run_says(&scene, "entries of 3.5 may still be in the log").await?;
        let load = Load::dense(&cluster, "load")?;
        whole(&cluster, &old, "3.6.16", &load).await?;
        refreshed(&cluster).await?;
        cluster.runs("3.7.3").await?;
        nothing_lost(&cluster, load).await
    });
}

/// Runs a test on a region with these versions' images, if they can all be had here.
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

/// Every instance is replaced by one with this version.
async fn upgraded(cluster: &Cluster, load: &Load, version: &str) -> Result<()> {
    let (begun, before) = (Instant::now(), load.so_far());
    cluster.launches_with(version).await?;
    cluster.refresh().await?;
    refreshed(cluster).await?;
    cluster.runs(version).await?;
    println!(
        "to etcd {version}: {:.0} s, {} writes acknowledged meanwhile, longest gap {} ms",
        begun.elapsed().as_secs_f64(),
        load.so_far() - before,
        load.longest_gap_since(begun).as_millis()
    );
    Ok(())
}

/// Waits until the refresh under way is done and the cluster settled.
async fn refreshed(cluster: &Cluster) -> Result<()> {
    let done = until("the refresh is done", 4 * LIMIT, || async {
        let call = cluster.account.autoscaling.describe_instance_refreshes();
        let answer = call.auto_scaling_group_name(&cluster.name).send().await?;
        let refresh = answer.instance_refreshes().first().context("there is no refresh")?;
        let status = refresh.status().map(|s| s.as_str()).unwrap_or_default();
        let left = refresh.instances_to_update().unwrap_or_default();
        ensure!(status == "Successful", "it is {status}, {left} instances to update");
        Ok(())
    });
    if let Err(error) = done.await {
        cluster.tell(&error).await;
        return Err(error);
    }
    cluster.settles(3).await
}

/// Begins a refresh to this version and waits until a new instance says on its console why it does not start.
/// Returns the old instances.
async fn refused(scene: &Scene, cluster: &Cluster, version: &str, words: &str) -> Result<BTreeSet<String>> {
    let old: BTreeSet<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
    cluster.launches_with(version).await?;
    cluster.refresh().await?;
    until(&format!("a new instance says: {words}"), LIMIT, || async {
        let nodes = cluster.nodes().await?;
        let mut consoles = String::new();
        // Those whose turn has not come say nothing of it yet.
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

/// The old instances are all there and in service, exactly they vote, at their old version, and writes go on.
async fn whole(cluster: &Cluster, old: &BTreeSet<String>, version: &str, load: &Load) -> Result<()> {
    let nodes = cluster.nodes().await?;
    let serving: BTreeSet<String> =
        nodes.iter().filter(|n| n.lifecycle == "InService").map(|n| n.id.clone()).collect();
    ensure!(serving == *old, "in service are {nodes:?}");
    let versions = cluster.versions().await?;
    ensure!(versions.keys().eq(old.iter()), "the voters are {versions:?}");
    ensure!(versions.values().all(|v| v == version), "not all run {version}: {versions:?}");
    let before = load.so_far();
    until("writes go on", LIMIT, || async {
        ensure!(load.so_far() > before + 20, "{} writes", load.so_far() - before);
        Ok(())
    })
    .await
}

/// Waits until a joiner is given up, and returns what the ledger's history says of it.
async fn given_up(cluster: &Cluster) -> Result<String> {
    until("the joiner is given up", LIMIT, || async {
        let history = cluster.ledger().await?.history;
        let told = history.iter().find(|o| o.text.contains("given up")).context("nobody was given up")?;
        Ok(told.text.clone())
    })
    .await
}

async fn dry_run_says(scene: &Scene, words: &str) -> Result<()> {
    until(&format!("the dry run says: {words}"), LIMIT, || async {
        let event = json!({"cluster": "main", "dryRun": true}).to_string().into_bytes();
        let answer = scene.account.invoke("reconcile", event).await?;
        ensure!(answer.to_string().contains(words), "it says {}", answer["decision"]);
        Ok(())
    })
    .await
}
