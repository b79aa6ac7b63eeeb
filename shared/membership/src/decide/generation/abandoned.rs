//! A generation that died before it formed.

use super::bystander;
use crate::change::Change;
use crate::decide::hooks::{end_termination, keep_alive};
use crate::decide::parameters::delete_envs;
use crate::decide::rules::joins_fail::joins_fail;
use crate::decision::{Decision, Refusal, Subject, Wait};
use crate::instance::{Instance, InstanceState, Transition};
use crate::view::View;

/// When nobody answers, it cannot be known who is a voter. All instances that might be voters must be gone before the
/// next generation opens.
pub fn abandoned(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let id = &instance.id;
        if v.record(id).is_none() {
            paced_bystander(v, instance, d);
            continue;
        }
        end_termination(d, instance);
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
    joins_fail(v, d);
    let held = v.group.instances.iter().any(|i| i.state() == InstanceState::LaunchWaiting && !v.may_try(i));
    match v.all_gone() {
        true if held => {}
        true => d.wait(Subject::Cluster, Wait::Launch),
        false => d.wait(Subject::Cluster, Wait::AbandonedToGo),
    }
    delete_envs(v, d);
}

/// A launching instance of the next generation, which may have to wait for the pause between two tries.
fn paced_bystander(v: View<'_>, instance: &Instance, d: &mut Decision) {
    match v.pause(instance).filter(|_| instance.state() == InstanceState::LaunchWaiting) {
        Some(pause) => {
            d.wait(&instance.id, pause);
            keep_alive(d, instance, Transition::Launch);
        }
        None => bystander(instance, d),
    }
}
