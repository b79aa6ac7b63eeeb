//! The machines behind the instances: folders, loopback addresses and real processes.

pub(crate) mod console;
mod directives;
pub(crate) mod disk;
pub mod guard;
pub(crate) mod host;
pub(crate) mod imds;
mod machine;
pub mod processes;
pub(crate) mod slow;
pub(crate) mod status;
pub(crate) mod supervisor;
pub mod unit;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use futures::future::join_all;
use serde_json::Value;

use crate::model::launch::LaunchSpec;
use crate::model::site::Site;
use crate::services::network::links::Links;
use guard::Guard;
use machine::Machine;

/// All machines of a region. Cheap to clone.
#[derive(Clone)]
pub struct Machines {
    site: Site,
    links: Links,
    rack: Arc<Mutex<Rack>>,
}

struct Rack {
    alive: BTreeMap<String, Arc<Machine>>,
    /// The machines that have ended; their consoles are kept.
    ended: BTreeMap<String, Arc<Machine>>,
    closed: bool,
    guard: Option<Guard>,
}

impl Machines {
    /// No machine runs at first.
    pub fn new(site: Site, links: Links) -> Self {
        let guard = Guard::start(&site.state_dir, &links.table())
            .inspect_err(
                |error| tracing::warn!(%error, "the guard cannot be started: a region that is killed will leave its processes behind"),
            )
            .ok();
        let rack = Rack { alive: BTreeMap::new(), ended: BTreeMap::new(), closed: false, guard };
        Self { site, links, rack: Arc::new(Mutex::new(rack)) }
    }

    /// Starts a machine, which boots in the background.
    ///
    /// # Errors
    /// When the ID is in use, or the region is ending.
    #[allow(clippy::unused_async, reason = "callers do not depend on how a launch is begun")]
    pub async fn launch(&self, spec: LaunchSpec) -> anyhow::Result<()> {
        let mut rack = self.lock();
        if rack.closed {
            bail!("the region is ending and launches nothing any more");
        }
        if rack.alive.contains_key(&spec.instance) || rack.ended.contains_key(&spec.instance) {
            bail!("the instance ID {} was used before", spec.instance);
        }
        let machine = Arc::new(Machine::new(self.site.clone(), self.links.group(spec.address), spec));
        rack.alive.insert(machine.spec.instance.clone(), Arc::clone(&machine));
        machine.boot();
        Ok(())
    }

    /// A power cut: kills all processes of the machine, waits until they are gone, deletes its folder.
    pub async fn terminate(&self, instance: &str) {
        let Some(machine) = self.find(instance) else { return };
        machine.forbid_boots();
        machine.end().await;
        if let Err(error) = self.links.rejoin(machine.spec.address).await {
            tracing::warn!(%error, instance, "the links of an ended instance stay cut, also for the next instance with its address");
        }
        let mut rack = self.lock();
        if let Some(machine) = rack.alive.remove(instance) {
            self.site.addresses.release(machine.spec.address);
            rack.ended.insert(instance.to_owned(), machine);
        }
    }

    /// Ends a machine's processes and waits until they are gone; its disk and address stay.
    pub async fn stop(&self, instance: &str) {
        if let Some(machine) = self.find(instance) {
            machine.stop().await;
        }
    }

    /// Boots a machine that was stopped.
    pub fn start(&self, instance: &str) {
        if let Some(machine) = self.find(instance) {
            machine.boot_again();
        }
    }

    /// SIGSTOP to all processes of a machine; returns when all are stopped.
    pub async fn pause(&self, instance: &str) {
        if let Some(machine) = self.find(instance) {
            machine.pause().await;
        }
    }

    /// SIGCONT to all processes of a machine.
    #[allow(clippy::unused_async, reason = "the counterpart of pause")]
    pub async fn resume(&self, instance: &str) {
        if let Some(machine) = self.find(instance) {
            machine.resume();
        }
    }

    /// SIGKILL to a machine's etcd alone.
    ///
    /// # Errors
    /// A sentence, where no etcd runs on the instance.
    pub fn kill_etcd(&self, instance: &str) -> Result<(), String> {
        match self.find(instance) {
            Some(machine) if machine.kill_etcd() => Ok(()),
            _ => Err(format!("kill-etcd: no etcd runs on {instance} now")),
        }
    }

    /// A root-volume replacement: the disk is lost, ID and address stay, and the machine boots again.
    pub async fn wipe_disk(&self, instance: &str) {
        if let Some(machine) = self.find(instance) {
            machine.wipe_disk().await;
        }
    }

    /// Fills a machine's disk to the last byte.
    ///
    /// # Errors
    /// Where the machine has no disk of its own, or the disk cannot be written.
    pub fn fill_disk(&self, instance: &str) -> Result<(), disk::Problem> {
        disk::fill(&self.disk_of(instance)?)
    }

    /// Frees the space that [`Machines::fill_disk`] filled.
    ///
    /// # Errors
    /// Where the machine has no disk of its own, or the filling file cannot be deleted.
    pub fn free_disk(&self, instance: &str) -> Result<(), disk::Problem> {
        disk::free(&self.disk_of(instance)?)
    }

    /// Every sync of a machine's etcd takes `millis` longer, until etcd ends, is paused, or the disk is
    /// mended.
    ///
    /// # Errors
    /// Where no etcd runs on the machine, or strace cannot trace it.
    pub async fn slow_disk(&self, instance: &str, millis: u64) -> Result<(), slow::Problem> {
        match self.find(instance) {
            Some(machine) => machine.slow_disk(millis).await,
            None => Err(slow::Problem::NoEtcd(instance.to_owned())),
        }
    }

    /// A machine's syncs take no longer than usual again.
    pub fn mend_disk(&self, instance: &str) {
        if let Some(machine) = self.find(instance) {
            machine.mend_disk();
        }
    }

    fn disk_of(&self, instance: &str) -> Result<PathBuf, disk::Problem> {
        self.find(instance).and_then(|machine| machine.disk()).ok_or(disk::Problem::NoDisk)
    }

    /// The address of a machine that runs.
    ///
    /// # Errors
    /// A sentence that names the instances that run.
    pub fn address(&self, instance: &str) -> Result<Ipv4Addr, String> {
        self.known(instance)?;
        self.find(instance)
            .map(|machine| machine.spec.address)
            .ok_or_else(|| format!("the instance {instance} has just ended"))
    }

    /// Checks that a machine runs.
    ///
    /// # Errors
    /// A sentence that names the instances that run.
    pub fn known(&self, instance: &str) -> Result<(), String> {
        let rack = self.lock();
        if rack.alive.contains_key(instance) {
            return Ok(());
        }
        let alive: Vec<&str> = rack.alive.keys().map(String::as_str).collect();
        Err(format!("no instance {instance} runs here; these run: {}", alive.join(", ")))
    }

    /// What the boot script and etcd printed, also on a machine that has ended.
    pub fn console(&self, instance: &str) -> String {
        let rack = self.lock();
        let machine = rack.alive.get(instance).or_else(|| rack.ended.get(instance));
        machine.map(|machine| machine.console.text()).unwrap_or_default()
    }

    /// The machines that run: their processes, and whether they are paused.
    pub fn state(&self) -> Value {
        let alive: Vec<Arc<Machine>> = self.lock().alive.values().cloned().collect();
        alive.iter().map(|machine| machine.state()).collect()
    }

    /// Kills all machines without waiting; the guard ends the processes that are left.
    pub fn kill_now(&self) {
        let mut rack = self.lock();
        rack.closed = true;
        for machine in rack.alive.values() {
            machine.kill_now();
        }
    }

    /// Ends all machines and waits until they are gone.
    pub async fn shutdown(&self) {
        self.kill_now();
        let alive: Vec<String> = self.lock().alive.keys().cloned().collect();
        join_all(alive.iter().map(|instance| self.terminate(instance))).await;
        let guard = self.lock().guard.take();
        if let Some(guard) = guard {
            guard.dismiss();
        }
    }

    fn find(&self, instance: &str) -> Option<Arc<Machine>> {
        self.lock().alive.get(instance).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Rack> {
        self.rack.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
