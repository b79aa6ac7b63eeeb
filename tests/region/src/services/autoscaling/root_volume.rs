//! Root-volume replacement of an instance in its group: the disk is lost, ID and address stay (Auto Scaling
//! user guide, "Replace root volumes during instance refresh"; "Lifecycle state transitions for instances
//! undergoing root volume replacement").

use super::hooks;
use super::step::Step;
use crate::model::hook::Transition;
use crate::model::lifecycle::Lifecycle;

/// `ReplacingRootVolume`: the instance waits at the terminate hooks, or proceeds where there are none.
pub fn begin(step: &mut Step<'_>, group: &str, instance: &str) {
    let wait = hooks::begin(step, group, instance, Transition::Terminating);
    let next = if wait { Lifecycle::ReplacingRootVolumeWait } else { Lifecycle::ReplacingRootVolumeProceed };
    step.enter(group, instance, next);
}

/// `ReplacingRootVolume:Proceed`: EC2 replaces the volume; then the instance goes through the states of a
/// launch.
pub fn proceed(step: &mut Step<'_>, group: &str, instance: &str) {
    match step.state.root_volume_tasks.iter().rev().find(|task| task.instance == instance && task.for_group) {
        Some(task) if task.succeeded.is_none() => {}
        Some(_) => {
            step.state
                .root_volume_tasks
                .iter_mut()
                .for_each(|task| task.for_group &= task.instance != instance);
            step.enter(group, instance, Lifecycle::RootVolumeReplaced);
        }
        None => step.state.replace_root_volume(step.site, instance, true),
    }
}
