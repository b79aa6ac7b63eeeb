//! Rule 8: a leaving voter is replaced before it is removed, and hands over leadership before it goes.

use super::conditions::missed;
use super::propose_removal;
use crate::change::{Change, Effect};
use crate::decision::{Decision, Refusal, Wait};
use crate::etcd::{Member, Probe};
use crate::guard::Guard;
use crate::ids::{InstanceId, MemberId};
use crate::instance::{Instance, InstanceState};
use crate::ledger::{ConditionKey, Source};
use crate::quorum::VoterChange;
use crate::view::View;

pub fn leave(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let id = &instance.id;
        let nobodys = unowned_voter(v, instance);
        let out =
            v.member(id).is_none() && !has_learner(v, id) && !is_being_added(v, id) && nobodys.is_none();
        let out = v.hold(Guard::MemberIsOut, out);
        if out && instance.terminate_hook_waits() {
            d.effects.push(Effect::ContinueTerminate(id.clone()));
            continue;
        }
        if !instance.state().leaves() && !told_to_leave(v, instance) {
            continue;
        }
        if let Some(member) = nobodys {
            d.wait(id, Wait::Fact(format!("whose voter {member} is: it may be this one's")));
        }
        match v.member(id) {
            Some(voter) if !voter.learner => leave_voter(v, d, instance, voter),
            // Rule 6 removes a leaving learner.
            Some(_) => {}
            None if matches!(instance.state(), InstanceState::Leaving { retained: true, .. }) => {
                d.refuse(id, Refusal::Retained);
            }
            None => {}
        }
    }
}

/// Also one that was added a moment ago and is not recorded yet.
fn has_learner(v: View<'_>, id: &InstanceId) -> bool {
    v.list().is_some_and(|l| l.learners().any(|m| v.learner_owner(m).as_ref() == Some(id)))
}

/// Nothing is recorded of this instance, and this voter, which is nobody's, is not known to be elsewhere: the group's
/// list missed the instance when its cluster was adopted, or it was attached later, and it was silent ever since.
pub fn unowned_voter(v: View<'_>, instance: &Instance) -> Option<MemberId> {
    let url = instance.client_url(&v.group.settings);
    let here = |m: &&Member| url.as_ref().is_some_and(|u| m.client_urls.contains(u));
    let nobodys = |m: &&Member| v.owner(m).is_none() && (here(m) || !v.proven(m));
    let unrecorded = v.record(&instance.id).is_none() && v.member(&instance.id).is_none();
    v.list()?.voters().find(nobodys).filter(|_| unrecorded).map(|m| m.id)
}

/// A claim to add it is open: it may be a learner in a moment. (An add that was never answered is not waited for: what
/// lands then is a learner of an instance that is gone, and rule 6 removes it.)
fn is_being_added(v: View<'_>, id: &InstanceId) -> bool {
    let adds = |c: &Change| matches!(c, Change::AddLearner { instance, .. } if instance == id);
    v.ledger.claim.as_ref().is_some_and(|c| adds(&c.proposal.change))
}

fn leave_voter(v: View<'_>, d: &mut Decision, instance: &Instance, voter: &Member) {
    let id = &instance.id;
    let has_time = v.may_still_leave_later(id);
    let waits = has_time && !long_silent(v, id, voter) && replacement_is_missing(v, instance);
    if !v.hold(Guard::ReplacementFirst, !waits) {
        d.wait(id, Wait::Replacement);
        return;
    }
    let Some(list) = v.list() else { return };
    if list.voters().count() == 1 && !v.hold(Guard::LastVoterStays, false) {
        d.refuse(id, Refusal::LastVoter);
        return;
    }
    let doubtful = list.voters().find(|m| m.id != voter.id && !v.proven(m));
    if let Some(other) = doubtful.filter(|_| v.proven(voter) && has_time)
        && !v.hold(Guard::NoDoubtfulVoter, false)
    {
        d.refuse(id, Refusal::DoubtfulVoter(other.id));
        return;
    }
    let kept = v.electorate().may_change(VoterChange::Remove(voter.id));
    if !v.hold(Guard::MajorityKept, kept) && !has_time {
        at_the_deadline(v, d, instance);
        return;
    }
    if v.leader().is_some_and(|(leader, _)| leader == voter.id) && !v.hold(Guard::LeadershipMovesFirst, false)
    {
        move_leadership(v, d, instance, voter);
        return;
    }
    propose_removal(v, d, id.into(), voter);
}

/// Set unhealthy, with a voter that has long been silent, and still in service because its group launches first: what
/// it launches could not join beside that voter, so it goes now.
fn told_to_leave(v: View<'_>, instance: &Instance) -> bool {
    let told = instance.state() == InstanceState::InService && !instance.healthy;
    told && v.member(&instance.id).is_some_and(|voter| !voter.learner && long_silent(v, &instance.id, voter))
}

/// Such a voter is nothing that its replacement could relieve: without it the others tolerate as many losses or more.
/// And waiting would not end: etcd (3.5.30, 3.6.11 and newer) adds nobody unless a quorum of the larger cluster is
/// connected, which beside one dead voter of three is nobody's to give.
fn long_silent(v: View<'_>, id: &InstanceId, voter: &Member) -> bool {
    missed(v, voter) && unproven_for_grace(v, id)
}

fn unproven_for_grace(v: View<'_>, id: &InstanceId) -> bool {
    let grace = v.ledger.aged(&ConditionKey::Unproven(id.clone()), v.now, v.group.settings.unproven_grace);
    v.hold(Guard::UnprovenForGrace, grace)
}

/// Whom rule 8 removes as soon as it was missed often enough in this invocation. An add beside such a voter would be
/// refused and tried again until the invocation's end, so that it never was missed often enough.
pub fn overdue(v: View<'_>) -> Option<InstanceId> {
    let goes = |i: &&Instance| i.state().leaves() || (i.state() == InstanceState::InService && !i.healthy);
    let silent = |i: &&Instance| {
        v.member(&i.id).is_some_and(|m| {
            let unreadable = matches!(v.probe(m), Some(Probe::AuthenticationNeeded));
            !m.learner && !v.proven(m) && !unreadable && unproven_for_grace(v, &i.id)
        })
    };
    v.group.instances.iter().filter(goes).find(silent).map(|i| i.id.clone())
}

/// Fewer proven voters in service than desired, and more are coming. Only in-service instances count: a launching
/// one may still be abandoned, and two terminations decided at once cannot lean on the same replacement.
fn replacement_is_missing(v: View<'_>, leaving: &Instance) -> bool {
    let counts = |i: &&Instance| {
        let in_service = i.state() == InstanceState::InService;
        v.hold(Guard::OnlyInServiceCounts, in_service) && i.state().stays()
    };
    let settled = |i: &Instance| {
        let votes = v.member(&i.id).is_some_and(|m| !m.learner);
        i.state() == InstanceState::InService && votes && keeps_its_vote(v, &i.id)
    };
    let proven = v.staying().filter(counts).filter(|i| v.votes(&i.id) && keeps_its_vote(v, &i.id)).count();
    // Whoever comes back with a new root volume keeps its place in the group: nobody is coming for it, and it does not
    // wait. Whoever leaves for good does: that one comes back without a vote, and votes again or is replaced.
    let back = v.group.instances.iter().filter(|i| leaving.comes_back() && i.comes_back()).count();
    let coming = v.staying().count() + back < v.group.desired || v.staying().any(|i| !settled(i));
    proven < v.group.desired && coming
}

/// No removal of its voter may still land: what rule 8 counts must be right with every unanswered change done.
fn keeps_its_vote(v: View<'_>, id: &InstanceId) -> bool {
    let member = v.member(id).map(|m| m.id);
    let removes = |c: &Change| matches!(c, Change::Remove { member: m, .. } if Some(*m) == member);
    v.hold(Guard::UnansweredCount, v.unanswered(removes).is_none())
}

/// Its time is over and its removal would cost the majority: retained where the group's policy says so, reported
/// everywhere, and its hook is kept alive as long as the platform allows.
fn at_the_deadline(v: View<'_>, d: &mut Decision, instance: &Instance) {
    let id = &instance.id;
    d.refuse(id, Refusal::NeededAtDeadline);
    let over = v.now >= v.hook_end(id, false);
    if v.hold(Guard::AbandonRetains, v.group.retains) && instance.terminate_hook_waits() && over {
        d.propose(Change::RetainLeaving { instance: id.clone() }, None);
    }
}

/// To the healthiest staying voter: in service before launching, then the furthest applied, then the lowest ID.
fn move_leadership(v: View<'_>, d: &mut Decision, instance: &Instance, leader: &Member) {
    let Some((_, via)) = v.leader() else { return };
    let change = Change::Remove { instance: Some(instance.id.clone()), member: leader.id, voter: true };
    if !v.electorate().may_change(VoterChange::Remove(leader.id)) {
        d.refuse(&instance.id, Refusal::QuorumAtRisk(change));
        return;
    }
    let successors = v.staying().filter_map(|i| {
        let member = v.member(&i.id).filter(|m| !m.learner && m.id != leader.id)?;
        if !v.hold(Guard::SuccessorIsProven, v.proven(member)) {
            return None;
        }
        let applied = v.status(member)?.applied;
        Some((i.state() == InstanceState::InService, applied, std::cmp::Reverse(member.id)))
    });
    match successors.max() {
        Some((_, _, std::cmp::Reverse(to))) => {
            d.effects.push(Effect::MoveLeader { via, to });
            d.wait(&instance.id, Wait::Leadership);
        }
        None => d.refuse(&instance.id, Refusal::QuorumAtRisk(change)),
    }
}

/// Without a list, only an instance that was never given an env, nor may have been, is certainly no member; and none of
/// an adopted cluster, whose members need no env of ours.
pub fn never_a_member(v: View<'_>, d: &mut Decision) {
    let adopted = v.ledger.generation.source == Source::Adopted;
    for instance in v.group.instances.iter().filter(|i| i.terminate_hook_waits()) {
        let id = &instance.id;
        let claimed = v.ledger.claim.as_ref().is_some_and(|c| c.proposal.change.instance() == Some(id));
        let in_flight = claimed || v.unanswered(|c| c.instance() == Some(id)).is_some();
        if v.hold(Guard::NeverAMember, v.record(id).is_none() && !in_flight && !adopted) {
            d.effects.push(Effect::ContinueTerminate(id.clone()));
        }
    }
}
