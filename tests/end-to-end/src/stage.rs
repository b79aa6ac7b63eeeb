//! A region of one's own, with the real function binaries and the real etcd.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use region::{Options, Region};

use crate::account::Account;
use crate::cluster::Cluster;

/// A running region.
pub struct Stage {
    region: Region,
    /// Its clients.
    pub account: Account,
}

impl Stage {
    /// Starts a region as the tests want it: hostile, quick, with a schedule.
    pub async fn start(change: impl FnOnce(&mut Options)) -> Result<Self> {
        let mut options = Options {
            functions_dir: functions_dir()?,
            instance_dir: checkout().join("instance"),
            etcd_dir: etcd_dir()?,
            seed: seed(),
            tick: Some(Duration::from_secs(5)),
            function_retries: [Duration::from_secs(2), Duration::from_secs(4)],
            ..Options::default()
        };
        options.instance_config.insert("ETCD_ASG_POLL_SECONDS".to_owned(), "0.3".to_owned());
        change(&mut options);
        let region = Region::start(options).await?;
        let account = Account::at(region.endpoint()).await?;
        Ok(Self { region, account })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.region.endpoint()
    }

    /// The address of the region's page.
    pub fn page(&self) -> String {
        self.region.page()
    }

    /// The region's page as it is now, in one file that needs no region.
    pub async fn snapshot_page(&self) -> String {
        self.region.snapshot_page().await
    }

    /// A group of this size, with both hooks and the tags that make it ours.
    pub async fn group(&self, name: &str, size: i32) -> Result<Cluster> {
        Cluster::create(self.account.clone(), name, size, &[]).await
    }

    /// Ends everything that the region started.
    pub async fn end(self) {
        self.region.shutdown().await;
    }
}

/// The seed of all chance: `SEED`, else today's own.
fn seed() -> u64 {
    let given = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    given.unwrap_or_else(|| std::process::id().into())
}

/// Whether this machine allows a disk of limited size: tried in a mount namespace that ends with the trial.
pub fn may_mount() -> bool {
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "mount", "-t", "tmpfs", "trial", "/tmp"]);
    trial.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The top of the checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where this build's function binaries are: beside this very program, or one folder up from a test's.
fn functions_dir() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let beside = exe.parent().into_iter().flat_map(|p| [Some(p), p.parent()]).flatten();
    let found = beside.map(Path::to_owned).find(|dir| dir.join("reconcile").is_file());
    found.context("the function binaries are not built: cargo build -p instance-launch -p instance-terminate -p reconcile")
}

/// `ETCD_BIN_DIR`, else what `make etcd` put into the checkout.
pub fn etcd_dir() -> Result<PathBuf> {
    let given = std::env::var_os("ETCD_BIN_DIR").map(PathBuf::from);
    let dir = given.unwrap_or_else(|| checkout().join(".tools/etcd/3.6.16"));
    ensure!(dir.join("etcd").is_file(), "there is no etcd in {}: make etcd", dir.display());
    Ok(dir)
}
