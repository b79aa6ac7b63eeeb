//! Replacing what is unhealthy or outdated, within the bounds of the group's maintenance policy or of its refresh.

use std::time::Duration;

use super::engine::Step;
use super::model::{Group, Lifecycle, Member};
use super::terminate;

/// An instance maintenance policy, in percent of the desired capacity (API reference, InstanceMaintenancePolicy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// 0 to 100.
    pub min: u32,
    /// 100 to 200.
    pub max: u32,
}

/// Within what a group's capacity may move while instances are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// So many must be healthy, in service and warmed up after any voluntary termination.
    pub least: usize,
    /// So many may there be at most.
    pub most: usize,
    /// The replacement is in service before the old one is told to go.
    pub launch_first: bool,
}

impl Maintenance {
    /// The bounds for this desired capacity. With a minimum of 100 % one is launched first, also where the maximum
    /// leaves no room (user guide, instance refresh core concepts: 100 and 100 replaces one at a time, launching
    /// first); where it is lower, at least one at a time is replaced. Fractions count as whole instances.
    pub fn bounds(self, desired: usize) -> Bounds {
        let of = |percent: u32| (desired * percent as usize).div_ceil(100);
        let launch_first = self.min >= 100;
        let least = if launch_first { desired } else { of(self.min).min(desired.saturating_sub(1)) };
        let most = of(self.max).max(desired + usize::from(launch_first));
        Bounds { least, most, launch_first }
    }
}

/// The bounds in force: of a refresh under way, else of the policy. Without either an unhealthy instance is
/// terminated at once, and its replacement launched beside it (user guide: terminate and launch).
fn bounds(group: &Group) -> Bounds {
    let refresh = group.refreshes.last().filter(|refresh| refresh.is_active());
    let in_force = refresh.map(|refresh| refresh.maintenance).or(group.maintenance);
    let desired = group.desired as usize;
    in_force.map_or(Bounds { least: 0, most: desired, launch_first: false }, |policy| policy.bounds(desired))
}

/// How many more than the desired capacity may be launched now, for those that are to be replaced.
pub fn surplus(group: &Group) -> usize {
    let bounds = bounds(group);
    group.members.values().filter(|one| is_due(group, one)).count().min(bounds.most - group.desired as usize)
}

/// Tells those to go that are unhealthy, or outdated in a rolling refresh, and may go now.
pub fn unhealthy_and_outdated(step: &mut Step<'_>, group_name: &str) {
    loop {
        let Some(group) = step.state.groups.get(group_name) else { return };
        if group.deleting || group.suspends("Terminate") {
            return;
        }
        let mut due: Vec<&Member> = group.members.values().filter(|one| is_due(group, one)).collect();
        due.sort_by_key(|member| (member.healthy, member.joined, member.instance.clone()));
        let Some(victim) = due.into_iter().find(|one| may_go(step, group, one)) else { return };
        let (victim, healthy) = (victim.instance.clone(), victim.healthy);
        let why = if healthy {
            "an instance was taken out of service in response to an instance refresh."
        } else {
            "an instance was taken out of service in response to a user health-check."
        };
        terminate::begin(step, group_name, &victim, why);
    }
}

fn is_due(group: &Group, member: &Member) -> bool {
    let unhealthy = !member.healthy && !group.suspends("ReplaceUnhealthy");
    let refresh =
        group.refreshes.last().filter(|one| one.replaces_instances() && !group.suspends("InstanceRefresh"));
    let outdated = refresh.is_some_and(|refresh| refresh.to_replace.contains(&member.instance));
    member.lifecycle == Lifecycle::InService && (unhealthy || outdated)
}

fn may_go(step: &Step<'_>, group: &Group, victim: &Member) -> bool {
    let bounds = bounds(group);
    let ready =
        group.members.values().filter(|one| one.instance != victim.instance && is_ready(step, group, one));
    let ready = ready.count();
    if victim.healthy {
        return ready >= bounds.least;
    }
    // It is worth nothing already: it waits for its own replacement only, not for that of another unhealthy one.
    let others = group.members.values().filter(|one| is_due(group, one) && !one.healthy).count() - 1;
    !bounds.launch_first || ready >= (group.desired as usize).saturating_sub(others)
}

/// In service, healthy, and warmed up.
pub fn is_ready(step: &Step<'_>, group: &Group, member: &Member) -> bool {
    let refresh = group.refreshes.last().filter(|refresh| refresh.is_active());
    let seconds = refresh.map_or(0, |refresh| refresh.warmup);
    let warmup = Duration::from_secs(seconds.into()).div_f64(step.site.options.hook_time_scale);
    let warm = member.in_service.is_none_or(|since| step.now.duration_since(since) >= warmup);
    member.lifecycle == Lifecycle::InService && member.healthy && warm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_percentages() {
        let bounds = |min, max, desired| Maintenance { min, max }.bounds(desired);
        assert_eq!(bounds(100, 200, 3), Bounds { least: 3, most: 6, launch_first: true });
        assert_eq!(bounds(100, 110, 3), Bounds { least: 3, most: 4, launch_first: true });
        assert_eq!(bounds(100, 100, 3), Bounds { least: 3, most: 4, launch_first: true });
        assert_eq!(bounds(66, 100, 3), Bounds { least: 2, most: 3, launch_first: false });
        assert_eq!(bounds(90, 120, 100), Bounds { least: 90, most: 120, launch_first: false });
        assert_eq!(bounds(90, 100, 1), Bounds { least: 0, most: 1, launch_first: false });
        assert_eq!(bounds(0, 100, 0), Bounds { least: 0, most: 0, launch_first: false });
    }
}
