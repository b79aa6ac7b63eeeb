//! Warm pools: instances launched ahead of need, and stopped or left running until the group takes them (Auto
//! Scaling user guide, "Decrease latency for applications with long boot times using warm pools", "Use
//! lifecycle hooks with a warm pool").

use super::hooks::Wait;
use super::step::Step;
use super::{hooks, launch, terminate};
use crate::model::activity::Activity;
use crate::model::group::Route;
use crate::model::hook::Transition;
use crate::model::instance::InstanceState;
use crate::model::lifecycle::Lifecycle;

/// Launches missing instances of the pool and terminates surplus ones; a deleted pool is dropped once it is
/// empty.
pub fn balance(step: &mut Step<'_>, group_name: &str) {
    let Some(group) = step.state.groups.get(group_name) else { return };
    let Some(pool) = &group.warm else { return };
    let (count, size, deleting) = (group.in_warm_pool(), group.warm_pool_size(), pool.deleting);
    for present in count..size {
        let cause = format!("Launching an instance for the warm pool, from {present} to {size}.");
        launch::one(step, group_name, cause, Lifecycle::WarmedPending);
    }
    for _ in size..count {
        let Some(group) = step.state.groups.get(group_name) else { return };
        let there =
            group.members.values().filter(|one| one.lifecycle.is_warm() && !one.lifecycle.is_leaving());
        let Some(oldest) = there.min_by_key(|one| (one.joined, one.instance.clone())) else { return };
        let oldest = oldest.instance.clone();
        terminate::begin(step, group_name, &oldest, "an instance of the warm pool was not needed any more.");
    }
    if let Some(group) = step.state.groups.get_mut(group_name)
        && deleting
        && !group.members.values().any(|one| one.lifecycle.is_warm())
    {
        group.warm = None;
    }
}

/// Takes a waiting instance out of the pool into the group; returns false where no instance waits. The
/// instance keeps its ID, address and disk. A stopped instance starts; every instance goes through the launch
/// hooks again.
pub fn take(step: &mut Step<'_>, group_name: &str, cause: &str) -> bool {
    let waits = |lifecycle| matches!(lifecycle, Lifecycle::WarmedRunning | Lifecycle::WarmedStopped);
    let Some(group) = step.state.groups.get_mut(group_name) else { return false };
    let waiting = group.members.values_mut().filter(|one| waits(one.lifecycle) && one.healthy);
    let Some(member) = waiting.min_by_key(|one| (one.joined, one.instance.clone())) else { return false };
    let instance = member.instance.clone();
    let stopped = member.lifecycle == Lifecycle::WarmedStopped;
    member.route = Route::FromPool;
    let description = format!("Launching a new EC2 instance from warm pool: {instance}");
    let activity = Activity::begin(step.site, group_name, &group.arn, description, cause.to_owned());
    member.activity = Some(activity.id.clone());
    step.state.open_activity(activity);
    if stopped {
        step.state.start(&instance);
    }
    step.enter(group_name, &instance, Lifecycle::Pending);
    true
}

/// Scale-in returns an instance to the pool. It waits at the terminate hooks, at `Warmed:Pending:Wait` (Auto Scaling user
/// guide, "Use lifecycle hooks with a warm pool": an instance that is returning to the warm pool pauses there for the
/// terminating lifecycle action).
pub fn take_back(step: &mut Step<'_>, group_name: &str, instance: &str, why: &str) {
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    let Some(member) = group.members.get_mut(instance) else { return };
    member.actions.clear();
    member.in_service = None;
    member.route = Route::BackToPool;
    let description = format!("Returning EC2 instance to warm pool: {instance}");
    let activity = Activity::begin(step.site, group_name, &group.arn, description, why.to_owned());
    member.activity = Some(activity.id.clone());
    step.state.open_activity(activity);
    step.site.timeline.note("group", group_name, format!("returns {instance} to its warm pool: {why}"));
    let waits = hooks::begin(step, group_name, instance, Transition::Terminating);
    let next = if waits { Lifecycle::WarmedPendingWait } else { Lifecycle::WarmedPendingProceed };
    step.enter(group_name, instance, next);
}

/// `Warmed:Pending:Wait`: an instance on its way back goes on once its hooks have ended, whatever their result; AWS
/// documents no other end. An instance from EC2 goes on, or out of the group where its launch was abandoned.
pub fn wait(step: &mut Step<'_>, group_name: &str, instance: &str) {
    let member = step.state.groups.get(group_name).and_then(|group| group.members.get(instance));
    if member.is_none_or(|member| member.route != Route::BackToPool) {
        launch::wait(step, group_name, instance, Lifecycle::WarmedPendingProceed);
    } else if !matches!(hooks::state(step, group_name, instance), Wait::Pending) {
        step.enter(group_name, instance, Lifecycle::WarmedPendingProceed);
    }
}

/// `Warmed:Pending:Proceed`: once EC2 runs the instance, it is stopped if the pool says so, and then waits.
pub fn arrive(step: &mut Step<'_>, group_name: &str, instance: &str) {
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    let stopped = group.warm.as_ref().is_some_and(|pool| pool.stopped);
    let state = step.state.instances.get(instance).map(|one| one.state);
    let arrived = match state {
        Some(InstanceState::Running) if stopped => {
            step.state.stop(instance);
            return;
        }
        Some(InstanceState::Running) => Lifecycle::WarmedRunning,
        Some(InstanceState::Stopped) => Lifecycle::WarmedStopped,
        _ => return,
    };
    if let Some(member) = group.members.get_mut(instance)
        && let Some(activity) = member.activity.take().and_then(|id| step.state.activity(&id))
    {
        activity.end("Successful", None);
    }
    step.enter(group_name, instance, arrived);
}
