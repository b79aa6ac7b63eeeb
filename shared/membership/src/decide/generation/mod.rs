//! The beginning and the end of a generation: founding, adopting, abandoning, ending.

pub mod abandoned;
pub mod adopt;
pub mod ended;
pub mod found;
pub mod founding;
pub(crate) mod peers;
pub mod seed;

use super::hooks::{end_termination, keep_alive};
use crate::decision::{Decision, Wait};
use crate::instance::{Instance, InstanceState, Transition};

/// An instance that never had to do with the generation that is over.
fn bystander(instance: &Instance, d: &mut Decision) {
    if instance.terminate_hook_waits() {
        end_termination(d, instance);
    } else if instance.state() == InstanceState::LaunchWaiting {
        d.wait(&instance.id, Wait::Turn);
        keep_alive(d, instance, Transition::Launch);
    }
}
