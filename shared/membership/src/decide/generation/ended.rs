//! A generation that the operator ended.

use super::bystander;
use crate::change::Effect;
use crate::decide::hooks::end_termination;
use crate::decide::parameters::delete_envs;
use crate::decision::{Decision, Refusal};
use crate::instance::InstanceState;
use crate::observation::Seen;
use crate::view::View;

/// Hooks are completed as they come. Where the maximum size was raised again before the group ended an instance, that
/// instance runs on without management. It is reported and left to the operator.
pub fn ended(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let recorded = v.record(&instance.id).is_some();
        let serves = matches!(instance.state(), InstanceState::InService | InstanceState::Standby);
        if serves && v.group.max > 0 && recorded {
            d.refuse(&instance.id, Refusal::EndedAndRuns);
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
