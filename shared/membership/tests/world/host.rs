//! One instance: its states in Auto Scaling and EC2, its disk, and what its boot script does.

use membership::env;
use membership::ids::InstanceId;
use membership::instance::{Ec2State, Lifecycle};

use super::World;
use super::group::ActionResult;
use super::rng::hash;

/// How long a server does not notice that it was cut off from its peers.
const UNNOTICED: u64 = 1_500;

#[derive(Clone, Debug)]
pub struct Host {
    pub id: InstanceId,
    pub address: String,
    pub launched: u64,
    pub lifecycle: Option<Lifecycle>,
    pub since: u64,
    pub hook_deadline: u64,
    pub hook_cap: u64,
    pub healthy: bool,
    /// When the group will notice that the instance is unhealthy or dead.
    pub notice_at: Option<u64>,
    pub ec2: Ec2State,
    pub ec2_since: u64,
    /// The token in the stamp that the boot script left on the disk.
    pub stamp: Option<String>,
    pub data: Option<Data>,
    pub etcd: Etcd,
    /// When the boot script looks at its env again.
    pub next: u64,
    pub frozen_until: u64,
    /// Since and until when its peers do not reach the server; the functions do.
    pub cut_until: u64,
    pub cut_since: u64,
    /// Until when the functions get no answer; its peers do.
    pub deaf_until: u64,
    pub term: u64,
    pub leader: Option<u64>,
    pub zone: u32,
    /// The version of the launch template that launched the instance, and the version of its etcd.
    pub template: u32,
    pub version: &'static str,
    /// Whether its template is broken: its etcd never runs.
    pub broken: bool,
    /// Whether something else created its member and starts it.
    pub foreign: bool,
    /// When EC2 takes the machine away, if that was announced.
    pub doomed_at: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    pub cluster: u64,
    pub member: u64,
    pub log: u64,
    /// Whether some key has a wrong value.
    pub wrong: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Etcd {
    Booting,
    Running,
    Stopped(&'static str),
}

impl Host {
    pub fn machine(&self) -> bool {
        self.ec2 == Ec2State::Running
    }

    pub fn frozen(&self, now: u64) -> bool {
        now < self.frozen_until
    }

    /// Whether its etcd takes part in its cluster.
    pub fn well(&self, now: u64) -> bool {
        self.machine() && self.etcd == Etcd::Running && !self.frozen(now) && now >= self.cut_until
    }

    /// Whether its etcd seems to take part. A server notices only after an election timeout that it was cut off.
    pub fn seems_well(&self, now: u64) -> bool {
        let unnoticed = now < self.cut_until && now < self.cut_since + UNNOTICED && !self.frozen(now);
        self.well(now) || self.machine() && self.etcd == Etcd::Running && unnoticed
    }

    pub fn member(&self) -> Option<u64> {
        self.data.as_ref().map(|d| d.member)
    }

    pub fn client_url(&self) -> String {
        format!("http://{}:2379", self.address)
    }

    pub fn peer_url(&self) -> String {
        format!("http://{}:2380", self.address)
    }

    pub fn stops(&mut self) {
        self.etcd = Etcd::Booting;
        (self.leader, self.term) = (None, 0);
    }
}

impl World {
    pub fn hosts_tick(&mut self) {
        let now = self.now;
        let due = |h: &&Host| h.machine() && now >= h.next && !h.frozen(now);
        let ids: Vec<InstanceId> = self.hosts.values().filter(due).map(|h| h.id.clone()).collect();
        for id in ids {
            let wait = self.rng.between(700, 2_000);
            let Some(host) = self.hosts.get_mut(&id) else { continue };
            host.next = now + wait;
            match host.etcd {
                Etcd::Booting => self.boot(&id),
                Etcd::Running => self.ready(&id),
                Etcd::Stopped(_) => {}
            }
        }
    }

    /// An instance that `endpoints` names completes its own launch: it is a healthy voter of a formed cluster.
    fn ready(&mut self, id: &InstanceId) {
        if self.now < self.outage.parameters.max(self.outage.group) {
            return;
        }
        let endpoints = self.ssm.read("endpoints", self.now, &mut self.rng).unwrap_or_default();
        let Some(host) = self.hosts.get(id) else { return };
        let url = host.client_url();
        if host.lifecycle == Some(Lifecycle::PendingWait) && endpoints.split(',').any(|e| e == url) {
            self.complete_launch(id, ActionResult::Continue, "its own host", self.now);
        }
    }

    fn boot(&mut self, id: &InstanceId) {
        if self.hosts.get(id).is_some_and(|h| h.broken) {
            return;
        }
        let unreachable = self.now < self.outage.parameters;
        let started_elsewhere = self.hosts.get(id).is_some_and(|h| h.foreign);
        if unreachable || started_elsewhere {
            // A member with data starts without an env. A foreign member that lost its disk is not started.
            if self.hosts.get(id).is_some_and(|h| h.data.is_some()) {
                self.start_again(id);
            }
            return;
        }
        let Some(env) = self.ssm.read(&format!("instances/{id}"), self.now, &mut self.rng) else { return };
        let Some(host) = self.hosts.get_mut(id) else { return };
        let token = env::value(&env, "ETCD_INITIAL_CLUSTER_TOKEN").unwrap_or_default().to_owned();
        if host.stamp.as_ref().is_some_and(|stamp| *stamp != token) {
            host.etcd = Etcd::Stopped("another generation's data");
        } else if host.data.is_some() {
            self.start_again(id);
        } else if env::is_sealed(&env) {
            host.etcd = Etcd::Stopped("an empty disk under a sealed env");
            self.tell(format!("{id} refuses to start: an empty disk under a sealed env"));
        } else {
            if env::value(&env, "ETCD_INITIAL_CLUSTER_STATE") == Some("new") {
                host.stamp = Some(token.clone());
                self.found(id, &token);
            } else if self.may_start(id, &env) {
                self.edit(id, |h| h.stamp = Some(token.clone()));
                self.start_as_joiner(id, &env);
            }
        }
    }

    fn start_again(&mut self, id: &InstanceId) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        let Some(data) = host.data.clone() else { return };
        let removed = self.clusters.get(&data.cluster).is_none_or(|c| c.removed.contains(&data.member));
        host.etcd = if removed { Etcd::Stopped("removed") } else { Etcd::Running };
        let state = host.etcd.clone();
        self.restarted(data.cluster);
        self.tell(format!("{id} starts with the data it has: {state:?}"));
    }

    fn found(&mut self, id: &InstanceId, token: &str) {
        let Some(host) = self.hosts.get(id) else { return };
        let url = host.peer_url();
        let member = hash(&format!("{url} {token}"));
        let cluster = hash(&format!("cluster {member}"));
        self.check_founding(id, token, cluster);
        self.new_cluster(cluster, member, token, &url);
        self.runs(id, Data { cluster, member, log: 1, wrong: false });
        self.tell(format!("{id} founds cluster {cluster:x} of {token} as member {member:x}"));
    }

    /// etcd compares the string with the list that a peer serves, and exits at once if they differ.
    fn start_as_joiner(&mut self, id: &InstanceId, env: &str) {
        let now = self.now;
        let Some(own) = self.hosts.get(id).map(Host::peer_url) else { return };
        let string = env::value(env, "ETCD_INITIAL_CLUSTER").unwrap_or_default();
        let mut urls: Vec<&str> =
            string.split(',').filter_map(|e| e.split_once('=')).map(|(_, u)| u).collect();
        urls.sort_unstable();
        let peer = self.hosts.values().find(|h| {
            h.well(now) && h.data.is_some() && h.id != *id && urls.contains(&h.peer_url().as_str())
        });
        let Some(data) = peer.and_then(|p| p.data.clone()) else { return };
        let Some(cluster) = self.clusters.get(&data.cluster) else { return };
        let mut listed: Vec<&str> = cluster.members.values().map(|m| m.url.as_str()).collect();
        listed.sort_unstable();
        let member = cluster.members.iter().find(|(_, m)| m.url == own).map(|(id, _)| *id);
        let (true, Some(member)) = (listed == urls, member) else { return };
        let cluster = data.cluster;
        self.check_empty_start(id, cluster, member, env);
        if self.clusters.get(&cluster).is_some_and(|c| c.started.contains(&member)) {
            if let Some(host) = self.hosts.get_mut(id) {
                host.etcd = Etcd::Stopped("a learner that lost its disk panics");
            }
            return;
        }
        self.check_version(id, cluster);
        let wrong = self.is_fed_wrong(cluster);
        self.runs(id, Data { cluster, member, log: 0, wrong });
        self.tell(format!("{id} starts as member {member:x}"));
    }

    fn runs(&mut self, id: &InstanceId, data: Data) {
        let now = self.now;
        let silent = if self.rng.chance(250) { 7_000 } else { 0 };
        if let Some(cluster) = self.clusters.get_mut(&data.cluster) {
            cluster.started.insert(data.member);
        }
        self.restarted(data.cluster);
        if let Some(host) = self.hosts.get_mut(id) {
            // A learner that joins by snapshot serves nothing for 7 s.
            host.deaf_until = host.deaf_until.max(now + silent);
            host.data = Some(data);
            host.etcd = Etcd::Running;
        }
    }
}
