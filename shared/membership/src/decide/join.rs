//! Rules 10 and 11: one joiner at a time, and what becomes of one that never arrives.

use std::time::Duration;

use super::leave::overdue;
use super::{propose_membership, propose_removal, unknown, versions};
use crate::change::Change;
use crate::decision::{Decision, Refusal, Subject, Wait};
use crate::env::{self, listed_under};
use crate::guard::Guard;
use crate::instance::{Instance, InstanceState};
use crate::ledger::{ConditionKey, EnvState};
use crate::observation::Seen;
use crate::view::{HOOK_MARGIN, View};

/// etcd derives a member ID from URL and second: an add comes later than the second of a removal, on clocks that
/// differ a little.
const AFTER_REMOVAL: Duration = Duration::from_secs(2);

/// Rule 10.
pub fn join(v: View<'_>, d: &mut Decision) {
    let mut waiting: Vec<&Instance> = v
        .group
        .instances
        .iter()
        .filter(|i| i.state() == InstanceState::LaunchWaiting && v.member(&i.id).is_none())
        .collect();
    waiting.sort_by_key(|i| (i.launched_at, i.id.clone()));
    let mut turn = true;
    for instance in waiting {
        let id = &instance.id;
        if !v.hold(Guard::NotGivenUp, !v.given_up(id)) {
            continue;
        }
        if !turn {
            d.wait(id, Wait::Turn);
            continue;
        }
        // A joiner that is refused for a reason of its own does not hold up the next one.
        turn = !join_one(v, d, instance);
    }
}

/// Whether it is this instance's turn, whatever it still waits for.
fn join_one(v: View<'_>, d: &mut Decision, instance: &Instance) -> bool {
    let id = &instance.id;
    let Some(peer_url) = instance.peer_url(&v.group.settings).filter(|_| v.no_env(instance).is_none()) else {
        d.refuse(id, v.no_env(instance).unwrap_or(Refusal::NoAddress));
        return false;
    };
    if !v.hold(Guard::HookHasTime, v.now.plus(HOOK_MARGIN) < v.hook_end(id, true)) {
        d.refuse(id, Refusal::HookTooShort);
        return false;
    }
    if let Some(on) = not_yet(v, &peer_url) {
        d.wait(id, on);
        return true;
    }
    if let Some(other) = v.list().and_then(|l| listed_under(l, &peer_url))
        && !v.hold(Guard::AddressIsFree, false)
    {
        if v.proven(other) && !v.hold(Guard::ProvenIsKept, false) {
            d.refuse(id, Refusal::AddressInUse(other.id));
            return false;
        }
        propose_removal(v, d, id.into(), other);
        return true;
    }
    if let Some(on) = published_address(v, instance) {
        d.wait(id, on);
        return true;
    }
    propose_membership(v, d, id.into(), Change::AddLearner { instance: id.clone(), peer_url });
    true
}

/// An address that `endpoints` names belonged to another: this one's host would take itself for published.
fn published_address(v: View<'_>, instance: &Instance) -> Option<Wait> {
    let parameters = match &v.obs.parameters {
        Seen::Known(parameters) => parameters,
        Seen::Unknown(_) => return Some(Wait::Fact(unknown("the parameters", &v.obs.parameters))),
    };
    let client_url = instance.client_url(&v.group.settings);
    let named = env::names(parameters.endpoints.as_ref(), client_url.as_ref());
    let free = v.hold(Guard::AddressUnpublished, !named);
    (!free).then(|| Wait::Fact("endpoints without its address, which another had".to_owned()))
}

fn not_yet(v: View<'_>, peer_url: &str) -> Option<Wait> {
    let list = v.list()?;
    let seed_open = v.ledger.seed().and_then(|seed| v.record(seed)).is_some_and(|r| r.env == EnvState::Open);
    if !v.hold(Guard::SeedSealedFirst, !seed_open) {
        return Some(Wait::Seed);
    }
    // A member at this very address is dealt with by the caller.
    let busy = list.members.iter().any(|m| {
        let here = m.peer_urls.iter().any(|u| u == peer_url);
        (m.learner || !m.started()) && !here
    });
    if !v.hold(Guard::OneLearner, !busy) {
        return Some(Wait::Turn);
    }
    // Dead: remove, then add (etcd FAQ); an add beside a dead voter is refused by etcd, too.
    let dead = list.voters().filter_map(|m| v.owner(m)).any(|id| v.state(&id) == InstanceState::Missing);
    if !v.hold(Guard::DeadFirst, !dead) {
        return Some(Wait::Gone);
    }
    let electorate = v.electorate();
    if !v.hold(Guard::MajorityKept, electorate.has_quorum()) {
        let proven = electorate.voters.intersection(&electorate.proven).count();
        return Some(Wait::Quorum { proven, voters: electorate.voters.len() });
    }
    if let Some(other) = overdue(v)
        && !v.hold(Guard::DeadFirst, false)
    {
        return Some(Wait::OtherHealing(other));
    }
    if !v.hold(Guard::VersionsKnown, versions::open(v, None).is_some()) {
        return Some(Wait::Fact("the version of any member".to_owned()));
    }
    let same_url = |c: &Change| matches!(c, Change::AddLearner { peer_url: url, .. } if url == peer_url);
    let other = |c: &Change| same_url(c) && c.instance().is_some_and(|id| v.gone(id) || v.state(id).leaves());
    if let Some(change) = v.unanswered(other) {
        return Some(Wait::Unanswered(change.clone()));
    }
    let lately = v.ledger.since(&ConditionKey::Removed).is_some_and(|at| v.now.since(at) < AFTER_REMOVAL);
    (!v.hold(Guard::SecondApart, !lately)).then_some(Wait::Second)
}

/// Rule 11: a joiner that was given up leaves the list, then its launch is abandoned. In service by now, it is
/// rule 9's.
pub fn given_up(v: View<'_>, d: &mut Decision) {
    let given_up = v.group.instances.iter().filter(|i| v.given_up(&i.id) && i.state().stays());
    for instance in given_up {
        let id = &instance.id;
        // It arrived after all: what becomes of it is rule 9's.
        if instance.state() == InstanceState::InService && v.votes(id) {
            continue;
        }
        d.refuse(id, Refusal::GivenUp);
        match v.member(id) {
            Some(member) if member.learner || v.hold(Guard::ProvenIsKept, !v.proven(member)) => {
                propose_removal(v, d, Subject::from(id), member);
                if instance.launch_hook_waits() && v.hold(Guard::OutBeforeAbandon, false) {
                    d.propose(Change::AbandonLaunch { instance: id.clone() }, None);
                }
            }
            Some(_) => {}
            None if instance.launch_hook_waits() => {
                d.propose(Change::AbandonLaunch { instance: id.clone() }, None)
            }
            None => {}
        }
    }
}
