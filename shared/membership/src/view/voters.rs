//! Who votes, and what may still change that.

use std::collections::BTreeSet;

use super::View;
use crate::change::Change;
use crate::decision::QuorumCount;
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::{InstanceId, MemberId};
use crate::instance::Instance;
use crate::ledger::{EnvState, Ledger, Phase};
use crate::observation::Parameters;
use crate::quorum::{Electorate, VoterChange, majority};

/// A quorum that is lost for good.
pub struct QuorumGone {
    /// How many voters are gone.
    pub gone: usize,
    /// How many voters are on record.
    pub voters: usize,
}

/// The voters on record, for when no member list can be had: each instance whose member has voted, and that member.
///
/// The record of a removed voter stays until its instance is forgotten. Its env is deleted once the instance is gone
/// and a list without the member was seen, so a gone instance without an env is no voter's any more. Where the
/// Parameter Store shows no env at all, nothing follows from a missing one.
pub fn recorded_voters<'a>(
    ledger: &'a Ledger,
    parameters: Option<&Parameters>,
    gone: impl Fn(&InstanceId) -> bool,
) -> Vec<(&'a InstanceId, MemberId)> {
    let envs = parameters.map(|p| &p.envs).filter(|envs| !envs.is_empty());
    let removed = |id: &InstanceId, env: EnvState| {
        env != EnvState::Foreign && envs.is_some_and(|envs| !envs.contains_key(id)) && gone(id)
    };
    let voted = ledger.instances.iter().filter(|(id, r)| r.voted && !removed(id, r.env));
    voted.filter_map(|(id, r)| Some((id, r.member?))).collect()
}

impl View<'_> {
    /// The voters on record, for when no member list can be had.
    pub fn recorded_voters(&self) -> Vec<(&InstanceId, MemberId)> {
        recorded_voters(self.ledger, self.obs.parameters.known(), |id| self.gone(id))
    }

    /// How many of the voters on record are gone for good, and of how many, where the rest is no majority. `None`
    /// where a majority is left, and before the cluster formed.
    pub fn quorum_gone(&self) -> Option<QuorumGone> {
        let voters = self.recorded_voters();
        let gone = voters.iter().filter(|(id, _)| self.gone(id)).count();
        let lost = self.phase() == Phase::Formed && gone > 0 && voters.len() - gone < majority(voters.len());
        lost.then_some(QuorumGone { gone, voters: voters.len() })
    }

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
