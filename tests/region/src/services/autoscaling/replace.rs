//! Replaces unhealthy and outdated instances, within the bounds of the group's maintenance policy or of its
//! refresh.

use std::time::Duration;

use super::step::Step;
use super::terminate;
use crate::model::group::{Group, Member};
use crate::model::lifecycle::Lifecycle;
use crate::model::maintenance::Bounds;

/// The bounds in force: those of a refresh under way, otherwise those of the policy. Without either an
/// unhealthy instance is terminated at once and its replacement launched at the same time (user guide:
/// terminate and launch).
fn bounds(group: &Group) -> Bounds {
    let refresh = group.refreshes.last().filter(|refresh| refresh.is_active());
    let in_force = refresh.map(|refresh| refresh.maintenance).or(group.maintenance);
    let desired = group.desired as usize;
    in_force.map_or(Bounds { least: 0, most: desired, launch_first: false }, |policy| policy.bounds(desired))
}

/// How many instances above the desired capacity may be launched now, as replacements.
pub fn surplus(group: &Group) -> usize {
    let bounds = bounds(group);
    group.members.values().filter(|one| is_due(group, one)).count().min(bounds.most - group.desired as usize)
}

/// Terminates the instances that are unhealthy, or outdated in a rolling refresh, as far as the bounds allow
/// it now.
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
    // An unhealthy instance waits only for its own replacement, not for the replacement of another unhealthy
    // instance.
    let others = group.members.values().filter(|one| is_due(group, one) && !one.healthy).count() - 1;
    !bounds.launch_first || ready >= (group.desired as usize).saturating_sub(others)
}

/// Whether an instance is in service, healthy and warmed up.
pub fn is_ready(step: &Step<'_>, group: &Group, member: &Member) -> bool {
    let refresh = group.refreshes.last().filter(|refresh| refresh.is_active());
    let seconds = refresh.map_or(0, |refresh| refresh.warmup);
    let warmup = Duration::from_secs(seconds.into()).div_f64(step.site.options.hook_time_scale);
    let warm = member.in_service.is_none_or(|since| step.now.duration_since(since) >= warmup);
    member.lifecycle == Lifecycle::InService && member.healthy && warm
}
