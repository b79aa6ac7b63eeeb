//! A member that cannot be read at its client port and is well for its peers. It may hold data, so nothing is done to
//! it, no text says to end it, and nothing is founded beside it.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::stage::etcd_dir;
use end_to_end::wait::until;
use serde_json::json;

use crate::support::{Scene, brisk, is_kept, is_said, nothing_lost, on_a_stage};

/// The etcd of the image. Where the file `odd/INSTANCE` says so, it serves its clients in a way that the functions
/// cannot read.
const ETCD: &str = r#"#!/usr/bin/env bash
set -eu
here=$(dirname "$(readlink -f "$0")")
way=
if [[ $# -eq 0 && -e $here/odd/$ETCD_NAME ]]; then way=$(<"$here/odd/$ETCD_NAME"); fi
if [[ -e $here/other-${ETCD_NAME:-none} ]]; then
  kill "$(<"$here/other-$ETCD_NAME")" || true
  rm "$here/other-$ETCD_NAME"
fi
case $way in
  tls) export ETCD_LISTEN_CLIENT_URLS=${ETCD_LISTEN_CLIENT_URLS/http:/https:} ETCD_AUTO_TLS=true ;;
  gateway) export ETCD_ENABLE_GRPC_GATEWAY=false ;;
  other)
    address=${ETCD_LISTEN_CLIENT_URLS#http://}
    mkdir -p "$here/empty"
    python3 -m http.server --bind "${address%:*}" --directory "$here/empty" 2379 >/dev/null 2>&1 &
    echo $! >"$here/other-$ETCD_NAME"
    export ETCD_LISTEN_CLIENT_URLS=${ETCD_LISTEN_CLIENT_URLS/:2379/:2377}
    ;;
esac
exec "$here/real/etcd" "$@"
"#;

/// The image and the region's files.
struct Site(PathBuf);

impl Site {
    fn new(directory: &Path) -> Result<Self> {
        symlink(etcd_dir()?.canonicalize()?, directory.join("real"))?;
        symlink(directory.join("real/etcdctl"), directory.join("etcdctl"))?;
        std::fs::create_dir(directory.join("odd"))?;
        std::fs::write(directory.join("etcd"), ETCD)?;
        std::fs::set_permissions(directory.join("etcd"), PermissionsExt::from_mode(0o755))?;
        Ok(Self(directory.to_owned()))
    }

    /// From its next start on, the etcd of this instance serves clients in this way; it is started again.
    async fn serves(&self, cluster: &Cluster, instance: &str, way: &str) -> Result<()> {
        std::fs::write(self.0.join("odd").join(instance), way)?;
        cluster.account.fault(json!({"fault": "kill-etcd", "instance": instance})).await
    }

    fn lose_the_ledger(&self) -> Result<()> {
        let ledger = self.0.join("state/s3/etcd-asg-ledger/ledgers/main/ledger.json");
        std::fs::remove_file(&ledger).with_context(|| format!("deleting {}", ledger.display()))
    }
}

fn on_a_site<Fut: Future<Output = Result<()>>>(test: impl FnOnce(Scene, Site) -> Fut) {
    let directory = tempfile::tempdir().unwrap();
    let site = Site::new(directory.path()).unwrap();
    on_a_stage(
        |options| {
            brisk(options);
            options.etcd_dir = directory.path().to_owned();
            options.state_dir = Some(directory.path().join("state"));
        },
        |scene| test(scene, site),
    );
}

/// The note about this instance says that a server answers there, and what kind. No note says to end anything.
async fn told(cluster: &Cluster, instance: &str, kind: &str) -> Result<()> {
    cluster.reports(instance, "unreadable").await?;
    cluster.reports_fact("unreadable", kind).await?;
    is_said(cluster, "ERROR", "unreadable").await?;
    let answer = cluster.dry_run().await?;
    let notes = answer["decision"]["notes"].as_array().context("a dry run has notes")?;
    for note in notes.iter().filter(|note| note["about"] == instance) {
        let text = note["text"].as_str().unwrap_or_default();
        for word in ["terminate", "end it", "delete", "remove"] {
            ensure!(!text.contains(word), "it says {word:?}: {text}");
        }
    }
    Ok(())
}

/// One voter after the other becomes unreadable in another way, while another voter is to leave: nobody is removed or
/// set unhealthy, however long it lasts. Then it is read again, and the leaving voter is replaced.
#[test]
fn a_voter_that_cannot_be_read_is_kept_and_costs_nobody() {
    on_a_site(|scene, site| async move {
        let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
        let odd = cluster.follower().await?;
        let leader = cluster.leader().await?;
        let ids = cluster.ids().await?;
        let leaves = ids.iter().find(|id| **id != odd && **id != leader).context("a third instance")?;
        for (way, kind) in [
            ("tls", "speaks TLS"),
            ("gateway", "without its JSON gateway"),
            ("other", "an HTTP server that is no etcd"),
        ] {
            site.serves(&cluster, &odd, way).await?;
            told(&cluster, &odd, kind).await?;
            if way == "tls" {
                cluster.terminate(leaves).await?;
            }
            // Three times the grace, at a run every three seconds.
            cluster.had_their_chance(10).await?;
            let members = cluster.members().await?;
            ensure!(members.iter().any(|m| m.name == odd && !m.learner), "{way}: {members:?}");
            ensure!(members.iter().any(|m| m.name == *leaves), "{way}: {members:?}");
            ensure!(check::removed_voters(&cluster).await?.is_empty(), "{way}: a voter was removed");
            ensure!(check::set_unhealthy(&cluster).await?.is_empty(), "{way}: an instance was set unhealthy");
        }
        is_kept(&cluster, leaves, "Terminating:Wait").await?;
        site.serves(&cluster, &odd, "").await?;
        cluster.replaces(leaves, 3).await?;
        ensure!(cluster.ids().await?.contains(&odd), "{odd} was replaced");
        nothing_lost(&cluster, load).await
    });
}

/// No member can be read, and the ledger is lost: the instances may hold the data, so nothing is founded beside them and
/// none is ended. Once they are read again, their cluster is adopted with everything in it.
#[test]
fn nothing_is_founded_beside_members_that_cannot_be_read() {
    on_a_site(|scene, site| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let known = cluster.members().await?;
        let ids = cluster.ids().await?;
        cluster.tag("paused", "true").await?;
        for (instance, way) in ids.iter().zip(["tls", "gateway", "other"]) {
            site.serves(&cluster, instance, way).await?;
        }
        site.lose_the_ledger()?;
        cluster.untag("etcd-asg:paused").await?;
        for (instance, kind) in ids.iter().zip(["TLS", "gateway", "no etcd"]) {
            told(&cluster, instance, kind).await?;
        }
        cluster.scale(4).await?;
        let newcomer = cluster.newcomer(&ids).await?;
        cluster.becomes(&newcomer, "Pending:Wait").await?;
        cluster.had_their_chance(10).await?;
        is_kept(&cluster, &newcomer, "Pending:Wait").await?;
        ensure!(cluster.env(&newcomer).await.is_err(), "{newcomer} was given an env");
        let founded = cluster.account.state().await?;
        ensure!(
            !site.0.join("state/s3/etcd-asg-ledger/ledgers/main/ledger.json").exists(),
            "{}",
            founded["timeline"]
        );
        for instance in &ids {
            site.serves(&cluster, instance, "").await?;
        }
        cluster.settles(4).await?;
        let members = cluster.members().await?;
        ensure!(known.iter().all(|m| members.contains(m)), "{known:?} have become {members:?}");
        everything_is_there(load).await
    });
}

async fn everything_is_there(load: Load) -> Result<()> {
    let before = load.so_far();
    until("writes are acknowledged", LIMIT, || async {
        ensure!(load.so_far() > before + 20, "{} writes", load.so_far() - before);
        Ok(())
    })
    .await?;
    load.loses_nothing().await.map(drop)
}
