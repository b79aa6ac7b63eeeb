//! Changes of the membership in flight: asked of a member, waiting in a frozen member's socket or in the log of a
//! leader without a quorum, handed on, applied late, or lost.

use std::collections::BTreeSet;

use membership::change::Change;
use membership::etcd::MemberList;
use membership::ids::{InstanceId, MemberId};
use membership::invocation::Retry;
use membership::quorum::majority;
use membership::version::{Minor, Version};

use super::World;
use super::etcd::{Cluster, Listed};
use super::host::{Etcd, Host};
use super::rng::hash;
use super::versions::version;

/// etcd refuses changes for this long after a connection began.
const WINDOW: u64 = 5_000;

/// A change of the membership that was sent and may still happen.
#[derive(Clone, Debug)]
pub struct Call {
    pub change: Change,
    pub cluster: u64,
    pub basis: Basis,
    pub place: Place,
}

/// What the sender of a call knew. An invariant judges the call by it.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// When the sender's look began, or when its claim was written if that was later.
    pub since: u64,
    pub desired: usize,
    /// Whether the leave patience for the leaving instance was over.
    pub forced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the network, to the member that it was sent to.
    Flying,
    /// In the socket of this frozen member.
    Socket(u64),
    /// On the way to the leader, where it arrives at this time.
    Underway(u64),
    /// In the log of this leader, which has no quorum.
    Log(u64),
}

pub enum Reply {
    Done,
    Added(MemberId, MemberList),
    Refused(&'static str, Retry),
    Silence,
}

impl World {
    /// A call arrives at the server behind this client URL. After silence it may wait somewhere and happen later.
    pub fn arrive(&mut self, call: u64, via: &str) -> Reply {
        let now = self.now;
        let Some(host) = self.hosts.values().find(|h| h.machine() && h.client_url() == via).cloned() else {
            self.calls.remove(&call);
            return Reply::Silence;
        };
        let Some(data) = host.data.clone() else {
            self.calls.remove(&call);
            return Reply::Silence;
        };
        if let Some(c) = self.calls.get_mut(&call) {
            c.cluster = data.cluster;
        }
        if host.frozen(now) {
            return self.waits(call, Place::Socket(data.member));
        }
        if !host.well(now) || (now < host.deaf_until && self.rng.chance(500)) {
            self.calls.remove(&call);
            return Reply::Silence;
        }
        let reply = self.at_the_leader(call, data.cluster);
        if now < host.deaf_until { Reply::Silence } else { reply }
    }

    fn waits(&mut self, call: u64, place: Place) -> Reply {
        if let Some(c) = self.calls.get_mut(&call) {
            let text = format!("{} waits: {place:x?}", c.change);
            c.place = place;
            self.tell(text);
        }
        Reply::Silence
    }

    /// The leader of the cluster `id` takes the call, or the call waits for it.
    fn at_the_leader(&mut self, call: u64, id: u64) -> Reply {
        let now = self.now;
        let Some(cluster) = self.clusters.get(&id).cloned() else {
            self.calls.remove(&call);
            return Reply::Silence;
        };
        let Some(leader) = cluster.leader else {
            return match self.calls.remove(&call).map(|c| c.change) {
                Some(Change::AddLearner { .. }) => Reply::Refused("no leader", Retry::Soon),
                _ => Reply::Silence,
            };
        };
        let frozen = self.host_of(id, leader).is_some_and(|h| h.frozen(now));
        if frozen {
            self.waits(call, Place::Socket(leader))
        } else if self.leads(&cluster).is_none() {
            self.waits(call, Place::Log(leader))
        } else if self.hostile() && self.rng.chance(30) {
            let due = now + self.rng.between(300, 3_000);
            self.waits(call, Place::Underway(due))
        } else {
            self.commit(call)
        }
    }

    /// A leader with a quorum takes the change, or refuses it for etcd's own reasons.
    fn commit(&mut self, call: u64) -> Reply {
        let Some(call) = self.calls.remove(&call) else { return Reply::Silence };
        let Some(cluster) = self.clusters.get(&call.cluster).cloned() else { return Reply::Silence };
        let leader = cluster.leader.unwrap_or_default();
        match call.change.clone() {
            Change::AddLearner { peer_url, .. } => self.commit_add(&call, &cluster, leader, &peer_url),
            Change::Promote { member, .. } => self.commit_promote(&call, &cluster, leader, member.0),
            Change::Remove { member, .. } => self.commit_remove(&call, &cluster, member.0),
            _ => Reply::Refused("not a change of the membership", Retry::Pointless),
        }
    }

    /// Whether etcd's strict check refuses: `needed` voters must have been connected for 5 s. A frozen voter is still
    /// connected.
    fn unhealthy(&self, cluster: &Cluster, voters: &BTreeSet<u64>, needed: usize) -> bool {
        let young = self.now < cluster.connected_since + WINDOW && cluster.voters().len() > 1;
        let runs = |h: &Host| h.machine() && h.etcd == Etcd::Running;
        let connected = |m: &&u64| self.host_of(cluster.id, **m).is_some_and(runs);
        young || voters.iter().filter(connected).count() < needed
    }

    /// How many voters must be connected for an add: before 3.5.30 and 3.6.11 all of them, from then on a quorum of
    /// the voters and the new member.
    fn needed_to_add(&self, cluster: &Cluster, leader: u64) -> usize {
        let version = self.host_of(cluster.id, leader).map(version);
        let newer = |v: Version| match v.minor {
            Minor(3, 5) => v.patch >= Some(30),
            Minor(3, 6) => v.patch >= Some(11),
            minor => minor > Minor(3, 6),
        };
        let voters = cluster.voters().len();
        // etcd does not ask a single voter for connections.
        if version.is_some_and(newer) && voters > 1 { majority(voters + 1) } else { voters }
    }

    fn commit_add(&mut self, call: &Call, cluster: &Cluster, leader: u64, url: &str) -> Reply {
        if cluster.members.values().any(|m| m.url == url) {
            return Reply::Refused("Peer URLs already exist", Retry::Pointless);
        }
        if cluster.members.values().any(|m| m.learner) {
            return Reply::Refused("too many learner members in cluster", Retry::Pointless);
        }
        if self.unhealthy(cluster, &cluster.voters(), self.needed_to_add(cluster, leader)) {
            return Reply::Refused("unhealthy cluster", Retry::Soon);
        }
        let member = hash(&format!("{url} {} {}", cluster.token, self.now / 1000));
        if cluster.removed.contains(&member) {
            return Reply::Refused("member not found", Retry::Pointless);
        }
        let new = Listed { url: url.to_owned(), client: String::new(), name: String::new(), learner: true };
        let mut after = cluster.clone();
        after.members.insert(member, new);
        let list = after.list(leader);
        self.applied(call, cluster, after);
        Reply::Added(MemberId(member), list)
    }

    /// etcd counts only the match index: it promotes a dead learner that had caught up.
    fn commit_promote(&mut self, call: &Call, cluster: &Cluster, leader: u64, member: u64) -> Reply {
        let log = |m| self.host_of(cluster.id, m).and_then(|h| h.data.as_ref()).map(|d| d.log);
        match cluster.members.get(&member) {
            None => return Reply::Refused("member not found", Retry::Pointless),
            Some(listed) if !listed.learner => return Reply::Done,
            Some(_) => {}
        }
        if log(member).unwrap_or(cluster.acked) * 10 < log(leader).unwrap_or(0) * 9 {
            return Reply::Refused(
                "can only promote a learner member which is in sync with leader",
                Retry::Soon,
            );
        }
        let mut after = cluster.clone();
        if let Some(listed) = after.members.get_mut(&member) {
            listed.learner = false;
        }
        after.voted.insert(member);
        self.applied(call, cluster, after);
        Reply::Done
    }

    fn commit_remove(&mut self, call: &Call, cluster: &Cluster, member: u64) -> Reply {
        let Some(listed) = cluster.members.get(&member) else { return Reply::Done };
        let mut after = cluster.clone();
        after.members.remove(&member);
        let left = after.voters();
        if !listed.learner && self.unhealthy(cluster, &left, majority(left.len())) {
            return Reply::Refused("unhealthy cluster", Retry::Soon);
        }
        after.removed.insert(member);
        after.leader = after.leader.filter(|l| *l != member);
        self.applied(call, cluster, after);
        Reply::Done
    }

    fn applied(&mut self, call: &Call, before: &Cluster, after: Cluster) {
        self.tell(format!("etcd applies: {}", call.change));
        self.tally.applied += 1;
        self.check_change(call, before, &after);
        let (id, log) = (after.id, after.acked + 1);
        for voter in self.live_voters(before) {
            self.reach(id, voter, log);
        }
        self.clusters.insert(id, Cluster { acked: log, ..after });
    }

    pub fn move_leader(&mut self, via: &str, to: u64) {
        let now = self.now;
        let asked = self.hosts.values().find(|h| h.well(now) && now >= h.deaf_until && h.client_url() == via);
        let Some(data) = asked.and_then(|h| h.data.clone()) else { return };
        let target = self.host_of(data.cluster, to).is_some_and(|h| h.well(now));
        let Some(cluster) = self.clusters.get_mut(&data.cluster) else { return };
        let voter = cluster.members.get(&to).is_some_and(|m| !m.learner);
        if cluster.leader == Some(data.member) && target && voter {
            cluster.leader = Some(to);
            cluster.term += 1;
            cluster.connected_since = now;
            let (log, id) = (cluster.acked, cluster.id);
            self.reach(id, to, log);
            self.tell(format!("leadership moves to member {to:x}"));
        }
    }

    pub fn in_flight_tick(&mut self) {
        let waiting: Vec<(u64, Call)> = self.calls.iter().map(|(id, c)| (*id, c.clone())).collect();
        for (id, call) in waiting {
            match call.place {
                Place::Flying => {}
                Place::Socket(member) => self.read_socket(id, &call, member),
                Place::Underway(due) if self.now >= due => {
                    self.at_the_leader(id, call.cluster);
                }
                Place::Underway(_) => {}
                Place::Log(member) => self.read_log(id, &call, member),
            }
        }
    }

    /// A thawed member handles the call in its socket: if it still leads, it takes the change; otherwise the change is
    /// mostly lost and sometimes handed on.
    fn read_socket(&mut self, id: u64, call: &Call, member: u64) {
        let now = self.now;
        let Some(cluster) = self.clusters.get(&call.cluster) else { return };
        let Some(host) = self.host_of(call.cluster, member) else {
            self.calls.remove(&id);
            return;
        };
        let (thawed, listed) = (!host.frozen(now), cluster.members.contains_key(&member));
        let leads = self.leads(cluster) == Some(member);
        if !listed || (thawed && !leads && !self.rng.chance(200)) {
            self.calls.remove(&id);
        } else if thawed {
            let due = now + self.rng.between(0, 1_000);
            self.waits(id, Place::Underway(due));
        }
    }

    fn read_log(&mut self, id: u64, call: &Call, member: u64) {
        let Some(cluster) = self.clusters.get(&call.cluster) else { return };
        match self.leads(cluster) {
            Some(leader) if leader == member || self.rng.chance(300) => {
                self.commit(id);
            }
            Some(_) => {
                self.calls.remove(&id);
            }
            None => {}
        }
    }

    /// The calls that a dead machine held are lost, but another member's log may hold them too.
    pub fn holder_died(&mut self, host: &InstanceId) {
        let Some(data) = self.hosts.get(host).and_then(|h| h.data.clone()) else { return };
        let held: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, c)| c.place == Place::Log(data.member) || c.place == Place::Socket(data.member))
            .map(|(id, _)| *id)
            .collect();
        for id in held {
            let successors: Vec<u64> = self
                .clusters
                .get(&data.cluster)
                .map_or(Vec::new(), |c| c.voters().into_iter().filter(|m| *m != data.member).collect());
            let in_log = self.calls.get(&id).is_some_and(|c| matches!(c.place, Place::Log(_)));
            match self.rng.pick(&successors).copied().filter(|_| in_log) {
                Some(successor) if self.rng.chance(300) => {
                    self.waits(id, Place::Log(successor));
                }
                _ => {
                    self.calls.remove(&id);
                }
            }
        }
    }
}
