//! Keeping a group at its desired capacity.

use std::time::SystemTime;

use super::step::Step;
use super::{launch, replace, terminate, warm};
use crate::model::group::{Group, Member};
use crate::model::lifecycle::Lifecycle;
use crate::model::time::timestamp_seconds;

/// Launches missing instances, from the warm pool first, and terminates surplus instances. While instances
/// are replaced a group may have more than its desired capacity.
pub fn balance(step: &mut Step<'_>, group_name: &str) {
    let Some(group) = step.state.groups.get(group_name).filter(|group| !group.deleting) else { return };
    let (count, desired) = (group.count(), group.desired as usize);
    let target = desired + replace::surplus(group);
    let paused = group.backoff.until.is_some_and(|until| step.now < until) || group.suspends("Launch");
    if count > target {
        if !group.suspends("Terminate") {
            scale_in(step, group_name, count, target);
        }
    } else if !paused {
        let weight = group.weight().unwrap_or(1).max(1) as usize;
        for present in (count..target).step_by(weight) {
            let cause = launch_cause(present, target);
            if !warm::take(step, group_name, &cause) {
                launch::one(step, group_name, cause, Lifecycle::Pending);
            }
        }
        warm::balance(step, group_name);
    }
}

fn launch_cause(present: usize, desired: usize) -> String {
    let at = timestamp_seconds(SystemTime::now());
    format!(
        "At {at} an instance was started in response to a difference between desired and actual capacity, \
         increasing the capacity from {present} to {desired}."
    )
}

fn scale_in(step: &mut Step<'_>, group_name: &str, count: usize, desired: usize) {
    let mut left = count;
    while left > desired {
        let Some(group) = step.state.groups.get(group_name) else { return };
        let Some(victim) = victim(group) else { return };
        let weight = group.members.get(&victim).and_then(|member| member.weight).unwrap_or(1) as usize;
        if left < desired + weight {
            return;
        }
        let why = format!(
            "an instance was taken out of service in response to a difference between desired and actual capacity, \
             shrinking the capacity from {left} to {}.",
            left - weight
        );
        left -= weight;
        if group.warm.as_ref().is_some_and(|pool| pool.reuses && !pool.deleting) {
            warm::take_back(step, group_name, &victim, &why);
        } else {
            terminate::begin(step, group_name, &victim, &why);
        }
    }
}

/// The instance that scale-in ends next: of the fullest zone the oldest, or the newest where the group's
/// first termination policy says so. Instances in service come before those still launching; protected
/// instances are never chosen.
fn victim(group: &Group) -> Option<String> {
    let candidates: Vec<&Member> =
        group.members.values().filter(|member| member.lifecycle.counts() && !member.protected).collect();
    let in_service: Vec<&Member> =
        candidates.iter().copied().filter(|member| member.lifecycle == Lifecycle::InService).collect();
    let candidates = if in_service.is_empty() { candidates } else { in_service };
    let crowd = |member: &Member| candidates.iter().filter(|other| other.zone == member.zone).count();
    let fullest = candidates.iter().map(|member| crowd(member)).max()?;
    let of_fullest = candidates.iter().filter(|member| crowd(member) == fullest);
    let newest = group.termination_policies.first().is_some_and(|policy| policy == "NewestInstance");
    let chosen = if newest {
        of_fullest.max_by_key(|member| (member.joined, &member.instance))
    } else {
        of_fullest.min_by_key(|member| (member.joined, &member.instance))
    };
    chosen.map(|member| member.instance.clone())
}
