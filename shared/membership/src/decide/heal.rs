//! Rule 9: an instance in service whose voter does not answer, or that has none, is replaced by the group.

use super::conditions::missed;
use crate::change::Change;
use crate::decision::{Decision, Refusal, Wait};
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::ledger::ConditionKey;
use crate::view::View;

pub fn heal(v: View<'_>, d: &mut Decision) {
    for instance in v.group.instances.iter().filter(|i| i.state() == InstanceState::InService) {
        let id = &instance.id;
        let sick = match v.member(id) {
            Some(member) if member.learner => false,
            Some(member) => missed(v, member),
            None => true,
        };
        let marked = v.ledger.conditions.contains_key(&ConditionKey::Unproven(id.clone()));
        if sick && marked {
            heal_one(v, d, instance);
        }
    }
    unanswered(v, d);
}

/// A voter that has not proven itself is waited for, so that an invocation does not end on its first miss.
fn unanswered(v: View<'_>, d: &mut Decision) {
    for instance in v.staying() {
        let id = &instance.id;
        let Some(voter) = v.member(id).filter(|m| !m.learner) else { continue };
        let voted = v.record(id).is_none_or(|r| r.voted);
        if (v.proven(voter) && voted) || v.given_up(id) || d.notes.iter().any(|n| n.about == id.into()) {
            continue;
        }
        d.wait(id, if voted { Wait::Answer } else { Wait::FirstVote(voter.id) });
    }
}

fn heal_one(v: View<'_>, d: &mut Decision, instance: &Instance) {
    let id = &instance.id;
    let change = Change::SetUnhealthy { instance: id.clone() };
    let grace = v.ledger.aged(&ConditionKey::Unproven(id.clone()), v.now, v.group.settings.unproven_grace);
    if !v.hold(Guard::UnprovenForGrace, grace || v.given_up(id)) {
        d.wait(id, Wait::Grace);
        return;
    }
    if !instance.healthy {
        d.wait(id, Wait::Replacement);
        return;
    }
    if let Some(other) = healing(v, id)
        && !v.hold(Guard::HealOneAtATime, false)
    {
        d.wait(id, Wait::OtherHealing(other));
        return;
    }
    let may_lose = |m: &Member| v.electorate().may_lose(m.id);
    // Where nothing is known of its member, a voter that is known to be nowhere may be here.
    let mut strangers = v.list().into_iter().flat_map(|l| l.voters()).filter(|m| v.owner(m).is_none());
    let kept = v.member(id).map_or_else(|| strangers.all(may_lose), may_lose);
    if v.hold(Guard::KillKeepsMajority, kept) {
        d.propose(change, None);
    } else {
        d.refuse(id, Refusal::QuorumAtRisk(change));
    }
}

/// Another that is being replaced, with an unproven voter: leaving, or told to and not yet leaving. One that is well is
/// none: leaving would wait for healing, and healing for leaving. Nor is one without a vote, where a voter is to be
/// healed: older etcds add nobody beside a silent voter, so its replacement may be waiting for that one.
fn healing(v: View<'_>, id: &InstanceId) -> Option<InstanceId> {
    let vote = |id: &InstanceId| v.member(id).filter(|m| !m.learner);
    let strangers = v.list().is_some_and(|l| l.voters().any(|m| v.owner(m).is_none()));
    let being = |i: &&Instance| {
        let told = i.state() == InstanceState::InService && !i.healthy;
        let sick = match vote(&i.id) {
            Some(voter) => (told || i.state().leaves()) && !v.proven(voter),
            None => told && (strangers || vote(id).is_none()),
        };
        i.id != *id && sick
    };
    v.group.instances.iter().find(being).map(|i| i.id.clone())
}
