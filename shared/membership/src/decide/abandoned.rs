//! A generation that is over: abandoned before it formed, or ended by the operator.

use crate::change::{Change, Effect};
use crate::decision::{Decision, KeepAlive, Refusal, Subject, Wait};
use crate::guard::Guard;
use crate::instance::{Instance, InstanceState};
use crate::observation::Seen;
use crate::view::View;

/// Who is a voter cannot be known when nobody answers: all who might be must be gone before the next opens.
pub fn abandoned(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let id = &instance.id;
        if v.record(id).is_none() {
            bystander(instance, d);
            continue;
        }
        if instance.terminate_hook_waits() {
            d.effects.push(Effect::ContinueTerminate(id.clone()));
        }
        match instance.state() {
            InstanceState::LaunchWaiting => d.propose(Change::AbandonLaunch { instance: id.clone() }, None),
            InstanceState::InService | InstanceState::Standby if instance.healthy => {
                d.propose(Change::SetUnhealthy { instance: id.clone() }, None);
            }
            InstanceState::Leaving { retained: true, .. } => d.refuse(id, Refusal::Retained),
            InstanceState::Unclear => d.refuse(id, Refusal::UnclearState),
            InstanceState::InService
            | InstanceState::Standby
            | InstanceState::Launching
            | InstanceState::Leaving { .. }
            | InstanceState::Warm(_)
            | InstanceState::Missing => {}
        }
    }
    if v.ledger.instances.keys().all(|id| v.gone(id)) {
        d.wait(Subject::Cluster, Wait::Launch);
    } else {
        d.wait(Subject::Cluster, Wait::AbandonedToGo);
    }
    delete_envs(v, d);
}

/// The operator ended the cluster: hooks are completed as they come. Where the maximum size was raised again before
/// the group ended an instance, it runs on and nobody manages it: that is reported, and left to the operator.
pub fn ended(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let serves = matches!(instance.state(), InstanceState::InService | InstanceState::Standby);
        if serves && v.group.max > 0 && v.record(&instance.id).is_some() {
            d.refuse(&instance.id, Refusal::EndedAndRuns);
        }
        if instance.terminate_hook_waits() {
            d.effects.push(Effect::ContinueTerminate(instance.id.clone()));
        }
        if instance.launch_hook_waits() && v.record(&instance.id).is_none() {
            bystander(instance, d);
        }
    }
    if let Seen::Known(parameters) = &v.obs.parameters
        && (parameters.endpoints.is_some() || parameters.initial_cluster.is_some())
    {
        d.effects.push(Effect::DeletePublished);
    }
    delete_envs(v, d);
}

/// An instance that never had to do with the generation that is over.
fn bystander(instance: &Instance, d: &mut Decision) {
    if instance.terminate_hook_waits() {
        d.effects.push(Effect::ContinueTerminate(instance.id.clone()));
    } else if instance.state() == InstanceState::LaunchWaiting {
        d.wait(&instance.id, Wait::Turn);
        d.keep_alive.push(KeepAlive { instance: instance.id.clone(), launch: true });
    }
}

/// Deletes the env of every instance that is gone: an instance ID never comes back.
pub fn delete_envs(v: View<'_>, d: &mut Decision) {
    let Seen::Known(parameters) = &v.obs.parameters else {
        return;
    };
    for id in parameters.envs.keys() {
        let listed = v.list().is_some_and(|_| v.member(id).is_some());
        if v.hold(Guard::EnvOfTheGone, v.gone(id) && !listed) {
            d.effects.push(Effect::DeleteEnv(id.clone()));
        }
    }
}
