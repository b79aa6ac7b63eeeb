//! How a rule proposes a change of etcd's membership.

use crate::change::Change;
use crate::decision::{Decision, Refusal, Subject, Wait};
use crate::etcd::Member;
use crate::guard::Guard;
use crate::quorum::{QuorumCount, VoterChange};
use crate::view::View;

/// Proposes a change of the membership, if there is a leader to ask, and no new voter is yet to answer for the first
/// time. The removal of that very voter may be proposed.
pub fn propose_membership(v: View<'_>, d: &mut Decision, about: impl Into<Subject>, change: Change) {
    let Some((leader, _)) = v.leader() else {
        let count = QuorumCount { proven: 0, ..v.quorum_count() };
        d.wait(about, Wait::Quorum(count));
        return;
    };
    let removes = |member| matches!(change, Change::Remove { member: m, .. } if m == member);
    if let Some(member) = v.silent_new_voter().filter(|m| !removes(*m))
        && v.enforces(Guard::FirstVoteFirst)
    {
        d.wait(about, Wait::FirstVote(member));
        return;
    }
    d.propose(change, Some(leader));
}

/// Proposes the removal of a member. The removal of a voter has to leave a majority of proven voters.
pub fn propose_removal(v: View<'_>, d: &mut Decision, about: impl Into<Subject>, member: &Member) {
    let owner = if member.learner { v.learner_owner(member) } else { v.owner(member) };
    let change = Change::Remove { instance: owner, member: member.id, voter: !member.learner };
    let kept = member.learner || v.electorate().may_change(VoterChange::Remove(member.id));
    match v.require(Guard::MajorityKept, kept, || Refusal::QuorumAtRisk(change.clone())) {
        Ok(()) => propose_membership(v, d, about, change),
        Err(why) => d.refuse(about, why),
    }
}
