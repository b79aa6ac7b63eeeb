//! Instances: what the boot script does with its env, and what can become of a machine.

use membership::env;
use membership::ledger::ConditionKey;

use crate::observe::address;
use crate::state::{Cluster, Condition, Etcd, Host, Invariant, Life, Listed, Machine};
use crate::step::Step;

impl Step<'_> {
    /// The boot script looks, and starts etcd if it may.
    pub fn boot(&mut self, host: usize) -> bool {
        let h = self.s.hosts[host];
        let waits = h.runs() && h.etcd == Etcd::Booting && h.condition != Condition::Frozen;
        if !waits || h.life == Life::Replacing || self.s.envs[host] == 0 {
            return false;
        }
        let env = self.t.texts.get(self.s.envs[host]);
        let token = token_in(&env);
        if h.stamp != 0 && h.stamp != token {
            self.stops(host, "another generation's data");
        } else if h.member != 0 {
            let listed = self.s.cluster(h.cluster).and_then(|c| c.member(h.member)).is_some();
            if listed {
                self.s.hosts[host].etcd = Etcd::Running;
            } else {
                self.stops(host, "its member was removed");
            }
        } else if env::is_sealed(&env) {
            self.stops(host, "an empty disk under a sealed env");
        } else if env::value(&env, "ETCD_INITIAL_CLUSTER_STATE") == Some("new") {
            return self.found(host, token);
        } else {
            return self.start_as_joiner(host, &env);
        }
        true
    }

    fn stops(&mut self, host: usize, why: &str) {
        self.s.hosts[host].etcd = Etcd::Stopped;
        self.tell(|| format!("i-{} does not start: {why}", host + 1));
    }

    fn found(&mut self, host: usize, token: u8) -> bool {
        let h = self.s.hosts[host];
        self.check_founding(host, token);
        let member = h.address * 8;
        let seed = Listed { id: member, address: h.address, started: true, ..Listed::default() };
        let mut cluster = Cluster { token, ..Cluster::default() };
        cluster.insert(seed);
        let Some(slot) = self.s.clusters.iter_mut().find(|c| c.token == token || c.token == 0) else {
            return false;
        };
        *slot = cluster;
        self.runs_as(host, token, member, true);
        self.tell(|| format!("i-{} founds the cluster of generation {token}", host + 1));
        true
    }

    fn runs_as(&mut self, host: usize, token: u8, member: u8, full: bool) {
        let h = &mut self.s.hosts[host];
        (h.stamp, h.cluster, h.member, h.full) = (token, token, member, full);
        h.etcd = Etcd::Running;
    }

    /// etcd compares the string with the list that any peer serves, and exits at once where they differ.
    fn start_as_joiner(&mut self, host: usize, env: &str) -> bool {
        let own = self.s.hosts[host].address;
        let string = env::value(env, "ETCD_INITIAL_CLUSTER").unwrap_or_default();
        let mut wanted: Vec<u8> =
            string.split(',').filter_map(|e| e.split_once('=')).map(|(_, u)| address(u)).collect();
        wanted.sort_unstable();
        let peer = |h: &&Host| h.well() && h.cluster != 0 && h.address != own && wanted.contains(&h.address);
        let Some(token) = self.s.hosts.iter().find(peer).map(|h| h.cluster) else { return false };
        let Some(mut cluster) = self.s.cluster(token).copied() else { return false };
        let mut listed: Vec<u8> = cluster.listed().map(|m| m.address).collect();
        listed.sort_unstable();
        let member = cluster.listed().find(|m| m.address == own).copied();
        let (true, Some(member)) = (listed == wanted, member) else { return false };
        self.check_empty_start(host, &member, env);
        if member.started {
            self.stops(host, "a learner that lost its disk panics");
            return true;
        }
        if let Some(listed) = cluster.member_mut(member.id) {
            listed.started = true;
        }
        self.put_cluster(cluster);
        self.runs_as(host, token, member.id, false);
        true
    }

    /// Published means a healthy voter of a formed cluster: the instance completes its own launch.
    pub fn ready(&mut self, host: usize) -> bool {
        let h = self.s.hosts[host];
        let named = self.s.endpoints.is_some_and(|mask| mask & (1 << h.address) != 0);
        h.life == Life::Pending && h.well() && named && self.continue_launch(host, "its own host")
    }

    /// The machine is gone, and its disk with it.
    pub fn machine_ends(&mut self, host: usize) {
        let h = &mut self.s.hosts[host];
        if h.machine == Machine::Running {
            h.machine = Machine::Stopping;
        }
        h.condition = Condition::Well;
        self.empty_disk(host);
    }

    fn empty_disk(&mut self, host: usize) {
        let h = &mut self.s.hosts[host];
        h.etcd = Etcd::Booting;
        (h.stamp, h.cluster, h.member, h.full) = (0, 0, 0, false);
    }

    /// A machine dies, where the promise allows it.
    pub fn kill(&mut self, host: usize) -> bool {
        let may = self.s.hosts[host].runs() && self.may_be_lost(host);
        if may {
            self.machine_ends(host);
        }
        may
    }

    /// Nobody hears it, or only the functions do not.
    pub fn freeze(&mut self, host: usize, wholly: bool) -> bool {
        let h = &mut self.s.hosts[host];
        let may = h.well() && h.condition == Condition::Well;
        h.condition = if wholly { Condition::Frozen } else { Condition::Deaf };
        may
    }

    /// It is heard again.
    pub fn recover(&mut self, host: usize) -> bool {
        let h = &mut self.s.hosts[host];
        let may = h.condition != Condition::Well;
        h.condition = Condition::Well;
        may
    }

    /// Its etcd ends, and the boot script starts it again.
    pub fn crash(&mut self, host: usize) -> bool {
        let h = &mut self.s.hosts[host];
        let may = h.well();
        h.etcd = Etcd::Booting;
        may
    }

    /// The root volume is replaced: same ID, same address, an empty disk.
    pub fn lose_disk(&mut self, host: usize) -> bool {
        let h = self.s.hosts[host];
        let may = matches!(h.life, Life::InService | Life::Pending) && h.runs() && self.may_be_lost(host);
        if may {
            self.empty_disk(host);
            self.s.hosts[host].condition = Condition::Well;
            if h.life == Life::InService {
                self.s.hosts[host].life = Life::Replacing;
            }
        }
        may
    }

    /// It has its new root volume.
    pub fn comes_back(&mut self, host: usize) -> bool {
        let h = &mut self.s.hosts[host];
        let may = h.life == Life::Replacing && h.machine == Machine::Running;
        h.life = Life::InService;
        may
    }

    /// I1 and I2, at the birth of a cluster.
    fn check_founding(&mut self, host: usize, token: u8) {
        let second = self.s.cluster(token).is_some_and(|c| c.formed || c.listed().count() > 1);
        if second {
            self.broken(Invariant::I1, || format!("i-{} founds generation {token} a second time", host + 1));
        }
        let others: Vec<Cluster> = self.s.clusters.iter().copied().filter(|c| c.token != token).collect();
        if let Some(other) = others.iter().find(|c| c.token != 0 && self.majority_lives(c)) {
            let other = other.token;
            self.broken(Invariant::I2, || format!("{token} is founded while a majority of {other} lives"));
        }
    }

    /// I5, and I6: the member that etcd makes of the string was added for this instance, and is the one that the env is
    /// about. One that is on its way out may start as what a late twin of its own add made of its address: the string
    /// names the same members at the same addresses, the disk is empty, and rule 6 or 11 removes that learner again.
    fn check_empty_start(&mut self, host: usize, member: &Listed, env: &str) {
        if member.started && !member.learner {
            self.broken(Invariant::I5, || format!("i-{} starts a voter on an empty disk", host + 1));
        }
        let own = usize::from(member.meant) == host + 1;
        let given_up = ConditionKey::GivenUp(crate::observe::id(host));
        let out = self.s.hosts[host].life == Life::Leaving
            || (*self.ledger()).as_ref().is_some_and(|l| l.conditions.contains_key(&given_up));
        let named = env::value(env, "ETCD_ASG_MEMBER_ID") == Some(member.id.to_string().as_str());
        if !own || !(named || out && member.late) {
            self.broken(Invariant::I6, || {
                format!("i-{} starts as a member that its env does not name", host + 1)
            });
        }
    }
}

/// The generation of an env's token.
pub fn token_in(text: &str) -> u8 {
    let token = env::value(text, "ETCD_INITIAL_CLUSTER_TOKEN").unwrap_or_default();
    token.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
