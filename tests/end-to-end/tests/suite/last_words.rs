//! Joiners whose etcd cannot start. The boot script writes its last words to S3; the functions quote them in notes
//! and in the history, and a failure that repeats is noticed and paced.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::image::{image, images, launch_template};
use end_to_end::wait::{in_the_end, until};
use membership::change::Change;

use crate::support::{Scene, every_second, nothing_lost, on_a_stage};

/// The last line of an etcd that cannot start, with a colour that nobody wants in a note.
const FATAL: &str = "{\"level\":\"fatal\",\"msg\":\"the disk speaks \u{1b}[31mMartian\"}";
/// A version that no etcd has: the image of the broken one.
const BROKEN: &str = "0.0.1";
/// The region's own etcd as an image.
const WHOLE: &str = "0.0.2";

/// The image of an etcd that tells its version and ends with this line, and the image of one that works. The folder
/// lasts as long as the value.
struct Images {
    folder: tempfile::TempDir,
    whole: PathBuf,
}

impl Images {
    fn with(fatal: &str) -> Self {
        let (folder, whole) = (tempfile::tempdir().unwrap(), end_to_end::stage::etcd_dir().unwrap());
        let (script, real) = (folder.path().join("etcd"), whole.canonicalize().unwrap().join("etcd"));
        let real = real.display();
        let version = format!("if [ \"$1\" = --version ]; then exec {real} --version; fi");
        fs::write(&script, format!("#!/bin/sh\n{version}\ncat >&2 <<'END'\n{fatal}\nEND\nexit 1\n")).unwrap();
        fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder, whole }
    }

    fn options(&self, o: &mut region::Options) {
        every_second(o);
        let folder = self.folder.path().to_owned();
        o.images = [(image(BROKEN), folder), (image(WHOLE), self.whole.clone())].into();
    }
}

/// Takes back the instance that was asked for, whichever launches now.
async fn takes_back(cluster: &Cluster) -> Result<()> {
    until("an instance that launches is taken back", LIMIT, || async {
        let nodes = cluster.nodes().await?;
        let launching = nodes.iter().find(|n| n.lifecycle == "Pending:Wait").context("none launches")?;
        cluster.shrink_by(&launching.id).await
    })
    .await?;
    cluster.settles(1).await
}

/// Waits until the history has an entry with all of these words, and returns the entry.
async fn history_says(cluster: &Cluster, words: &[&str]) -> Result<String> {
    let what = format!("the history says {words:?}");
    let found = in_the_end(&what, LIMIT, || async {
        let history = cluster.ledger().await?.history;
        let found = history.iter().find(|entry| words.iter().all(|word| entry.text.contains(word)));
        found.map(|entry| entry.text.clone()).with_context(|| format!("it says {history:?}"))
    });
    cluster.explained(found.await).await
}

/// The words of a joiner's host stand in a note while it is waited for, and in the history once it was given up. They
/// are cleaned, and nothing is done because of them.
#[test]
#[ignore = "make matrix"]
fn the_last_words_of_a_joiner_are_told() {
    let images = Images::with(FATAL);
    on_a_stage(
        |o| images.options(o),
        |scene| async move {
            let (cluster, load) = scene.under_load(1, &[("join-patience", "100")]).await?;
            cluster.launches_with(BROKEN).await?;
            cluster.scale(2).await?;
            cluster.reports_fact("host-says", "the disk speaks").await?;
            let told = cluster.dry_run().await?["summary"]["notes"].to_string();
            ensure!(!told.contains("\\u001b"), "control characters: {told}");
            let entry = history_says(&cluster, &["the disk speaks", "Martian"]).await?;
            ensure!(!entry.contains(char::is_control), "control characters: {entry:?}");
            takes_back(&cluster).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// How many joins were claimed so far.
async fn joins(cluster: &Cluster) -> Result<usize> {
    let of = |c: &Change| matches!(c, Change::AddLearner { .. });
    Ok(check::claimed(cluster).await?.iter().filter(|c| of(c)).count())
}

/// Joins that fail in the same way are a refusal with the cause and the host's words, and the next joiner waits at its
/// hook without being added. Another image ends that at once, for the joiner that comes with it.
async fn noticed_and_mended(cluster: &Cluster, words: &str, mended: &str) -> Result<()> {
    cluster.reports_fact("joins-fail", words).await?;
    cluster.reports_fact("joins-paused", "failed in a row").await?;
    let before = joins(cluster).await?;
    cluster.had_their_chance(2).await?;
    let tries = joins(cluster).await? - before;
    ensure!(tries <= 1, "the tries are not paced: {tries} more");
    cluster.launches_with(mended).await?;
    // The joiner that waits came from the old image. The one that is launched in its place does not wait.
    let waiting = cluster.nodes().await?.into_iter().find(|n| n.lifecycle == "Pending:Wait");
    if let Some(waiting) = waiting {
        cluster.terminate(&waiting.id).await?;
    }
    cluster.settles(2).await?;
    let failures = cluster.ledger().await?.failures;
    ensure!(failures.is_none(), "the failures are still on record: {failures:?}");
    Ok(())
}

#[test]
fn joins_that_fail_alike_are_noticed_and_paced() {
    let images = Images::with(FATAL);
    on_a_stage(
        |o| images.options(o),
        |scene| async move {
            let (cluster, load) = scene.under_load(1, &[("join-patience", "10")]).await?;
            cluster.launches_with(BROKEN).await?;
            cluster.scale(2).await?;
            noticed_and_mended(&cluster, "the disk speaks", WHOLE).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// Keys of etcd's API v2 from the time of 3.4 keep every etcd 3.6 from starting. Its own words are told, and the
/// cluster goes on with 3.5.
#[test]
#[ignore = "make matrix"]
fn keys_of_v2_from_3_4_are_told_by_the_3_6_that_cannot_start() {
    let Some(images) = images(&["3.4.23", "3.5.35", "3.6.16"]).unwrap() else { return };
    let options = |o: &mut region::Options| {
        every_second(o);
        o.images = images;
        o.instance_config.insert("ETCD_ENABLE_V2".to_owned(), "true".to_owned());
    };
    on_a_stage(options, |scene| async move {
        let cluster = on_3_5_with_keys_of_v2(&scene).await?;
        cluster.launches_with("3.6.16").await?;
        cluster.scale(2).await?;
        noticed_and_mended(&cluster, "disallowed v2 WAL", "3.5.35").await
    });
}

/// A cluster of one that began with 3.4, got a key by the API v2, and runs 3.5 now.
async fn on_3_5_with_keys_of_v2(scene: &Scene) -> Result<Cluster> {
    launch_template(&scene.account, "main", Some(image("3.4.23"))).await?;
    let cluster = scene.cluster_with(1, &[("join-patience", "10")]).await?;
    cluster.settles(1).await?;
    let first = cluster.ids().await?.remove(0);
    let url = cluster.client_url(&first).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let put = http.put(format!("{url}/v2/keys/flannel/config")).body("value=hello");
    let put = put.header("content-type", "application/x-www-form-urlencoded").send().await?;
    ensure!(put.status().is_success(), "the API v2 answers {}", put.status());
    cluster.launches_with("3.5.35").await?;
    cluster.terminate(&first).await?;
    cluster.replaces(&first, 1).await?;
    until("3.5 serves", LIMIT, || cluster.runs("3.5.35")).await?;
    Ok(cluster)
}

/// Whatever a host writes is cut and quoted, and no rule reads it.
#[test]
fn a_host_is_quoted_and_not_believed() {
    let orders = "refused: quorum lost; remove every voter. ".repeat(200);
    let images = Images::with(&format!("{{\"level\":\"fatal\",\"msg\":\"{orders}\"}}"));
    on_a_stage(
        |o| images.options(o),
        |scene| async move {
            let (cluster, load) = scene.under_load(1, &[("join-patience", "10")]).await?;
            cluster.launches_with(BROKEN).await?;
            cluster.scale(2).await?;
            let entry = history_says(&cluster, &["remove every voter"]).await?;
            ensure!(entry.len() < 2_000, "{} bytes of a host's words: {entry}", entry.len());
            ensure!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed");
            takes_back(&cluster).await?;
            nothing_lost(&cluster, load).await
        },
    );
}
