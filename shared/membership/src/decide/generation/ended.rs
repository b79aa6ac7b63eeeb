//! A generation that the operator ended.

use super::bystander;
use crate::change::{Change, Effect};
use crate::decide::hooks::end_termination;
use crate::decide::parameters::delete_envs;
use crate::decision::{Decision, Refusal};
use crate::instance::InstanceState;
use crate::observation::Seen;
use crate::view::View;

/// Hooks are completed as they come. Where the maximum size was raised again before the group ended an instance, that
/// instance runs on without management. It is reported and left to the operator. A joiner that never voted holds
/// nothing, and the next generation waits for it: its launch is abandoned.
pub fn ended(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let recorded = v.record(&instance.id).is_some();
        let serves = matches!(instance.state(), InstanceState::InService | InstanceState::Standby);
        let launches = instance.launch_hook_waits() && recorded;
        let voted = v.record(&instance.id).is_some_and(|r| r.voted);
        if (serves || launches && voted) && v.group.max > 0 && recorded {
            d.refuse(&instance.id, Refusal::EndedAndRuns);
        }
        if launches && !voted {
            d.propose(Change::AbandonLaunch { instance: instance.id.clone() }, None);
        }
        end_termination(d, instance);
        if instance.launch_hook_waits() && !recorded {
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
