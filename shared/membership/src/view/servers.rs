//! etcd's servers, read as one cluster: who leads, who is proven, which member list counts.

use std::collections::BTreeSet;

use crate::alarm::Alarm;
use crate::etcd::{EtcdView, Member, MemberList, Probe, Status, leader_among};
use crate::guard::{Guard, Guards};
use crate::ids::{ClusterId, MemberId};
use crate::observation::Seen;

/// The answers of all servers in one round, and the cluster that they are read for.
#[derive(Clone, Copy)]
pub struct Servers<'v, 'a> {
    pub etcd: &'a EtcdView,
    /// The cluster that is ours. `None` before it is known: then no server is ours.
    pub cluster: Option<ClusterId>,
    pub guards: Guards,
    /// The client URL at which a member's server was asked.
    pub url_of: &'v dyn Fn(&Member) -> Option<String>,
}

impl<'a> Servers<'_, 'a> {
    fn ours(&self, cluster: ClusterId) -> bool {
        self.guards.allows(Guard::SameCluster, self.cluster == Some(cluster))
    }

    fn lists(&self) -> impl Iterator<Item = &'a MemberList> {
        self.etcd.lists.values().filter_map(Seen::known).filter(|l| self.ours(l.cluster))
    }

    /// A linearizable list of our cluster. The leader's own list comes first.
    pub fn list(&self) -> Option<&'a MemberList> {
        let leader = self.leader_status().map(|s| s.member);
        self.lists().find(|l| Some(l.served_by) == leader).or_else(|| self.lists().next())
    }

    /// The linearizable list that this member itself served in this round.
    pub fn served_list(&self, member: MemberId) -> Option<&'a MemberList> {
        self.lists().find(|l| l.served_by == member)
    }

    pub fn probe(&self, member: &Member) -> Option<&'a Probe> {
        self.etcd.probes.get(&(self.url_of)(member)?)
    }

    /// What this member itself said just now. The server has to be of our cluster, and the member that the list
    /// names.
    pub fn status(&self, member: &Member) -> Option<&'a Status> {
        let status = self.probe(member)?.answer()?;
        let same = self.guards.allows(Guard::SameMember, status.member == member.id);
        (self.ours(status.cluster) && same).then_some(status)
    }

    /// The status of our cluster's leader.
    pub fn leader_status(&self) -> Option<&'a Status> {
        leader_among(self.etcd.probes.values().filter_map(Probe::answer).filter(|s| self.ours(s.cluster)))
    }

    /// The alarms that the servers of our cluster tell, each once.
    pub fn alarms(&self) -> BTreeSet<Alarm> {
        let answers = self.etcd.probes.values().filter_map(Probe::answer);
        answers.filter(|s| self.ours(s.cluster)).flat_map(|s| s.alarms.iter().cloned()).collect()
    }

    /// The leader, and the client URL at which it is asked.
    pub fn leader(&self) -> Option<(MemberId, String)> {
        let status = self.leader_status()?;
        let member = self.list()?.get(status.member)?;
        Some((member.id, (self.url_of)(member)?))
    }

    /// Whether the member has just proven itself beside the leader: it answered, it follows the same leader in the
    /// same term, and its applied index is near the leader's.
    pub fn proven(&self, member: &Member) -> bool {
        let (Some(status), Some(leader)) = (self.status(member), self.leader_status()) else {
            return false;
        };
        let together = status.leader == Some(leader.member) && status.term == leader.term;
        status.learner == member.learner
            && self.guards.allows(Guard::SameLeaderAndTerm, together)
            && self.guards.allows(Guard::CaughtUp, status.is_near(leader))
    }
}
