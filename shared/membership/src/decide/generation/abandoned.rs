//! A generation that died before it formed.

use super::bystander;
use crate::change::Change;
use crate::decide::hooks::end_termination;
use crate::decide::parameters::delete_envs;
use crate::decision::{Decision, Refusal, Subject, Wait};
use crate::instance::InstanceState;
use crate::view::View;

/// When nobody answers, it cannot be known who is a voter. All instances that might be voters must be gone before the
/// next generation opens.
pub fn abandoned(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let id = &instance.id;
        if v.record(id).is_none() {
            bystander(instance, d);
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
    d.wait(Subject::Cluster, if v.all_gone() { Wait::Launch } else { Wait::AbandonedToGo });
    delete_envs(v, d);
}
