//! A joiner's progress, when its patience is over, and how it failed.

use crate::decision::Wait;
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::{Instance, Transition};
use crate::ledger::{ConditionKey, Edit, Failure};
use crate::view::{View, versions};

/// A snapshot may be on its way for so many join patiences.
const LONG_SNAPSHOT: u32 = 10;

/// A joiner's patience starts anew when the joiner starts and whenever its applied index advances. It is renewed at
/// most four times a patience, so that a joiner that catches up for long does not write all the time.
pub fn joining(v: View<'_>, edits: &mut Vec<Edit>) {
    for (id, record) in v.ledger.instances.iter().filter(|(_, r)| !r.voted) {
        let (Some(member), Some(instance)) = (v.member(id), v.instance(id)) else { continue };
        if record.member != Some(member.id) || v.given_up(id) || v.missing(id) || instance.state().leaves() {
            continue;
        }
        if snapshot(v, edits, id, member) {
            continue;
        }
        let condition = v.ledger.conditions.get(&ConditionKey::Joining(id.clone()));
        let forbidden = if member.learner { versions::forbids_vote(v, member) } else { None };
        if let Some(why) = forbidden.as_ref().filter(|why| versions::hopeless(why)) {
            give_up(v, edits, id, Failure::WrongVersion, &why.to_string());
            continue;
        }
        // A learner whose version may not vote makes no progress, however well it catches up.
        let applied = v.status(member).filter(|_| forbidden.is_none()).map(|s| s.applied);
        let renewed = |since| v.now.since(since) >= v.group.settings.join_patience / 4;
        match (condition, applied) {
            (None, _) => edits.push(Edit::Progress(id.clone(), applied)),
            (Some(began), Some(index))
                if began.applied.is_none_or(|before| index > before && renewed(began.since)) =>
            {
                edits.push(Edit::Progress(id.clone(), Some(index)));
            }
            (Some(_), _) if joins(v, instance, member) => {
                let on = waited_on(v, member);
                give_up_after_patience(v, edits, instance, ConditionKey::Joining(id.clone()), &on);
            }
            (Some(_), _) => {}
        }
    }
}

/// A snapshot that is on its way is progress that only the leader sees: until it is applied, the joiner answers nobody
/// and its etcd does not count as started. Returns whether the joiner is to be left in peace in this round.
fn snapshot(v: View<'_>, edits: &mut Vec<Edit>, id: &InstanceId, member: &Member) -> bool {
    let key = ConditionKey::Receiving(id.clone());
    let waits = v.instance(id).is_some_and(Instance::launch_hook_waits) && !hook_ends(v, id);
    match (v.receives(member), v.holds(&key)) {
        (true, false) => edits.push(Edit::ConditionBegan(key)),
        // What is received has still to be applied, so the patience begins anew.
        (false, true) => {
            edits.push(Edit::ConditionEnded(key));
            edits.push(Edit::Progress(id.clone(), None));
        }
        (true, true) if v.ledger.aged(&key, v.now, v.group.settings.join_patience * LONG_SNAPSHOT) => {
            return false;
        }
        (true, true) => {}
        (false, false) => return false,
    }
    waits && v.enforces(Guard::SnapshotIsProgress)
}

fn hook_ends(v: View<'_>, id: &InstanceId) -> bool {
    v.now >= v.hook_end(id, Transition::Launch)
}

/// Gives the joiner up when its patience since this condition began is over, or when its hook's deadline is near.
pub fn give_up_after_patience(
    v: View<'_>,
    edits: &mut Vec<Edit>,
    instance: &Instance,
    since: ConditionKey,
    on: &Wait,
) {
    let id = &instance.id;
    let patience = v.ledger.aged(&since, v.now, v.group.settings.join_patience);
    let hook_ends = instance.launch_hook_waits() && hook_ends(v, id);
    if v.allows(Guard::JoinPatienceOver, patience || hook_ends) {
        give_up(v, edits, id, failure(on), &format!("waited in vain {on}"));
    }
}

fn give_up(v: View<'_>, edits: &mut Vec<Edit>, id: &InstanceId, cause: Failure, why: &str) {
    let said = v.said(id).map(|said| format!("; {said}")).unwrap_or_default();
    edits.push(Edit::GiveUp(id.clone(), format!("{why}{said}")));
    edits.push(failed(v, id, cause));
}

/// One more failure, with what the instance was launched from and what its host said.
pub fn failed(v: View<'_>, id: &InstanceId, cause: Failure) -> Edit {
    Edit::Failed { cause, origin: v.origin(v.instance(id)), said: v.said(id) }
}

/// How a joiner failed that waited in vain for this.
fn failure(on: &Wait) -> Failure {
    match on {
        Wait::FirstVote(_) => Failure::NoFirstVote,
        Wait::CatchUp | Wait::Snapshot => Failure::NotCaughtUp,
        Wait::Answer => Failure::FellSilent,
        _ => Failure::NotStarted,
    }
}

/// Joiners whose machine ended by itself while they were joining. A joiner that is told to leave has not failed.
pub fn ended(v: View<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (id, record) in v.ledger.instances.iter().filter(|(_, r)| !r.voted) {
        let key = ConditionKey::Joining(id.clone());
        if !v.holds(&key) || v.given_up(id) || record.member.is_none() {
            continue;
        }
        if v.gone(id) {
            edits.push(failed(v, id, Failure::MachineEnded));
            edits.push(Edit::ConditionEnded(key));
        } else if v.state(id).leaves() {
            edits.push(Edit::ConditionEnded(key));
        }
    }
    edits
}

fn waited_on(v: View<'_>, member: &Member) -> Wait {
    match (member.learner, member.started()) {
        (true, _) if v.receives(member) => Wait::Snapshot,
        (false, _) => Wait::FirstVote(member.id),
        (true, true) => Wait::CatchUp,
        (true, false) => versions::start(v, member),
    }
}

fn joins(v: View<'_>, instance: &Instance, member: &Member) -> bool {
    let silent_voter = !member.learner && !v.proven(member) && instance.state().launches();
    instance.state().stays() && (member.learner || silent_voter)
}
