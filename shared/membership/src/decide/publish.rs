//! Rule 12: what hosts and clients read, and the hooks whose work is done.

use std::time::Duration;

use super::abandoned::delete_envs;
use super::{unknown, versions};
use crate::change::{Change, Effect};
use crate::decision::{Decision, Subject, Wait};
use crate::env::{self, EnvFor};
use crate::etcd::{Member, MemberList};
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::ledger::{ConditionKey, EnvState, Phase};
use crate::observation::{Parameters, Seen};
use crate::view::View;

/// An instance completes its own launch; after this long the controller does it for one that was published.
const COMPLETED_FOR_IT: Duration = Duration::from_secs(30);

/// The env of a joiner that was added and has not started: published where its claimant died before it could, and
/// repaired where the membership has changed since.
pub fn joiner_envs(v: View<'_>, d: &mut Decision) {
    let (Some(list), Seen::Known(parameters)) = (v.list(), &v.obs.parameters) else {
        return;
    };
    for learner in list.learners() {
        let Some(id) = v.ledger.instance_of(learner.id) else { continue };
        let open = v.record(id).is_some_and(|r| r.env == EnvState::Open);
        if !open || !v.state(id).stays() || v.given_up(id) {
            continue;
        }
        let Some(wanted) = joiner_env(v, id, learner, list) else { continue };
        match parameters.envs.get(id) {
            None => d.effects.push(Effect::CreateEnv { instance: id.clone(), env: wanted }),
            Some(env) if !env::agrees(env, &wanted) || env::holds_back(env, &wanted) => {
                d.propose(Change::RepairEnv { instance: id.clone() }, None)
            }
            Some(_) => {}
        }
    }
}

/// The env of a joiner, from a list that shows it. None that would let any version start.
pub fn joiner_env(v: View<'_>, id: &InstanceId, learner: &Member, list: &MemberList) -> Option<String> {
    let shown = list.get(learner.id).is_some_and(|m| !m.started());
    if !v.hold(Guard::EnvFromList, shown) {
        return None;
    }
    let open = versions::open(v, Some(learner.id));
    if !v.hold(Guard::VersionsKnown, open.is_some()) {
        return None;
    }
    let minors = open.map(|open| open.minors()).unwrap_or_default();
    let purpose = EnvFor::Joiner(learner.id, list, &minors);
    env::render(&v.obs.cluster, v.group, v.ledger, v.instance(id)?, purpose)
}

/// The env that refuses an empty disk.
pub fn sealed_env(v: View<'_>, id: &InstanceId) -> Option<String> {
    let (member, list) = (v.member(id)?, v.list()?);
    let purpose = EnvFor::Sealed(member.id, list);
    env::render(&v.obs.cluster, v.group, v.ledger, v.instance(id)?, purpose)
}

pub fn publish(v: View<'_>, d: &mut Decision) {
    let Some(list) = v.list() else { return };
    let parameters = match &v.obs.parameters {
        Seen::Known(parameters) => parameters,
        Seen::Unknown(_) => {
            d.wait(Subject::Cluster, Wait::Fact(unknown("the parameters", &v.obs.parameters)));
            return;
        }
    };
    if old_endpoints(v, parameters) {
        d.effects.push(Effect::DeletePublished);
        return;
    }
    let string = env::initial_cluster(list, v.ledger);
    if parameters.initial_cluster.as_ref() != Some(&string) {
        d.effects.push(Effect::PutInitialCluster(string));
    }
    let formed = v.hold(Guard::EndpointsOnceFormed, v.phase() == Phase::Formed);
    let wanted = endpoints(v, list, parameters);
    if formed && !wanted.is_empty() && parameters.endpoints.as_ref() != Some(&wanted) {
        d.effects.push(Effect::PutEndpoints(wanted));
    }
    complete_launches(v, d, parameters);
    delete_envs(v, d);
}

/// A generation that has not formed has published none: these are an earlier one's, or an invocation of then, with an
/// older look, put them late. Whoever has one of its addresses now would take itself for published.
pub fn old_endpoints(v: View<'_>, parameters: &Parameters) -> bool {
    !v.hold(Guard::OldEndpointsGo, v.phase() == Phase::Formed || parameters.endpoints.is_none())
}

/// The healthy voters' client URLs. One that was published stays through a blip, until it was missed repeatedly. One
/// whose removal may be on its way is not named while its launch waits: its host would complete it all the same.
fn endpoints(v: View<'_>, list: &MemberList, parameters: &Parameters) -> Vec<String> {
    let healthy = |m: &&Member| {
        let Some(id) = v.owner(m) else { return v.proven(m) };
        let published = v.probe_url(m).is_some_and(|u| env::names(parameters.endpoints.as_ref(), Some(&u)));
        let marked = v.ledger.conditions.contains_key(&ConditionKey::Unproven(id.clone()));
        let blip = published && !marked && v.state(&id) != InstanceState::Missing;
        let waits = v.instance(&id).is_some_and(Instance::launch_hook_waits);
        v.record(&id).is_none_or(|r| r.voted)
            && (v.proven(m) || blip)
            && v.hold(Guard::StaysBeforeEndpoints, !(waits && may_be_removed(v, m)))
    };
    let mut urls: Vec<String> = list.voters().filter(healthy).filter_map(|m| v.probe_url(m)).collect();
    urls.sort();
    urls
}

/// A claim to remove it is open, or its removal was never answered.
fn may_be_removed(v: View<'_>, of: &Member) -> bool {
    let removes = |c: &Change| matches!(c, Change::Remove { member, .. } if *member == of.id);
    v.ledger.claim.as_ref().is_some_and(|c| removes(&c.proposal.change)) || v.unanswered(removes).is_some()
}

fn complete_launches(v: View<'_>, d: &mut Decision, parameters: &Parameters) {
    for instance in v.group.instances.iter().filter(|i| i.state() == InstanceState::LaunchWaiting) {
        let id = &instance.id;
        if !v.hold(Guard::VotesBeforeContinue, v.votes(id)) || v.given_up(id) {
            continue;
        }
        let url = instance.client_url(&v.group.settings);
        let named = v.phase() == Phase::Formed && env::names(parameters.endpoints.as_ref(), url.as_ref());
        let awhile = v.ledger.aged(&ConditionKey::LaunchWaiting(id.clone()), v.now, COMPLETED_FOR_IT);
        if v.hold(Guard::PublishedBeforeContinue, named) && awhile {
            d.effects.push(Effect::ContinueLaunch(id.clone()));
        } else if v.phase() == Phase::Formed {
            d.wait(id, Wait::Completion);
        } else {
            d.wait(id, Wait::Formation);
        }
    }
}
