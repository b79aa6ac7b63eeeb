//! One instance: its directory, metadata service and etcd service, from its boot to its end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::console::Console;
use super::host::Host;
use super::processes::Marker;
use super::slow::{self, Slow};
use super::unit::Unit;
use super::{disk, guard, imds, supervisor};
use crate::model::launch::LaunchSpec;
use crate::model::site::{REGION, ROLE_ID, Site};

/// The environment variable by which an instance's processes are found.
const MARKER: &str = "LOCAL_REGION_INSTANCE";
/// How long a boot waits for its address: the instance that had it before may only just have ended.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);

/// An instance, alive or ended.
pub(super) struct Machine {
    pub(super) spec: LaunchSpec,
    pub(super) console: Console,
    site: Site,
    /// The group ID of its processes; `None` is the region's own.
    group: Option<u32>,
    directory: PathBuf,
    marker: Marker,
    paused: watch::Sender<bool>,
    /// The present boot; replaced when the instance boots again.
    boot: Mutex<Boot>,
    /// Keeps the disk slow while it is there.
    slow: Mutex<Option<Slow>>,
    /// True once the machine is ending for good.
    over: AtomicBool,
}

#[derive(Clone)]
struct Boot {
    ended: Arc<Mutex<bool>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Machine {
    pub(super) fn new(site: Site, group: Option<u32>, spec: LaunchSpec) -> Self {
        let directory = site.state_dir.join("instances").join(&spec.instance);
        let marker = Marker::new(MARKER, directory.display().to_string());
        let (paused, boot) = (watch::Sender::new(false), Mutex::new(Boot::new()));
        let over = AtomicBool::new(false);
        let (console, slow) = (Console::default(), Mutex::default());
        Self { spec, console, site, group, directory, marker, paused, boot, slow, over }
    }

    /// Boots in the background.
    pub(super) fn boot(self: &Arc<Self>) {
        let boot = self.current_boot();
        let machine = Arc::clone(self);
        let stop = boot.stop.clone();
        let tasks = boot.tasks.clone();
        tasks.spawn(async move {
            tokio::select! {
                result = machine.run(&boot) => {
                    if let Err(error) = result {
                        machine.console.print("region", &format!("{error:#}"));
                        machine.site.timeline.note("instance", &machine.spec.instance, format!("{error:#}"));
                    }
                }
                () = stop.cancelled() => {}
            }
        });
    }

    async fn run(&self, boot: &Boot) -> anyhow::Result<()> {
        tokio::time::sleep(self.spec.boot_delay).await;
        let listener = self.listen().await?;
        let (spec, options) = (&self.spec, &self.site.options);
        boot.tasks.spawn(imds::serve(listener, spec.instance.clone(), spec.address, boot.stop.clone()));
        let host = self.host(boot)?;
        if let (Some(disk), Some(mebibytes)) = (self.disk(), options.disk_mib) {
            disk::mount(&disk, mebibytes)?;
        }
        std::fs::create_dir_all(host.path("/etc/etcd-asg".as_ref()))?;
        std::fs::write(host.path("/etc/etcd-asg/config".as_ref()), self.config())?;
        let file = options.instance_dir.join("etcd-asg.service");
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let unit = Unit::parse(&text).with_context(|| format!("{} is refused", file.display()))?;
        self.site.timeline.note("instance", &spec.instance, format!("boots at {}", spec.address));
        let reason = supervisor::supervise(&unit, &host).await;
        self.site.timeline.note("instance", &spec.instance, reason);
        Ok(())
    }

    async fn listen(&self) -> anyhow::Result<TcpListener> {
        let address = (self.spec.address, imds::PORT);
        let bound = async {
            loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(LISTEN_PATIENCE, bound)
            .await
            .with_context(|| format!("the metadata service cannot listen at {}:{}", address.0, address.1))
    }

    fn host(&self, boot: &Boot) -> std::io::Result<Host> {
        let options = &self.site.options;
        let etcd_dir = options.etcd_of(&self.spec.image).unwrap_or(&options.etcd_dir);
        let etcd_dir = std::path::absolute(etcd_dir)?;
        let instance_dir = std::path::absolute(&options.instance_dir)?;
        let root = self.directory.join("root");
        let own = |path: &str| format!("{}{path}", root.display());
        let path =
            format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", etcd_dir.display());
        let environment = [
            ("PATH", path),
            ("LANG", "C.UTF-8".to_owned()),
            (guard::MARKER, self.site.state_dir.display().to_string()),
            ("ETCD_ASG_CONFIG", own("/etc/etcd-asg/config")),
            ("ETCD_ASG_DATA_DIR", own("/var/lib/etcd")),
            ("ETCD_ASG_RUN_DIR", own("/run/etcd-asg")),
            ("AWS_ENDPOINT_URL", self.site.endpoint.clone()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}:{}", self.spec.address, imds::PORT)),
        ];
        Ok(Host {
            root: root.clone(),
            programs: vec![instance_dir, etcd_dir],
            environment: environment.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            marker: self.marker.clone(),
            group: self.group,
            console: self.console.clone(),
            paused: self.paused.subscribe(),
            ended: Arc::clone(&boot.ended),
        })
    }

    /// The configuration file, which a launch template's user data writes at AWS. In a group without the tag
    /// `etcd-asg:cluster` it names no cluster.
    fn config(&self) -> String {
        let cluster = self.spec.cluster.iter().map(|cluster| format!("ETCD_ASG_CLUSTER={cluster}\n"));
        let prefix = std::iter::once(format!("ETCD_ASG_PREFIX={}\nAWS_REGION={REGION}\n", self.spec.prefix));
        let bucket = &self.site.options.bucket;
        let reports = format!("ETCD_ASG_REPORTS_BUCKET={bucket}\nETCD_ASG_ROLE_ID={ROLE_ID}\n");
        let extra = self.site.options.instance_config.iter().map(|(name, value)| format!("{name}={value}\n"));
        cluster.chain(prefix).chain([reports]).chain(extra).collect()
    }

    /// Kills all processes, waits until they are gone, and deletes the instance's directory.
    pub(super) async fn end(&self) {
        self.halt().await;
        if let Some(disk) = self.disk().filter(|disk| disk.exists()) {
            disk::unmount(&disk);
        }
        if let Err(error) = std::fs::remove_dir_all(&self.directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, directory = %self.directory.display(), "an instance's folder could not be removed");
        }
        self.paused.send_replace(false);
    }

    /// Loses the disk and boots again. The boot waits until SSM no longer answers with stale values, because
    /// sealing an env relies on that: the replacement of a real volume takes longer than SSM is stale.
    pub(super) async fn wipe_disk(self: &Arc<Self>) {
        self.end().await;
        tokio::time::sleep(self.site.options.ssm_staleness).await;
        self.console.print("region", "the root volume was replaced");
        self.boot_again();
    }

    /// Ends all processes. The content of `/run` is lost; the disk stays.
    pub(super) async fn stop(&self) {
        self.halt().await;
        let _not_there = std::fs::remove_dir_all(self.directory.join("root/run"));
        self.paused.send_replace(false);
        self.console.print("region", "stopped");
    }

    /// Boots again, unless the machine has ended for good.
    pub(super) fn boot_again(self: &Arc<Self>) {
        {
            let mut boot = self.boot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            *boot = Boot::new();
        }
        self.boot();
    }

    /// Forbids all further boots, so that [`Machine::end`] ends the last boot.
    pub(super) fn forbid_boots(&self) {
        let _no_boot_meanwhile = self.boot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.over.store(true, Ordering::Relaxed);
    }

    async fn halt(&self) {
        let boot = self.current_boot();
        boot.forbid();
        boot.stop.cancel();
        self.marker.kill_all().await;
        boot.tasks.close();
        boot.tasks.wait().await;
        self.marker.kill_all().await;
    }

    /// Kills without waiting.
    pub(super) fn kill_now(&self) {
        let boot = self.current_boot();
        boot.forbid();
        boot.stop.cancel();
        self.marker.signal(Signal::SIGKILL);
    }

    /// Pauses all processes. A paused disk is not slow: strace and SIGSTOP both stop processes and would
    /// interfere.
    pub(super) async fn pause(&self) {
        self.mend_disk();
        let boot = self.current_boot();
        {
            let _no_start_meanwhile = boot.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            self.paused.send_replace(true);
        }
        self.marker.stop_all().await;
    }

    pub(super) fn resume(&self) {
        self.marker.signal(Signal::SIGCONT);
        self.paused.send_replace(false);
    }

    /// SIGKILL to etcd alone; returns false where no etcd runs.
    pub(super) fn kill_etcd(&self) -> bool {
        let found = self.marker.named("etcd");
        for pid in &found {
            super::processes::send(*pid, Signal::SIGKILL);
        }
        !found.is_empty()
    }

    pub(super) async fn slow_disk(&self, millis: u64) -> Result<(), slow::Problem> {
        let etcd = self.marker.named("etcd").pop();
        let etcd = etcd.ok_or_else(|| slow::Problem::NoEtcd(self.spec.instance.clone()))?;
        self.mend_disk();
        let slow = Slow::start(etcd, millis).await?;
        self.hold(Some(slow));
        Ok(())
    }

    pub(super) fn mend_disk(&self) {
        self.hold(None);
    }

    fn hold(&self, slow: Option<Slow>) {
        *self.slow.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = slow;
    }

    /// The mount point of the disk of limited size; `None` where the machines have no such disks.
    pub(super) fn disk(&self) -> Option<PathBuf> {
        self.site.options.disk_mib.map(|_| self.directory.join("root/var/lib/etcd"))
    }

    pub(super) fn state(&self) -> Value {
        let processes: Vec<i32> = self.marker.processes().into_iter().map(nix::unistd::Pid::as_raw).collect();
        json!({
            "instance": self.spec.instance,
            "group": self.spec.group,
            "address": self.spec.address,
            "paused": *self.paused.borrow(),
            "processes": processes,
        })
    }

    fn current_boot(&self) -> Boot {
        self.boot.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Boot {
    fn new() -> Self {
        Self { ended: Arc::default(), stop: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    fn forbid(&self) {
        *self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = true;
    }
}
