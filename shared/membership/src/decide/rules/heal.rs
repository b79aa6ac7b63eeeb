//! The rule `heal`: an instance in service whose voter does not answer, or that has no member, is replaced by the
//! group.

use crate::change::Change;
use crate::decide::rules::hold::is_held;
use crate::decision::{Decision, Refusal, Verdict, Wait};
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::ledger::ConditionKey;
use crate::view::View;

pub fn heal(v: View<'_>, d: &mut Decision) {
    for instance in v.in_service() {
        let id = &instance.id;
        let sick = match v.member(id) {
            Some(member) if member.learner => false,
            Some(member) => v.missed(member),
            None => true,
        };
        // The group would end the instance and launch nothing in its place.
        let held = v.member(id).is_some() && is_held(v, instance);
        if sick && !held && v.holds(&ConditionKey::Unproven(id.clone())) {
            match may_replace(v, instance) {
                Ok(change) => d.propose(change, None),
                Err(verdict) => d.note(id, verdict),
            }
        }
    }
    wait_for_answers(v, d);
}

/// The replacement of this instance, or what stands against it.
fn may_replace(v: View<'_>, instance: &Instance) -> Result<Change, Verdict> {
    let id = &instance.id;
    let change = Change::SetUnhealthy { instance: id.clone() };
    let key = ConditionKey::Unproven(id.clone());
    let grace = v.ledger.aged(&key, v.now, v.group.settings.unproven_grace);
    v.require(Guard::UnprovenForGrace, grace || v.given_up(id), || Verdict::Waiting(Wait::Grace))?;
    if !instance.healthy {
        return Err(Verdict::Waiting(Wait::Replacement));
    }
    if let Some(other) = healing(v, id) {
        v.require(Guard::HealOneAtATime, false, || Verdict::Waiting(Wait::OtherHealing(other)))?;
    }
    let may_lose = |m: &Member| v.electorate().may_lose(m.id);
    // Where nothing is known of the instance's member, each voter without a known owner may be here.
    let kept = v.member(id).map_or_else(|| v.unowned_voters().all(may_lose), may_lose);
    v.require(Guard::KillKeepsMajority, kept, || Verdict::Refused(Refusal::QuorumAtRisk(change.clone())))?;
    Ok(change)
}

/// Another instance that is being replaced: its voter is not proven, and it is leaving, or was set unhealthy and is
/// not leaving yet.
///
/// A voter whose etcd is healthy does not block the healing of another; otherwise leaving and healing would wait for
/// each other. An instance without a vote does not block the healing of a voter either: older etcds add nobody
/// beside a silent voter, so the replacement of that instance may be waiting for this voter.
fn healing(v: View<'_>, id: &InstanceId) -> Option<InstanceId> {
    let unowned = v.unowned_voters().next().is_some();
    let being = |i: &&Instance| {
        let told = i.state() == InstanceState::InService && !i.healthy;
        let sick = match v.voter(&i.id) {
            Some(voter) => (told || i.state().leaves()) && !v.proven(voter),
            None => told && (unowned || v.voter(id).is_none()),
        };
        i.id != *id && sick
    };
    v.group.instances.iter().find(being).map(|i| i.id.clone())
}

/// A voter that has not proven itself is waited for, so that an invocation does not end on its first miss.
fn wait_for_answers(v: View<'_>, d: &mut Decision) {
    for instance in v.staying() {
        let id = &instance.id;
        let Some(voter) = v.voter(id) else { continue };
        let voted = v.record(id).is_none_or(|r| r.voted);
        if (v.proven(voter) && voted) || v.given_up(id) || d.notes.iter().any(|n| n.about == id.into()) {
            continue;
        }
        d.wait(id, if voted { Wait::Answer } else { Wait::FirstVote(voter.id) });
    }
}
