//! The rule `leave`: a leaving voter is replaced before it is removed, and hands over leadership before it goes.

use std::cmp::Reverse;
use std::time::Duration;

use crate::change::{Change, Effect};
use crate::decide::propose::propose_removal;
use crate::decide::rules::hold::{is_held, retain_before_the_end, tell_its_death};
use crate::decision::{Decision, Refusal, Wait};
use crate::etcd::Member;
use crate::guard::Guard;
use crate::instance::{Instance, InstanceState};
use crate::quorum::VoterChange;
use crate::view::View;

pub fn leave(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let id = &instance.id;
        if complete_if_out(v, d, instance) {
            continue;
        }
        let unowned = v.unowned_voter(instance);
        if !instance.state().leaves() && !told_to_leave(v, instance) {
            continue;
        }
        if let Some(voter) = unowned {
            d.wait(id, Wait::OwnerUnknown(voter));
        }
        match v.member(id) {
            // The rule `hold` speaks for it.
            Some(voter) if !voter.learner && is_held(v, instance) => {}
            Some(voter) if !voter.learner => leave_voter(v, d, instance, voter),
            // The rule `remove_dead` removes a leaving learner.
            Some(_) => {}
            None if matches!(instance.state(), InstanceState::Leaving { retained: true, .. }) => {
                d.refuse(id, Refusal::Retained);
            }
            None => {}
        }
    }
}

/// Completes the termination of an instance whose member is out of the list. Returns whether it did.
pub fn complete_if_out(v: View<'_>, d: &mut Decision, instance: &Instance) -> bool {
    let id = &instance.id;
    let unowned = v.unowned_voter(instance).is_some();
    let out = v.member(id).is_none() && !v.has_learner(id) && !v.is_being_added(id) && !unowned;
    let completes = v.allows(Guard::MemberIsOut, out) && instance.terminate_hook_waits();
    if completes {
        d.effects.push(Effect::ContinueTerminate(id.clone()));
    }
    completes
}

/// Whether the instance was set unhealthy, runs a voter that has long been silent, and is still in service because
/// its group launches a replacement first. The replacement could not join beside that voter, so the voter goes now.
fn told_to_leave(v: View<'_>, instance: &Instance) -> bool {
    let told = instance.state() == InstanceState::InService && !instance.healthy;
    told && v.voter(&instance.id).is_some_and(|voter| v.long_silent(&instance.id, voter))
}

fn leave_voter(v: View<'_>, d: &mut Decision, instance: &Instance, voter: &Member) {
    let id = &instance.id;
    let has_time = v.may_still_leave_later(id);
    // A voter that has long been silent is not waited for. Without it the others tolerate as many losses or more, and
    // the wait would not end: etcd (3.5.30, 3.6.11 and newer) adds a member only if a quorum of the larger cluster is
    // connected, and beside one dead voter of three it never is.
    let missing = !v.long_silent(id, voter) && replacement_is_missing(v, instance);
    if has_time && missing && v.enforces(Guard::ReplacementFirst) {
        d.wait(id, Wait::Replacement);
        return;
    }
    let Some(list) = v.list() else { return };
    if list.voters().count() == 1 && v.enforces(Guard::LastVoterStays) {
        d.refuse(id, Refusal::LastVoter);
        tell_its_death(v, d, instance);
        retain_before_the_end(v, d, instance, Duration::ZERO);
        return;
    }
    // The voters of a cluster that was held bring its data into the instances that launch now. They are not given up
    // one after the other for a deadline that the group can lift.
    if missing && v.was_held() && v.group.retains {
        d.wait(id, Wait::Replacement);
        retain_before_the_end(v, d, instance, Duration::ZERO);
        return;
    }
    let doubtful = list.voters().find(|m| m.id != voter.id && !v.proven(m));
    if let Some(other) = doubtful.filter(|_| v.proven(voter) && has_time)
        && v.enforces(Guard::NoDoubtfulVoter)
    {
        d.refuse(id, Refusal::DoubtfulVoter(other.id));
        return;
    }
    let kept = v.electorate().may_change(VoterChange::Remove(voter.id));
    if !has_time && !v.allows(Guard::MajorityKept, kept) {
        at_the_deadline(v, d, instance);
        return;
    }
    if v.leader().is_some_and(|(leader, _)| leader == voter.id) && v.enforces(Guard::LeadershipMovesFirst) {
        move_leadership(v, d, instance, voter);
        return;
    }
    propose_removal(v, d, id, voter);
}

/// Whether the proven voters in service are fewer than desired, and more are coming. Only in-service instances
/// count: a launching instance may still be abandoned, and two terminations that are decided at once cannot both
/// lean on the same replacement.
fn replacement_is_missing(v: View<'_>, leaving: &Instance) -> bool {
    let in_service = |i: &Instance| i.state() == InstanceState::InService;
    let counts = |i: &&Instance| v.allows(Guard::OnlyInServiceCounts, in_service(i)) && i.state().stays();
    let settled = |i: &Instance| in_service(i) && v.voter(&i.id).is_some() && v.keeps_its_vote(&i.id);
    let votes = |i: &&Instance| v.votes(&i.id) && v.keeps_its_vote(&i.id);
    let proven = v.group.capacity_of(v.staying().filter(counts).filter(votes).map(|i| &i.id));
    // An instance that gets a new root volume keeps its place in the group: nothing is launched for it, and it does
    // not wait for another such instance. An instance that leaves for good does wait for it: that instance comes
    // back without a vote, and votes again or is replaced.
    let back = v.group.instances.iter().filter(|i| leaving.comes_back() && i.comes_back()).count();
    let there = v.group.capacity_of(v.staying().map(|i| &i.id));
    let coming = there + back < v.group.desired || v.staying().any(|i| !settled(i));
    proven < v.group.desired && coming
}

/// The instance's time is over, and its removal would cost the majority. Where the group's policy says so, the
/// instance is retained. It is reported in any case, and its hook is kept alive as long as the platform allows.
fn at_the_deadline(v: View<'_>, d: &mut Decision, instance: &Instance) {
    d.refuse(&instance.id, Refusal::NeededAtDeadline);
    retain_before_the_end(v, d, instance, Duration::ZERO);
}

/// Moves leadership to the healthiest staying voter: in service before launching, then the furthest applied, then the
/// lowest member ID.
fn move_leadership(v: View<'_>, d: &mut Decision, instance: &Instance, leader: &Member) {
    let Some((_, via)) = v.leader() else { return };
    let change = Change::Remove { instance: Some(instance.id.clone()), member: leader.id, voter: true };
    if !v.electorate().may_change(VoterChange::Remove(leader.id)) {
        d.refuse(&instance.id, Refusal::QuorumAtRisk(change));
        return;
    }
    let successors = v.staying().filter_map(|i| {
        let member = v.voter(&i.id).filter(|m| m.id != leader.id)?;
        v.require(Guard::SuccessorIsProven, v.proven(member), || ()).ok()?;
        let applied = v.status(member)?.applied;
        Some((i.state() == InstanceState::InService, applied, Reverse(member.id)))
    });
    match successors.max() {
        Some((_, _, Reverse(to))) => {
            d.effects.push(Effect::MoveLeader { via, to });
            d.wait(&instance.id, Wait::Leadership);
        }
        None => d.refuse(&instance.id, Refusal::QuorumAtRisk(change)),
    }
}
