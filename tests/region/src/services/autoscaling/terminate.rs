//! The states of an instance on its way out of its group.

use std::time::{Duration, SystemTime};

use super::hooks::{self, Wait};
use super::step::Step;
use crate::model::activity::Activity;
use crate::model::group::Route;
use crate::model::hook::Transition;
use crate::model::instance::InstanceState;
use crate::model::lifecycle::Lifecycle;
use crate::model::time::timestamp_seconds;

/// The reason that EC2 shows for the end of an instance that its group terminated.
const ENDED_BY_GROUP: (&str, &str) =
    ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown");

/// Begins an instance's termination through the hooks, and cancels its launch if that is under way.
pub fn begin(step: &mut Step<'_>, group_name: &str, instance: &str, why: &str) -> Option<Activity> {
    let group = step.state.groups.get_mut(group_name)?;
    let member = group.members.get_mut(instance)?;
    let activity = Activity {
        id: step.site.uuid(),
        group: group_name.to_owned(),
        group_arn: group.arn.clone(),
        description: format!("Terminating EC2 instance: {instance}"),
        cause: format!("At {} {why}", timestamp_seconds(SystemTime::now())),
        started: SystemTime::now(),
        ended: None,
        status: "InProgress",
        message: None,
        progress: 0,
    };
    member.actions.clear();
    if member.route == Route::RootVolume || !member.lifecycle.is_warm() {
        member.route = Route::Launched;
    } else {
        member.route = Route::Pool;
    }
    let launching = member.activity.replace(activity.id.clone());
    if let Some(launching) = launching.and_then(|id| step.state.activity(&id)) {
        launching.end("Cancelled", Some(why.to_owned()));
    }
    step.state.open_activity(activity.clone());
    step.site.timeline.note("group", group_name, format!("terminates {instance}: {why}"));
    let warm = step.state.groups.get(group_name)?.members.get(instance)?.lifecycle.is_warm();
    let lifecycle = if warm { Lifecycle::WarmedTerminating } else { Lifecycle::Terminating };
    step.enter(group_name, instance, lifecycle);
    Some(activity)
}

/// Begins the termination of a dead instance; returns whether the instance is dead. A dead instance is
/// replaced at once, whatever the group's maintenance policy (Auto Scaling user guide, instance maintenance
/// policies). A stopped instance of a warm pool is not dead.
pub fn if_dead(step: &mut Step<'_>, group_name: &str, instance: &str) -> bool {
    let Some(group) = step.state.groups.get_mut(group_name) else { return false };
    let suspended = group.suspends("HealthCheck") || group.suspends("ReplaceUnhealthy");
    let Some(member) = group.members.get_mut(instance) else { return false };
    let warm = member.lifecycle.is_warm();
    let noticed = step.state.instances.get(instance).is_none_or(|record| {
        let dead = if warm { record.state.has_ended() } else { !record.state.is_alive() };
        dead && step.now.duration_since(record.since) >= step.site.options.health_check_delay
    });
    if !noticed || suspended {
        return false;
    }
    member.healthy = false;
    let settled = matches!(member.lifecycle, Lifecycle::InService | Lifecycle::Standby);
    if settled || matches!(member.lifecycle, Lifecycle::WarmedRunning | Lifecycle::WarmedStopped) {
        let why = "an instance was taken out of service in response to an EC2 health check indicating it has \
                   been terminated or stopped.";
        begin(step, group_name, instance, why);
    } else {
        let why = "Instance became unhealthy while waiting for instance to be in InService state. Termination \
                   Reason: Client.UserInitiatedShutdown: User initiated shutdown";
        launch_failed(step, group_name, instance, why.to_owned());
    }
    true
}

/// Ends a launch that failed; the group launches another instance after a pause.
pub fn launch_failed(step: &mut Step<'_>, group_name: &str, instance: &str, message: String) {
    let (now, first) = (step.now, step.site.options.launch_backoff);
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    group.backoff.fail(now, first);
    let activity = group.members.get_mut(instance).and_then(|member| member.activity.take());
    if let Some(activity) = activity.and_then(|id| step.state.activity(&id)) {
        activity.end("Cancelled", Some(message.clone()));
    }
    step.site.timeline.note("lifecycle", instance, message);
    begin(step, group_name, instance, "an instance was taken out of service because its launch failed.");
}

/// `Detaching`: the instance leaves the group and runs on; no hook fires.
pub fn detach(step: &mut Step<'_>, group_name: &str, instance: &str) {
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    group.members.remove(instance);
    if let Some(record) = step.state.instances.get_mut(instance) {
        record.tags.remove("aws:autoscaling:groupName");
    }
    step.site.timeline.note("lifecycle", instance, "Detached");
}

/// `Terminating`, `Warmed:Terminating`: the instance waits at the terminate hooks, or proceeds where there
/// are none.
pub fn terminating(step: &mut Step<'_>, group: &str, instance: &str, wait: Lifecycle, proceed: Lifecycle) {
    if hooks::begin(step, group, instance, Transition::Terminating) {
        step.enter(group, instance, wait);
        step.activity_is(group, instance, "MidTerminatingLifecycleAction", 50);
    } else {
        step.enter(group, instance, proceed);
    }
}

/// `Terminating:Wait`: both results end the instance, unless the group retains abandoned instances.
pub fn wait(step: &mut Step<'_>, group: &str, instance: &str) {
    let retains = step.state.groups.get(group).is_some_and(|group| group.retain_on_abandon);
    match hooks::state(step, group, instance) {
        Wait::Pending => {}
        Wait::Abandoned(..) if retains && step.is_alive(instance) => {
            // The order of Auto Scaling's user guide, "Manage retained instances".
            step.enter(group, instance, Lifecycle::TerminatingProceed);
            step.enter(group, instance, Lifecycle::TerminatingRetained);
            step.activity_is(group, instance, "MidTerminatingLifecycleAction", 80);
        }
        Wait::Done | Wait::Abandoned(..) => step.enter(group, instance, Lifecycle::TerminatingProceed),
    }
}

/// `Warmed:Terminating:Wait`: both results end the instance; the region does not retain instances of a warm
/// pool.
pub fn wait_warm(step: &mut Step<'_>, group: &str, instance: &str) {
    match hooks::state(step, group, instance) {
        Wait::Pending => {}
        Wait::Done | Wait::Abandoned(..) => step.enter(group, instance, Lifecycle::WarmedTerminatingProceed),
    }
}

/// `Terminating:Proceed`: the instance is ended in EC2, and leaves the group once it has ended.
pub fn proceed(step: &mut Step<'_>, group: &str, instance: &str) {
    step.state.shut_down(instance, ENDED_BY_GROUP);
    drop_if_ended(step, group, instance);
}

/// `Terminating:Retained`: the instance stays in the group until somebody ends it in EC2.
pub fn retained(step: &mut Step<'_>, group: &str, instance: &str) {
    drop_if_ended(step, group, instance);
}

fn drop_if_ended(step: &mut Step<'_>, group_name: &str, instance: &str) {
    let ended =
        step.state.instances.get(instance).is_none_or(|record| record.state == InstanceState::Terminated);
    let Some(group) = step.state.groups.get_mut(group_name).filter(|_| ended) else { return };
    let Some(member) = group.members.remove(instance) else { return };
    if let Some(activity) = member.activity.and_then(|id| step.state.activity(&id)) {
        activity.end("Successful", None);
    }
    step.site.timeline.note("lifecycle", instance, "Terminated: out of its group");
}

/// Whether the group's grace period (in seconds) still protects an instance from being set unhealthy.
pub fn in_grace(in_service: Option<std::time::Instant>, now: std::time::Instant, grace: u32) -> bool {
    in_service.is_none_or(|since| now.duration_since(since) < Duration::from_secs(grace.into()))
}
