//! Who votes, and what may still change that.

use std::collections::BTreeSet;

use super::View;
use crate::change::Change;
use crate::decision::QuorumCount;
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::{InstanceId, MemberId};
use crate::instance::Instance;
use crate::quorum::{Electorate, VoterChange};

impl View<'_> {
    /// The arithmetic of this round.
    pub fn electorate(&self) -> Electorate {
        let Some(list) = self.list() else {
            return Electorate::default();
        };
        let proven: BTreeSet<MemberId> =
            list.members.iter().filter(|m| self.proven(m)).map(|m| m.id).collect();
        let counts = self.enforces(Guard::UnansweredCount);
        let unanswered = if counts { self.unanswered_voter_changes() } else { Vec::new() };
        Electorate { voters: list.voters().map(|m| m.id).collect(), proven, unanswered }
    }

    fn unanswered_voter_changes(&self) -> Vec<VoterChange> {
        let of = |change: &Change| match change {
            Change::Promote { member, .. } => Some(VoterChange::Add(*member)),
            // Also the removal of a learner: by the time it lands, the learner may vote.
            Change::Remove { member, .. } => Some(VoterChange::Remove(*member)),
            _ => None,
        };
        self.ledger.unanswered.iter().filter_map(|m| of(&m.change)).collect()
    }

    /// How many voters have just proven themselves.
    pub fn quorum_count(&self) -> QuorumCount {
        self.electorate().count()
    }

    /// Whether this instance's voter has just proven itself.
    pub fn votes(&self, id: &InstanceId) -> bool {
        self.voter(id).is_some_and(|m| self.proven(m))
    }

    /// A voter that was promoted, has not answered a linearizable read yet, and still might.
    pub fn silent_new_voter(&self) -> Option<MemberId> {
        let list = self.list()?;
        list.voters().map(|m| m.id).find(|member| {
            let Some(id) = self.ledger.instance_of(*member) else { return false };
            self.record(id).is_some_and(|r| !r.voted) && !self.gone(id) && !self.given_up(id)
        })
    }

    /// Whether this learner has just answered a probe of its own, caught up with the leader. etcd's own check
    /// promotes a dead learner that had once caught up (tried on 3.4 to 3.7).
    pub fn ready(&self, learner: &Member) -> bool {
        learner.started() && self.allows(Guard::LearnerAnswered, self.proven(learner))
    }

    /// The voter without a known owner that this instance may run. Nothing is recorded of the instance: the group's
    /// list missed it when its cluster was adopted, or it was attached later, and it was silent ever since.
    pub fn unowned_voter(&self, instance: &Instance) -> Option<MemberId> {
        if self.record(&instance.id).is_some() || self.member(&instance.id).is_some() {
            return None;
        }
        let url = instance.client_url(&self.group.settings);
        let here = |m: &Member| url.as_ref().is_some_and(|u| m.client_urls.contains(u));
        self.unowned_voters().find(|m| here(m) || !self.proven(m)).map(|m| m.id)
    }

    /// Whether a removal of this member is claimed, or was sent and got no answer.
    pub fn may_be_removed(&self, member: MemberId) -> bool {
        self.in_flight(|c| removes(c, member))
    }

    /// Whether this instance's vote stays, also if every unanswered change was made.
    pub fn keeps_its_vote(&self, id: &InstanceId) -> bool {
        let going = self.member(id).and_then(|m| self.unanswered(|c| removes(c, m.id)));
        self.allows(Guard::UnansweredCount, going.is_none())
    }
}

fn removes(change: &Change, of: MemberId) -> bool {
    matches!(change, Change::Remove { member, .. } if *member == of)
}
