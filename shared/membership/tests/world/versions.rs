//! The versions of etcd: which runs where, which the boot script lets start, and which must never run side by side.

use membership::env;
use membership::ids::InstanceId;
use membership::version::{
    Minor, NEEDS_PERSISTED_PROMOTIONS, PERSISTS_PROMOTIONS, READS_NO_OLD_ENTRIES, Version, WRITES_NEW_ENTRIES,
};

use super::World;
use super::etcd::Cluster;
use super::host::{Etcd, Host};

/// The steps of an upgrade: each version may follow the version before it.
pub const STEPS: [&str; 5] = ["3.4.23", "3.5.30", "3.5.35", "3.6.16", "3.7.3"];
/// The version of most clusters that never change it.
pub const USUAL: &str = "3.6.16";
/// While fewer entries than this came after the last entry of a 3.5, a joining 3.7 is sent an entry of 3.5 and panics.
const SNAPSHOT: u64 = 100;

pub fn version(host: &Host) -> Version {
    Version::parse(host.version).unwrap_or(Version { minor: Minor(0, 0), patch: None })
}

impl World {
    /// The versions of the cluster's members that have started.
    fn versions(&self, cluster: &Cluster) -> Vec<Version> {
        let started = cluster.members.keys().filter(|m| cluster.started.contains(m));
        started.filter_map(|m| self.host_of(cluster.id, *m)).map(version).collect()
    }

    /// The next version for the launch template, once every member and instance runs the template's version.
    pub fn next_etcd(&self) -> Option<&'static str> {
        let cluster = self.ledger_cluster()?;
        let at = STEPS.iter().position(|etcd| *etcd == self.group.etcd)?;
        let there = self.hosts.values().filter(|h| h.lifecycle.is_some()).map(version);
        let all_there =
            self.versions(cluster).into_iter().chain(there).all(|v| Some(v) == Version::parse(STEPS[at]));
        STEPS.get(at + 1).copied().filter(|_| all_there)
    }

    /// Whether the boot script lets etcd start, by the minors in the env.
    pub fn may_start(&mut self, id: &InstanceId, env: &str) -> bool {
        let Some(own) = self.hosts.get(id).map(|h| version(h).minor.to_string()) else { return false };
        let named = |key: &str| env::value(env, key).unwrap_or_default().split(' ').any(|m| m == own);
        if named("ETCD_ASG_MINORS") {
            return true;
        }
        if !named("ETCD_ASG_MINOR_HELD") {
            self.tell(format!("{id} refuses to start: {own} may not join"));
            self.edit(id, |h| h.etcd = Etcd::Stopped("its version may not join"));
        }
        false
    }

    /// Notes up to which index an etcd before 3.6 may have written entries.
    pub fn note_old_entries(&mut self, id: u64) {
        let Some(cluster) = self.clusters.get(&id) else { return };
        let old = self.versions(cluster).iter().any(|v| v.minor < WRITES_NEW_ENTRIES);
        if let Some(cluster) = self.clusters.get_mut(&id).filter(|_| old) {
            cluster.old_entries = cluster.acked;
        }
    }

    /// Checks I3 when a joiner starts: its version must not harm the members.
    pub fn check_version(&mut self, id: &InstanceId, cluster: u64) {
        let (Some(joiner), Some(cluster)) = (self.hosts.get(id).map(version), self.clusters.get(&cluster))
        else {
            return;
        };
        let others = self.versions(cluster);
        let Some(lowest) = others.iter().map(|v| v.minor).min() else { return };
        let since = cluster.acked.saturating_sub(cluster.old_entries);
        let harm = if joiner.minor > lowest.next() {
            format!("makes a {lowest} panic")
        } else if joiner.minor == NEEDS_PERSISTED_PROMOTIONS
            && others.iter().any(|v| *v < PERSISTS_PROMOTIONS && v.minor < joiner.minor)
        {
            "is beside a 3.5 that forgets promotions".to_owned()
        } else if joiner.minor >= READS_NO_OLD_ENTRIES && cluster.old_entries > 0 && since < SNAPSHOT {
            format!("is sent an entry of 3.5, {since} entries old")
        } else {
            return;
        };
        self.broken("I3", format!("{id} starts with etcd {joiner}, and {harm}"));
    }
}
