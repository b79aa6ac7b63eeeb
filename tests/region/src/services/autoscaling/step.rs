//! What a step of the group engine works with.

use std::time::Instant;

use crate::model::instance::InstanceState;
use crate::model::lifecycle::Lifecycle;
use crate::model::site::Site;
use crate::model::world::State;

/// A step of the group engine: the state that it changes, and the time that it takes as now.
pub struct Step<'a> {
    pub site: &'a Site,
    pub state: &'a mut State,
    pub now: Instant,
}

impl Step<'_> {
    /// Whether EC2 still runs the instance.
    pub fn is_alive(&self, instance: &str) -> bool {
        self.state.instances.get(instance).is_some_and(|instance| instance.state.is_alive())
    }

    /// Whether EC2 says that the instance is `running`.
    pub fn runs(&self, instance: &str) -> bool {
        self.state.instances.get(instance).is_some_and(|one| one.state == InstanceState::Running)
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

    /// Sets the status and the progress (in percent) of an instance's scaling activity.
    pub fn activity_is(&mut self, group: &str, instance: &str, status: &'static str, progress: u8) {
        let member = self.state.groups.get(group).and_then(|group| group.members.get(instance));
        let Some(id) = member.and_then(|member| member.activity.clone()) else { return };
        if let Some(activity) = self.state.activity(&id) {
            activity.status = status;
            activity.progress = progress;
        }
    }
}
