//! Since when something holds: the conditions that every grace period is counted from.

use super::joining;
use crate::etcd::Probe;
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState, Lifecycle, Transition};
use crate::ledger::{ConditionKey, Edit, Phase};
use crate::version::{Minor, WRITES_NEW_ENTRIES};
use crate::view::{LONGEST_PAUSE, MISSES, View, versions};

/// All conditions that began or ended.
pub fn conditions(v: View<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    for instance in &v.group.instances {
        for transition in [Transition::Launch, Transition::Terminate] {
            let waits = instance.hook_waits(transition);
            keep(v, &mut edits, ConditionKey::waiting(transition, &instance.id), waits);
        }
    }
    let unknown = |id: &InstanceId| v.instance(id).is_none() && v.record(id).is_none();
    let left = v.ledger.conditions.keys().filter(|key| key.instance().is_some_and(unknown));
    edits.extend(left.map(|key| Edit::ConditionEnded(key.clone())));
    for id in v.ledger.instances.keys() {
        keep(v, &mut edits, ConditionKey::Gone(id.clone()), v.missing(id));
    }
    held(v, &mut edits);
    if v.ledger.generation.identity.is_some() && matches!(v.phase(), Phase::Opened | Phase::Formed) {
        silent(v, &mut edits);
        if v.list().is_some() && v.leader_status().is_some() {
            unproven(v, &mut edits);
            edits.extend(joining::ended(v));
            joining::joining(v, &mut edits);
            stalled(v, &mut edits);
            edits.extend(none_is_missing(v));
            pooled(v, &mut edits);
            all_at_minor(v, &mut edits);
        }
    }
    edits
}

fn keep(v: View<'_>, edits: &mut Vec<Edit>, key: ConditionKey, holds: bool) {
    match (holds, v.holds(&key)) {
        (true, false) => edits.push(Edit::ConditionBegan(key)),
        (false, true) => edits.push(Edit::ConditionEnded(key)),
        (true, true) | (false, false) => {}
    }
}

/// The group wants no instance. It is remembered until no voter of then is leaving any more: those voters bring the
/// data into the instances that launch once the group wants some again.
fn held(v: View<'_>, edits: &mut Vec<Edit>) {
    let leaving = |i: &Instance| i.state().leaves() && v.may_vote(i);
    let holds = v.held() || v.was_held() && v.group.instances.iter().any(leaving);
    keep(v, edits, ConditionKey::Held, holds && v.phase() == Phase::Formed);
}

/// No linearizable list could be had. It begins only before the cluster formed, when silence may abandon a
/// generation.
fn silent(v: View<'_>, edits: &mut Vec<Edit>) {
    let holds = v.holds(&ConditionKey::Silent);
    if v.list().is_some() && holds {
        edits.push(Edit::ConditionEnded(ConditionKey::Silent));
    } else if v.list().is_none() && !holds && v.phase() == Phase::Opened && v.obs.etcd.list_misses >= MISSES {
        edits.push(Edit::ConditionBegan(ConditionKey::Silent));
    }
}

fn unproven(v: View<'_>, edits: &mut Vec<Edit>) {
    for instance in &v.group.instances {
        let id = &instance.id;
        let key = ConditionKey::Unproven(id.clone());
        let holds = v.holds(&key);
        let (state, member) = (instance.state(), v.member(id));
        let in_service = state == InstanceState::InService;
        let voted = v.record(id).is_some_and(|r| r.voted);
        let watched = in_service || (state.launches() || state.leaves()) && voted;
        // What answers and cannot be read is neither well nor missed: a silence after it begins anew.
        let alive = member.and_then(|m| v.probe(m)).is_some_and(Probe::is_inscrutable);
        let well = member.is_some_and(|m| v.proven(m)) || alive && v.enforces(Guard::UnreadableIsKept);
        let ill = watched && member.map_or(in_service, |m| !m.learner && v.missed(m));
        if well && holds {
            edits.push(Edit::ConditionEnded(key));
        } else if !well && ill && !holds {
            edits.push(Edit::ConditionBegan(key));
        } else if ill && holds && state.launches() && !v.given_up(id) {
            joining::give_up_after_patience(v, edits, instance, key, &crate::decision::Wait::Answer);
        }
    }
}

/// The member of an instance was removed while the instance was in the warm pool. If it comes back, its disk holds the
/// data of a removed member, with which its etcd cannot start.
fn pooled(v: View<'_>, edits: &mut Vec<Edit>) {
    for instance in &v.group.instances {
        let id = &instance.id;
        let (key, out) = (ConditionKey::Pooled(id.clone()), v.member(id).is_none());
        let in_pool = matches!(instance.lifecycle, Some(Lifecycle::Pooled { .. }));
        if in_pool && out && v.record(id).is_some_and(|r| r.member.is_some()) && !v.holds(&key) {
            edits.push(Edit::ConditionBegan(key));
        } else if instance.launch_hook_waits()
            && out
            && v.holds(&key)
            && !v.given_up(id)
            && v.enforces(Guard::OldDataStaysOut)
        {
            let why = "it came back from the warm pool with the data of a removed member";
            edits.push(Edit::GiveUp(id.clone(), why.to_owned()));
        }
    }
}

/// A forming cluster has all the voters that it can get now, and they are fewer than desired.
fn stalled(v: View<'_>, edits: &mut Vec<Edit>) {
    let stays: Vec<&InstanceId> = v.staying().map(|i| &i.id).collect();
    let all_vote = !stays.is_empty() && stays.iter().all(|id| v.votes(id));
    let there = v.group.capacity_of(stays.iter().copied());
    let holds = v.phase() == Phase::Opened && all_vote && there < v.group.desired;
    keep(v, edits, ConditionKey::Stalled, holds);
}

/// The group has had all the voters that it wants for a while, perhaps because the operator wants fewer now. No further
/// join tells whether joins still fail. A group that replaces its instances one by one wants nobody for the moment
/// between two joiners, although each of them fails.
fn none_is_missing(v: View<'_>) -> Option<Edit> {
    let failures = v.ledger.failures.as_ref()?;
    let for_a_while = v.now.since(failures.last) >= LONGEST_PAUSE;
    let all_vote = v.staying().all(|i| v.votes(&i.id)) && v.staying().count() >= v.group.desired;
    (v.phase() == Phase::Formed && all_vote && for_a_while).then_some(Edit::NoneIsMissing)
}

/// Remembers where the log stood when every member was first seen at a minor whose entries 3.7 reads. The index is
/// read in a later look than the look that saw the last older member gone. Within a look the servers are asked
/// before the list, and that member may have written in between.
fn all_at_minor(v: View<'_>, edits: &mut Vec<Edit>) {
    let key = ConditionKey::Version(WRITES_NEW_ENTRIES);
    let stands = v.ledger.conditions.get(&key);
    let started = v.list().into_iter().flat_map(|l| &l.members).filter(|m| m.started());
    let minors = started.map(|m| versions::version(v, m).map(|version| version.minor));
    let known: Vec<Minor> = minors.clone().flatten().collect();
    let lowest = known.iter().min().copied();
    let all_known = known.len() == minors.count();
    let index = v.leader_status().map(|status| status.applied);
    let wanted = !versions::born_new(v) && all_known && lowest == Some(WRITES_NEW_ENTRIES);
    match stands {
        None if wanted => {
            let at_once = v.mutant(Guard::IndexAfterTheLastLeft);
            edits.push(Edit::AllAtMinor(WRITES_NEW_ENTRIES, index.filter(|_| at_once)));
        }
        Some(condition) if wanted && condition.applied.is_none() => {
            edits.push(Edit::AllAtMinor(WRITES_NEW_ENTRIES, index));
        }
        Some(_) if lowest.is_some_and(|m| m < WRITES_NEW_ENTRIES || all_known && m > WRITES_NEW_ENTRIES) => {
            edits.push(Edit::ConditionEnded(key));
        }
        Some(_) | None => {}
    }
}
