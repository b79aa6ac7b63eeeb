//! What is known of members, and which instance each of them belongs to.

use std::collections::BTreeSet;

use super::{Servers, View};
use crate::alarm::Alarm;
use crate::change::Change;
use crate::etcd::{Member, MemberList, Probe, Status};
use crate::ids::{InstanceId, MemberId};
use crate::instance::Instance;

impl<'a> View<'a> {
    fn servers<'v>(&self, url_of: &'v dyn Fn(&Member) -> Option<String>) -> Servers<'v, 'a> {
        let (etcd, cluster) = (&self.obs.etcd, self.ledger.cluster_id());
        Servers { etcd, cluster, guards: self.guards, url_of }
    }

    fn read<T>(&self, of: impl FnOnce(Servers<'_, 'a>) -> T) -> T {
        of(self.servers(&|m| self.probe_url(m)))
    }

    /// A linearizable list of our cluster. The leader's own list comes first.
    pub fn list(&self) -> Option<&'a MemberList> {
        self.read(|s| s.list())
    }

    /// The linearizable list that this member itself served in this round.
    pub fn served_list(&self, member: MemberId) -> Option<&'a MemberList> {
        self.read(|s| s.served_list(member))
    }

    /// The member that belongs to this instance: by the recorded ID, else by its name.
    pub fn member(&self, id: &InstanceId) -> Option<&'a Member> {
        let list = self.list()?;
        match self.ledger.member_of(id) {
            Some(member) => list.get(member),
            None => {
                list.members.iter().find(|m| m.name == id.as_str() && self.ledger.instance_of(m.id).is_none())
            }
        }
    }

    /// The voter that belongs to this instance.
    pub fn voter(&self, id: &InstanceId) -> Option<&'a Member> {
        self.member(id).filter(|m| !m.learner)
    }

    /// The instance that this member belongs to: by the recorded ID, else by its name. An address proves nothing.
    pub fn owner(&self, member: &Member) -> Option<InstanceId> {
        let named = || {
            let id = InstanceId(member.name.clone());
            let known = self.instance(&id).is_some() || self.ledger.instances.contains_key(&id);
            (member.started() && known && self.ledger.member_of(&id).is_none()).then_some(id)
        };
        self.ledger.instance_of(member.id).cloned().or_else(named)
    }

    /// The instance that an unstarted learner was meant for: its owner, else the instance with its peer URL. That is
    /// good enough for a learner, whose removal costs no quorum, and never for a voter.
    pub fn learner_owner(&self, member: &Member) -> Option<InstanceId> {
        let same_url = |url: &str| member.peer_urls.iter().any(|u| u == url);
        self.owner(member).or_else(|| {
            let recorded =
                self.ledger.instances.iter().find(|(_, r)| same_url(&r.peer_url)).map(|(id, _)| id.clone());
            let listed = || {
                let here = |i: &&Instance| i.peer_url(&self.group.settings).is_some_and(|u| same_url(&u));
                self.group.instances.iter().find(here).map(|i| i.id.clone())
            };
            recorded.or_else(listed)
        })
    }

    /// Whether a learner is listed for this instance, also a learner that was added a moment ago and is not recorded
    /// yet.
    pub fn has_learner(&self, id: &InstanceId) -> bool {
        self.list().is_some_and(|l| l.learners().any(|m| self.learner_owner(m).as_ref() == Some(id)))
    }

    /// Whether a claim to add this instance is open: it may be a learner in a moment. An add that got no answer is not
    /// waited for. It makes a learner of an instance that leaves or is gone, and the rule `remove_dead` removes that
    /// learner.
    pub fn is_being_added(&self, id: &InstanceId) -> bool {
        self.claimed().is_some_and(|c| matches!(c, Change::AddLearner { instance, .. } if instance == id))
    }

    /// Where the member's server is reached: at its instance's own address, else where it says itself.
    pub fn probe_url(&self, member: &Member) -> Option<String> {
        let owner = self.owner(member).and_then(|id| self.instance(&id));
        reached_at(member, owner.and_then(|i| i.client_url(&self.group.settings)))
    }

    pub fn probe(&self, member: &Member) -> Option<&'a Probe> {
        self.read(|s| s.probe(member))
    }

    /// What this member itself said just now.
    pub fn status(&self, member: &Member) -> Option<&'a Status> {
        self.read(|s| s.status(member))
    }

    /// Whether the leader is sending this learner a snapshot.
    pub fn receives(&self, member: &Member) -> bool {
        member.learner && self.status(member).is_none() && self.obs.etcd.sending.contains(&member.id)
    }

    /// The status of our cluster's leader.
    pub fn leader_status(&self) -> Option<&'a Status> {
        self.read(|s| s.leader_status())
    }

    /// The leader, and the client URL at which it is asked.
    pub fn leader(&self) -> Option<(MemberId, String)> {
        self.read(|s| s.leader())
    }

    /// The alarms that the servers of our cluster tell, each once.
    pub fn alarms(&self) -> BTreeSet<Alarm> {
        self.read(|s| s.alarms())
    }

    /// Whether the member has just proven itself beside the leader.
    pub fn proven(&self, member: &Member) -> bool {
        self.read(|s| s.proven(member))
    }

    /// The voters that belong to no known instance.
    pub fn unowned_voters(&self) -> impl Iterator<Item = &'a Member> {
        let view = *self;
        self.list().into_iter().flat_map(MemberList::voters).filter(move |m| view.owner(m).is_none())
    }
}

/// The client URL of a member: that of its instance, else the first that it advertises.
pub fn reached_at(member: &Member, own: Option<String>) -> Option<String> {
    own.or_else(|| member.client_urls.first().cloned())
}
