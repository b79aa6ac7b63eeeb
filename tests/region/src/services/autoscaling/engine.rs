//! One step of the group engine, in which each instance moves by at most one state.

use std::time::{Duration, Instant};

use super::step::Step;
use super::{capacity, launch, refresh, replace, root_volume, terminate, warm};
use crate::model::instance::InstanceState;
use crate::model::lifecycle::Lifecycle;
use crate::model::site::Site;
use crate::model::world::State;

/// How long a terminated instance stays listed (EC2 user guide: about an hour).
const LISTED: Duration = Duration::from_secs(3_600);

/// Moves every instance and group whose next state is due.
pub fn step(site: &Site, state: &mut State) {
    let mut step = Step { site, state, now: Instant::now() };
    step.instances();
    let groups: Vec<String> = step.state.groups.keys().cloned().collect();
    for group in groups {
        step.members(&group);
        refresh::advance(&mut step, &group);
        replace::unhealthy_and_outdated(&mut step, &group);
        capacity::balance(&mut step, &group);
        step.finish_deletion(&group);
    }
}

impl Step<'_> {
    fn instances(&mut self) {
        let wait = self.site.options.ec2_transition;
        let due: Vec<_> = self
            .state
            .instances
            .values()
            .filter(|instance| self.now.duration_since(instance.since) >= wait)
            .filter_map(|instance| match instance.state {
                InstanceState::Pending => Some((instance.id.clone(), InstanceState::Running)),
                InstanceState::ShuttingDown if instance.killed => {
                    Some((instance.id.clone(), InstanceState::Terminated))
                }
                _ => None,
            })
            .collect();
        for (id, state) in due {
            self.state.enter(&id, state);
            self.site.timeline.note("ec2", &id, state.to_string());
        }
        let now = self.now;
        self.state.instances.retain(|_, instance| {
            instance.state != InstanceState::Terminated || now.duration_since(instance.since) < LISTED
        });
    }

    fn members(&mut self, group: &str) {
        let members: Vec<(String, Lifecycle)> = self
            .state
            .groups
            .get(group)
            .map(|group| group.members.iter().map(|(id, member)| (id.clone(), member.lifecycle)).collect())
            .unwrap_or_default();
        for (instance, lifecycle) in members {
            if lifecycle.is_leaving() {
                self.leaving(group, &instance, lifecycle);
            } else if !terminate::if_dead(self, group, &instance) {
                self.arriving(group, &instance, lifecycle);
            }
        }
    }

    fn arriving(&mut self, group: &str, instance: &str, lifecycle: Lifecycle) {
        use Lifecycle as L;
        match lifecycle {
            L::Pending => launch::pending(self, group, instance, L::PendingWait, L::PendingProceed),
            L::PendingWait => launch::wait(self, group, instance, L::PendingProceed),
            L::PendingProceed => launch::proceed(self, group, instance),
            L::WarmedPending => {
                launch::pending(self, group, instance, L::WarmedPendingWait, L::WarmedPendingProceed);
            }
            L::WarmedPendingWait => warm::wait(self, group, instance),
            L::WarmedPendingProceed => warm::arrive(self, group, instance),
            L::EnteringStandby => self.enter(group, instance, L::Standby),
            L::Detaching => terminate::detach(self, group, instance),
            L::ReplacingRootVolume => root_volume::begin(self, group, instance),
            L::ReplacingRootVolumeWait => {
                launch::wait(self, group, instance, L::ReplacingRootVolumeProceed);
            }
            L::ReplacingRootVolumeProceed => root_volume::proceed(self, group, instance),
            L::RootVolumeReplaced => self.enter(group, instance, L::Pending),
            _ => {}
        }
    }

    fn leaving(&mut self, group: &str, instance: &str, lifecycle: Lifecycle) {
        use Lifecycle as L;
        match lifecycle {
            L::Terminating => {
                terminate::terminating(self, group, instance, L::TerminatingWait, L::TerminatingProceed);
            }
            L::TerminatingWait => terminate::wait(self, group, instance),
            L::TerminatingProceed | L::WarmedTerminatingProceed => terminate::proceed(self, group, instance),
            L::TerminatingRetained => terminate::retained(self, group, instance),
            L::WarmedTerminating => {
                let (wait, proceed) = (L::WarmedTerminatingWait, L::WarmedTerminatingProceed);
                terminate::terminating(self, group, instance, wait, proceed);
            }
            L::WarmedTerminatingWait => terminate::wait_warm(self, group, instance),
            _ => {}
        }
    }

    fn finish_deletion(&mut self, group: &str) {
        let done =
            self.state.groups.get(group).is_some_and(|group| group.deleting && group.members.is_empty());
        if done {
            self.state.groups.remove(group);
            self.site.timeline.note("group", group, "deleted");
        }
    }
}
