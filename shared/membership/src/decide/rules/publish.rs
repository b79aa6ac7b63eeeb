//! The rule `publish`: what clients and hosts read, and the launches whose work is done.

use std::time::Duration;

use crate::change::Effect;
use crate::decide::parameters::{delete_envs, old_endpoints};
use crate::decision::{Decision, Subject, Unread, Wait};
use crate::env;
use crate::etcd::{Member, MemberList};
use crate::guard::Guard;
use crate::instance::{Instance, InstanceState};
use crate::ledger::{ConditionKey, Phase};
use crate::observation::{Parameters, Seen};
use crate::view::View;

/// An instance completes its own launch. After this long the controller completes the launch of a published voter.
const COMPLETED_FOR_IT: Duration = Duration::from_secs(30);

pub fn publish(v: View<'_>, d: &mut Decision) {
    let Some(list) = v.list() else { return };
    let parameters = match &v.obs.parameters {
        Seen::Known(parameters) => parameters,
        Seen::Unknown(unseen) => {
            d.note(Subject::Cluster, Unread::Parameters.verdict(unseen));
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
    let formed = v.allows(Guard::EndpointsOnceFormed, v.phase() == Phase::Formed);
    let wanted = endpoints(v, list, parameters);
    if formed && !wanted.is_empty() && parameters.endpoints.as_ref() != Some(&wanted) {
        d.effects.push(Effect::PutEndpoints(wanted));
    }
    complete_launches(v, d, parameters);
    delete_envs(v, d);
}

/// The healthy voters' client URLs. A voter that was published stays through a blip, until it was missed repeatedly.
/// A voter whose removal may be on its way is not named while its launch waits: its host would complete the launch.
fn endpoints(v: View<'_>, list: &MemberList, parameters: &Parameters) -> Vec<String> {
    let healthy = |m: &&Member| {
        let Some(id) = v.owner(m) else { return v.proven(m) };
        let published = v.probe_url(m).is_some_and(|u| env::names(parameters.endpoints.as_ref(), Some(&u)));
        let unproven = v.holds(&ConditionKey::Unproven(id.clone()));
        let blip = published && !unproven && !v.missing(&id);
        let waits = v.instance(&id).is_some_and(Instance::launch_hook_waits);
        v.record(&id).is_none_or(|r| r.voted)
            && (v.proven(m) || blip)
            && v.allows(Guard::StaysBeforeEndpoints, !(waits && v.may_be_removed(m.id)))
    };
    let mut urls: Vec<String> = list.voters().filter(healthy).filter_map(|m| v.probe_url(m)).collect();
    urls.sort();
    urls
}

fn complete_launches(v: View<'_>, d: &mut Decision, parameters: &Parameters) {
    for instance in v.group.instances.iter().filter(|i| i.state() == InstanceState::LaunchWaiting) {
        let id = &instance.id;
        if !v.allows(Guard::VotesBeforeContinue, v.votes(id)) || v.given_up(id) {
            continue;
        }
        let url = instance.client_url(&v.group.settings);
        let named = v.phase() == Phase::Formed && env::names(parameters.endpoints.as_ref(), url.as_ref());
        let awhile = v.ledger.aged(&ConditionKey::LaunchWaiting(id.clone()), v.now, COMPLETED_FOR_IT);
        if awhile && v.allows(Guard::PublishedBeforeContinue, named) {
            d.effects.push(Effect::ContinueLaunch(id.clone()));
        } else if v.phase() == Phase::Formed {
            d.wait(id, Wait::Completion);
        } else {
            d.wait(id, Wait::Formation);
        }
    }
}
