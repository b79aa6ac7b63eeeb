//! One step of the group engine: each instance moves by at most one state.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::model::Lifecycle;
use super::{capacity, hooks, launch, terminate};
use crate::Site;
use crate::ec2::InstanceState;
use crate::world::State;

/// How long a terminated instance stays listed (EC2 user guide: about an hour).
const LISTED: Duration = Duration::from_secs(3_600);

/// What a step works with.
pub struct Step<'a> {
    pub site: &'a Site,
    pub allocate: &'a dyn Fn() -> Ipv4Addr,
    pub state: &'a mut State,
    pub now: Instant,
}

/// Moves everything on that is due.
pub fn step(site: &Site, allocate: &dyn Fn() -> Ipv4Addr, state: &mut State) {
    let mut step = Step { site, allocate, state, now: Instant::now() };
    step.instances();
    let groups: Vec<String> = step.state.groups.keys().cloned().collect();
    for group in groups {
        step.members(&group);
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
            } else if !terminate::if_unhealthy(self, group, &instance) {
                self.arriving(group, &instance, lifecycle);
            }
        }
    }

    fn arriving(&mut self, group: &str, instance: &str, lifecycle: Lifecycle) {
        match lifecycle {
            Lifecycle::Pending => launch::pending(self, group, instance),
            Lifecycle::PendingWait => hooks::wait_for_launch(self, group, instance),
            Lifecycle::PendingProceed => launch::proceed(self, group, instance),
            _ => {}
        }
    }

    fn leaving(&mut self, group: &str, instance: &str, lifecycle: Lifecycle) {
        match lifecycle {
            Lifecycle::Terminating => terminate::terminating(self, group, instance),
            Lifecycle::TerminatingWait => hooks::wait_for_termination(self, group, instance),
            Lifecycle::TerminatingProceed => terminate::proceed(self, group, instance),
            Lifecycle::TerminatingRetained => terminate::retained(self, group, instance),
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

    /// Whether EC2 still runs the instance.
    pub fn is_alive(&self, instance: &str) -> bool {
        self.state.instances.get(instance).is_some_and(|instance| instance.state.is_alive())
    }

    /// Puts a member into a lifecycle state.
    pub fn enter(&mut self, group: &str, instance: &str, lifecycle: Lifecycle) {
        if let Some(member) =
            self.state.groups.get_mut(group).and_then(|group| group.members.get_mut(instance))
        {
            member.lifecycle = lifecycle;
            self.site.timeline.note("lifecycle", instance, lifecycle.to_string());
        }
    }
}
