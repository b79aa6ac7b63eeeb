//! The rule `join`: one joiner at a time, the oldest launching instance first.

use std::time::Duration;

use crate::change::Change;
use crate::decide::propose::{propose_membership, propose_removal};
use crate::decision::{Decision, Refusal, Verdict, Wait};
use crate::env::{self, listed_under};
use crate::etcd::{Member, MemberList};
use crate::guard::Guard;
use crate::instance::{Instance, InstanceState, Transition};
use crate::ledger::{ConditionKey, EnvState};
use crate::observation::Seen;
use crate::view::{HOOK_MARGIN, View, versions};

/// etcd derives a member ID from the URL and the second. An add comes later than the second of a removal, also on
/// clocks that differ a little.
const AFTER_REMOVAL: Duration = Duration::from_secs(2);

/// The step for the joiner whose turn it is.
enum Step<'a> {
    /// Add it as a learner.
    Add(Change),
    /// Remove the member that is listed under its address.
    Remove(&'a Member),
}

pub fn join(v: View<'_>, d: &mut Decision) {
    // The group is about to end every instance that launches.
    if v.held() {
        return;
    }
    let launching = |i: &&Instance| i.state() == InstanceState::LaunchWaiting && v.member(&i.id).is_none();
    let mut waiting: Vec<&Instance> = v.group.instances.iter().filter(launching).collect();
    // An instance that may be tried now does not wait behind an instance whose pause is not over.
    waiting.sort_by_key(|i| (!v.may_try(i), i.launched_at, i.id.clone()));
    let mut turn_is_taken = false;
    for instance in waiting {
        let id = &instance.id;
        if !v.allows(Guard::NotGivenUp, !v.given_up(id)) {
            continue;
        }
        if turn_is_taken {
            d.wait(id, Wait::Turn);
            continue;
        }
        let step = may_join(v, instance);
        // A joiner that is refused for a reason of its own does not hold up the next joiner.
        turn_is_taken = !matches!(step, Err(Verdict::Refused(_)));
        match step {
            Ok(Step::Add(change)) => propose_membership(v, d, id, change),
            Ok(Step::Remove(other)) => propose_removal(v, d, id, other),
            Err(verdict) => d.note(id, verdict),
        }
    }
}

/// The step for this joiner, or what stands against it.
fn may_join<'a>(v: View<'a>, instance: &Instance) -> Result<Step<'a>, Verdict> {
    let id = &instance.id;
    let Some(peer_url) = instance.peer_url(&v.group.settings).filter(|_| v.no_env(instance).is_none()) else {
        return Err(Verdict::Refused(v.no_env(instance).unwrap_or(Refusal::NoAddress)));
    };
    if let Some(pause) = v.pause(instance) {
        v.require(Guard::PausedAfterFailures, false, || Verdict::Waiting(pause))?;
    }
    let has_time = v.now.plus(HOOK_MARGIN) < v.hook_end(id, Transition::Launch);
    v.require(Guard::HookHasTime, has_time, || Verdict::Refused(Refusal::HookTooShort))?;
    if let Some(list) = v.list() {
        cluster_is_ready(v, list, &peer_url).map_err(Verdict::Waiting)?;
        if let Some(other) = listed_under(list, &peer_url).filter(|_| v.enforces(Guard::AddressIsFree)) {
            let free = v.allows(Guard::ProvenIsKept, !v.proven(other));
            let step = free.then_some(Step::Remove(other));
            return step.ok_or(Verdict::Refused(Refusal::AddressInUse(other.id)));
        }
    }
    address_is_unpublished(v, instance).map_err(Verdict::Waiting)?;
    Ok(Step::Add(Change::AddLearner { instance: id.clone(), peer_url }))
}

/// What the cluster needs before it takes a joiner at this peer URL.
fn cluster_is_ready(v: View<'_>, list: &MemberList, peer_url: &str) -> Result<(), Wait> {
    let seed_is_open =
        v.ledger.seed().and_then(|seed| v.record(seed)).is_some_and(|r| r.env == EnvState::Open);
    v.require(Guard::SeedSealedFirst, !seed_is_open, || Wait::Seed)?;
    // A member at this very address is dealt with by the caller.
    let busy = list.members.iter().any(|m| {
        let here = m.peer_urls.iter().any(|u| u == peer_url);
        (m.learner || !m.started()) && !here
    });
    v.require(Guard::OneLearner, !busy, || Wait::Turn)?;
    // A dead voter is removed before anything is added (etcd FAQ). etcd refuses an add beside a dead voter, too.
    let dead = list.voters().filter_map(|m| v.owner(m)).any(|id| v.missing(&id));
    v.require(Guard::DeadFirst, !dead, || Wait::Gone)?;
    v.require(Guard::MajorityKept, v.electorate().has_quorum(), || Wait::Quorum(v.quorum_count()))?;
    if let Some(other) = v.overdue() {
        v.require(Guard::DeadFirst, false, || Wait::OtherHealing(other))?;
    }
    v.require(Guard::VersionsKnown, versions::open(v, None).is_some(), || Wait::NoVersionKnown)?;
    no_late_twin(v, peer_url)?;
    let removed = v.ledger.since(&ConditionKey::Removed);
    let lately = removed.is_some_and(|at| v.now.since(at) < AFTER_REMOVAL);
    v.require(Guard::SecondApart, !lately, || Wait::Second)
}

/// An unanswered add of the same peer URL for an instance that is gone or leaving may still land.
fn no_late_twin(v: View<'_>, peer_url: &str) -> Result<(), Wait> {
    let same_url = |c: &Change| matches!(c, Change::AddLearner { peer_url: url, .. } if url == peer_url);
    let other = |c: &Change| same_url(c) && c.instance().is_some_and(|id| v.gone(id) || v.state(id).leaves());
    match v.unanswered(other) {
        Some(change) => Err(Wait::Unanswered(change.clone())),
        None => Ok(()),
    }
}

/// An address that `endpoints` names belonged to another instance. The joiner's host would take itself for published.
fn address_is_unpublished(v: View<'_>, instance: &Instance) -> Result<(), Wait> {
    let parameters = match &v.obs.parameters {
        Seen::Known(parameters) => parameters,
        Seen::Unknown(unseen) => return Err(Wait::ParametersNotSeen(unseen.to_string())),
    };
    let client_url = instance.client_url(&v.group.settings);
    let named = env::names(parameters.endpoints.as_ref(), client_url.as_ref());
    v.require(Guard::AddressUnpublished, !named, || Wait::AddressPublished)
}
