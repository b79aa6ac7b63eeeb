//! A local region for one test or one run, with the real function binaries, the real boot script and real
//! etcd.

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
    /// The clients of the region.
    pub account: Account,
}

impl Stage {
    /// Starts a region: hostile, with a schedule of 5 s, quick retries and quick boot scripts. `change` may
    /// change any option.
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
        // No two deployments meet here, so no test waits the ten seconds for a new record of an owner to settle.
        options.function_environment.insert("ETCD_ASG_OWNER_SETTLES".to_owned(), "1".to_owned());
        change(&mut options);
        let region = Region::start(options).await?;
        let account = Account::at(region.endpoint()).await?;
        Ok(Self { region, account })
    }

    /// The region's endpoint for the AWS CLI: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.region.endpoint()
    }

    /// The URL of the region's page.
    pub fn page(&self) -> String {
        self.region.page()
    }

    /// The region's page as it is now, as one HTML file that works without the region.
    pub async fn snapshot_page(&self) -> String {
        self.region.snapshot_page().await
    }

    /// Creates a group of this size, with both lifecycle hooks and the tag that names its cluster.
    pub async fn group(&self, name: &str, size: i32) -> Result<Cluster> {
        Cluster::create(self.account.clone(), name, size, &[]).await
    }

    /// Ends the region and every process that it started.
    pub async fn end(self) {
        self.region.shutdown().await;
    }
}

/// The seed of the region's randomness: the variable `SEED`, or the process ID.
fn seed() -> u64 {
    let given = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    given.unwrap_or_else(|| std::process::id().into())
}

/// Whether this machine allows disks of limited size. It is tried in a mount namespace of its own, which ends
/// at once.
pub fn may_mount() -> bool {
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "mount", "-t", "tmpfs", "trial", "/tmp"]);
    trial.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The top folder of the checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of this build's function binaries: that of this program, or for a test the folder above.
fn functions_dir() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let beside = exe.parent().into_iter().flat_map(|p| [Some(p), p.parent()]).flatten();
    let found = beside.map(Path::to_owned).find(|dir| dir.join("reconcile").is_file());
    found.context("the function binaries are not built: run cargo build -p instance-launch -p instance-terminate -p reconcile")
}

/// The folder that has `etcd`: the variable `ETCD_BIN_DIR`, or the folder that `make etcd` fills in the
/// checkout.
pub fn etcd_dir() -> Result<PathBuf> {
    let given = std::env::var_os("ETCD_BIN_DIR").map(PathBuf::from);
    let dir = given.unwrap_or_else(|| checkout().join(".tools/etcd/3.6.16"));
    ensure!(dir.join("etcd").is_file(), "there is no etcd in {}: run make etcd", dir.display());
    Ok(dir)
}
