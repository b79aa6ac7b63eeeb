//! Instances: what the boot script does with its env, and what can happen to a machine.

use membership::env;
use membership::ledger::ConditionKey;

use crate::observe::address;
use crate::state::{Cluster, Condition, Etcd, Host, Invariant, Life, Listed, Machine};
use crate::step::Step;

impl Step<'_> {
    /// The boot script looks at its env, and starts etcd if the env lets it.
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
        self.runs_as(host, token, member);
        self.s.hosts[host].full = true;
        self.tell(|| format!("i-{} founds the cluster of generation {token}", host + 1));
        true
    }

    fn runs_as(&mut self, host: usize, token: u8, member: u8) {
        let h = &mut self.s.hosts[host];
        (h.stamp, h.cluster, h.member) = (token, token, member);
        h.etcd = Etcd::Running;
    }

    /// etcd compares the string with the list that a peer serves, and exits at once if they differ.
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
        self.runs_as(host, token, member.id);
        true
    }

    /// An instance that `endpoints` names completes its own launch: it is a healthy voter of a formed cluster.
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

    /// A machine dies, unless the promise excludes the loss of its disk.
    pub fn kill(&mut self, host: usize) -> bool {
        let may = self.s.hosts[host].runs() && self.may_be_lost(host);
        if may {
            self.machine_ends(host);
        }
        may
    }

    /// The instance freezes, or becomes deaf to the functions.
    pub fn falls_silent(&mut self, host: usize, condition: Condition) -> bool {
        let h = &mut self.s.hosts[host];
        let may = h.well() && h.condition == Condition::Well;
        h.condition = condition;
        may
    }

    /// A frozen or deaf instance is heard again.
    pub fn recover(&mut self, host: usize) -> bool {
        let h = &mut self.s.hosts[host];
        let may = h.condition != Condition::Well;
        h.condition = Condition::Well;
        may
    }

    /// The instance's etcd ends, and the boot script starts it again.
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

    /// The instance has its new root volume.
    pub fn comes_back(&mut self, host: usize) -> bool {
        let h = &mut self.s.hosts[host];
        let may = h.life == Life::Replacing && h.machine == Machine::Running;
        h.life = Life::InService;
        may
    }

    /// Checks I1 and I2 when a cluster is founded.
    fn check_founding(&mut self, host: usize, token: u8) {
        let second = self.s.cluster(token).is_some_and(|c| c.formed || c.listed().count() > 1);
        if second {
            self.broken(Invariant::I1, || format!("i-{} founds generation {token} a second time", host + 1));
        }
        let others: Vec<Cluster> = self.s.clusters.iter().copied().filter(|c| c.token != token).collect();
        if let Some(other) = others.iter().find(|c| c.token != 0 && self.majority_lives(c)) {
            let other = other.token;
            self.broken(Invariant::I2, || {
                format!("generation {token} is founded while a majority of generation {other} lives")
            });
        }
    }

    /// Checks I5, and I6: the member that etcd derives from the string was added for this instance, and the env names
    /// this member. An instance on its way out may start as a learner that a late repetition of its own add created:
    /// the string names the same members at the same addresses, and the disk is empty. The rule `remove_dead` or
    /// `give_up` removes that learner.
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

/// The number of the generation that the token in an env names, 0 for none.
fn token_in(text: &str) -> u8 {
    let token = env::value(text, "ETCD_INITIAL_CLUSTER_TOKEN").unwrap_or_default();
    token.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
