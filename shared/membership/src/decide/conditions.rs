//! Since when something holds: the conditions that every grace period is counted from.

use super::versions;
use crate::decision::Wait;
use crate::etcd::{Member, Probe};
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::ledger::{ConditionKey, Edit, Phase};
use crate::view::{MISSES, View};

pub fn conditions(v: View<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    for instance in &v.group.instances {
        let id = &instance.id;
        keep(v, &mut edits, ConditionKey::LaunchWaiting(id.clone()), instance.launch_hook_waits());
        keep(v, &mut edits, ConditionKey::TerminateWaiting(id.clone()), instance.terminate_hook_waits());
    }
    let nobodys = |id: &InstanceId| v.instance(id).is_none() && v.record(id).is_none();
    let left = v.ledger.conditions.keys().filter(|key| key.instance().is_some_and(nobodys));
    edits.extend(left.map(|key| Edit::ConditionEnded(key.clone())));
    for id in v.ledger.instances.keys() {
        keep(v, &mut edits, ConditionKey::Gone(id.clone()), v.state(id) == InstanceState::Missing);
    }
    if v.ledger.generation.identity.is_some() && matches!(v.phase(), Phase::Opened | Phase::Formed) {
        silent(v, &mut edits);
        if v.list().is_some() && v.leader_status().is_some() {
            unproven(v, &mut edits);
            joining(v, &mut edits);
            stalled(v, &mut edits);
            versions::condition(v, &mut edits);
        }
    }
    edits
}

fn keep(v: View<'_>, edits: &mut Vec<Edit>, key: ConditionKey, holds: bool) {
    match (holds, v.ledger.conditions.contains_key(&key)) {
        (true, false) => edits.push(Edit::ConditionBegan(key)),
        (false, true) => edits.push(Edit::ConditionEnded(key)),
        _ => {}
    }
}

fn silent(v: View<'_>, edits: &mut Vec<Edit>) {
    let marked = v.ledger.conditions.contains_key(&ConditionKey::Silent);
    if v.list().is_some() && marked {
        edits.push(Edit::ConditionEnded(ConditionKey::Silent));
    } else if v.list().is_none() && !marked && v.phase() == Phase::Opened && v.obs.etcd.list_misses >= MISSES
    {
        edits.push(Edit::ConditionBegan(ConditionKey::Silent));
    }
}

/// Whether this voter was missed often enough in this invocation to speak of silence, not of a blip.
pub fn missed(v: View<'_>, member: &Member) -> bool {
    match v.probe(member) {
        Some(Probe::Silent { misses, .. }) => v.hold(Guard::MissedRepeatedly, *misses >= MISSES),
        Some(Probe::Answered(_)) => !v.proven(member),
        // Alive but unreadable: it is refused with that reason, never healed.
        Some(Probe::AuthenticationNeeded) => false,
        None => true,
    }
}

fn unproven(v: View<'_>, edits: &mut Vec<Edit>) {
    for instance in &v.group.instances {
        let id = &instance.id;
        let key = ConditionKey::Unproven(id.clone());
        let marked = v.ledger.conditions.contains_key(&key);
        let member = v.member(id);
        let in_service = instance.state() == InstanceState::InService;
        let voted = v.record(id).is_some_and(|r| r.voted);
        let watched = in_service || (instance.state().launches() || instance.state().leaves()) && voted;
        let well = member.is_some_and(|m| v.proven(m));
        let ill = watched && member.map_or(in_service, |m| !m.learner && missed(v, m));
        if well && marked {
            edits.push(Edit::ConditionEnded(key));
        } else if !well && ill && !marked {
            edits.push(Edit::ConditionBegan(key));
        } else if ill && marked && instance.state().launches() && !v.given_up(id) {
            patience_with(v, edits, instance, key, &Wait::Answer);
        }
    }
}

/// Rule 11: the patience since this condition is over, or the hook's deadline near, whichever comes first.
fn patience_with(v: View<'_>, edits: &mut Vec<Edit>, instance: &Instance, since: ConditionKey, on: &Wait) {
    let id = &instance.id;
    let patience = v.ledger.aged(&since, v.now, v.group.settings.join_patience);
    let hook_ends = instance.launch_hook_waits() && v.now >= v.hook_end(id, true);
    if v.hold(Guard::JoinPatienceOver, patience || hook_ends) {
        edits.push(Edit::GiveUp(id.clone(), format!("waited in vain {on}")));
    }
}

/// A joiner's progress: its patience starts anew when it starts and whenever its applied index advances. Renewed
/// at most four times a patience, so that a joiner that catches up for long does not write all the time.
fn joining(v: View<'_>, edits: &mut Vec<Edit>) {
    for (id, recorded) in v.ledger.instances.iter().filter(|(_, r)| !r.voted) {
        let (Some(member), Some(instance)) = (v.member(id), v.instance(id)) else { continue };
        if recorded.member != Some(member.id) || v.given_up(id) {
            continue;
        }
        let condition = v.ledger.conditions.get(&ConditionKey::Joining(id.clone()));
        let forbidden = if member.learner { versions::forbids_vote(v, member) } else { None };
        if let Some(why) = forbidden.as_ref().filter(|why| versions::hopeless(why)) {
            edits.push(Edit::GiveUp(id.clone(), why.to_string()));
            continue;
        }
        // A version that may not vote is no progress, however well it catches up.
        let applied = v.status(member).filter(|_| forbidden.is_none()).map(|s| s.applied);
        let renewed = |since| v.now.since(since) >= v.group.settings.join_patience / 4;
        match (condition, applied) {
            (None, _) => edits.push(Edit::Progress(id.clone(), applied)),
            (Some(condition), Some(index))
                if condition.applied.is_none_or(|before| index > before && renewed(condition.since)) =>
            {
                edits.push(Edit::Progress(id.clone(), Some(index)));
            }
            (Some(_), _) if joins(v, instance, member) => {
                let on = waited_on(v, member);
                patience_with(v, edits, instance, ConditionKey::Joining(id.clone()), &on);
            }
            (Some(_), _) => {}
        }
    }
}

fn waited_on(v: View<'_>, member: &Member) -> Wait {
    match (member.learner, member.started()) {
        (false, _) => Wait::FirstVote(member.id),
        (true, true) => Wait::CatchUp,
        (true, false) => versions::start(v, member),
    }
}

fn joins(v: View<'_>, instance: &Instance, member: &Member) -> bool {
    let silent_voter = !member.learner && !v.proven(member) && instance.state().launches();
    instance.state().stays() && (member.learner || silent_voter)
}

fn stalled(v: View<'_>, edits: &mut Vec<Edit>) {
    let stays: Vec<&InstanceId> = v.staying().map(|i| &i.id).collect();
    let all_vote = !stays.is_empty() && stays.iter().all(|id| v.votes(id));
    let holds = v.phase() == Phase::Opened && all_vote && stays.len() < v.group.desired;
    keep(v, edits, ConditionKey::Stalled, holds);
}
