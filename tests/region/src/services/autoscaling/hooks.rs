//! Waits at lifecycle hooks: how they begin, and how they end.

use std::time::Duration;

use serde_json::{Value, json};

use super::step::Step;
use crate::model::group::Route;
use crate::model::hook::{Action, Ended, Hook, Outcome, Transition};
use crate::model::world::Effect;

/// The longest wait at a hook (Auto Scaling user guide, lifecycle hooks: 48 hours or 100 heartbeats).
const LONGEST_WAIT: Duration = Duration::from_secs(48 * 3_600);
const LONGEST_WAIT_HEARTBEATS: u32 = 100;

/// Opens an action for each hook of the transition and sends its event; returns false where there is no such
/// hook.
pub fn begin(step: &mut Step<'_>, group_name: &str, instance: &str, transition: Transition) -> bool {
    let Some(group) = step.state.groups.get_mut(group_name) else { return false };
    let Some(member) = group.members.get_mut(instance) else { return false };
    let scale = step.site.options.hook_time_scale;
    member.actions = group
        .hooks
        .values()
        .filter(|hook| hook.transition == transition)
        .map(|hook| Action {
            token: step.site.uuid(),
            hook: hook.clone(),
            started: step.now,
            beat: step.now,
            heartbeat: Duration::from_secs(hook.heartbeat.into()).div_f64(scale),
            cap: longest_wait(hook).div_f64(scale),
            result: None,
        })
        .collect();
    for action in &member.actions {
        let effect = event(&group.arn, group_name, instance, action, member.route);
        step.state.effects.push(effect);
    }
    !member.actions.is_empty()
}

fn longest_wait(hook: &Hook) -> Duration {
    (Duration::from_secs(hook.heartbeat.into()) * LONGEST_WAIT_HEARTBEATS).min(LONGEST_WAIT)
}

/// The origin and the destination of an instance in a lifecycle event (Auto Scaling user guide: warm pool
/// events, instance refresh replace root volume lifecycle events).
fn ends(transition: Transition, route: Route) -> (&'static str, &'static str) {
    match (transition, route) {
        (_, Route::RootVolume) => ("AutoScalingGroup", "AutoScalingGroup"),
        (Transition::Launching, Route::Launched) => ("EC2", "AutoScalingGroup"),
        (Transition::Launching, Route::Pool) => ("EC2", "WarmPool"),
        (Transition::Launching, Route::FromPool) => ("WarmPool", "AutoScalingGroup"),
        (Transition::Terminating, Route::Pool) => ("WarmPool", "EC2"),
        (_, Route::BackToPool) => ("AutoScalingGroup", "WarmPool"),
        (Transition::Terminating, Route::Launched | Route::FromPool) => ("AutoScalingGroup", "EC2"),
    }
}

fn event(arn: &str, group: &str, instance: &str, action: &Action, route: Route) -> Effect {
    let detail_type = match action.hook.transition {
        Transition::Launching => "EC2 Instance-launch Lifecycle Action",
        Transition::Terminating => "EC2 Instance-terminate Lifecycle Action",
    };
    let (origin, destination) = ends(action.hook.transition, route);
    let mut detail = json!({
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": group,
        "LifecycleHookName": action.hook.name,
        "EC2InstanceId": instance,
        "LifecycleTransition": action.hook.transition.to_string(),
        "Origin": origin,
        "Destination": destination,
    });
    if route == Route::RootVolume {
        detail["Action"] = Value::from("ReplaceRootVolume");
    }
    if let Some(metadata) = &action.hook.metadata {
        detail["NotificationMetadata"] = Value::from(metadata.clone());
    }
    Effect::Lifecycle { detail_type, resource: arn.to_owned(), detail }
}

/// The state of an instance's wait at its hooks.
pub enum Wait {
    Pending,
    Done,
    /// An action was abandoned: its token, and what abandoned it.
    Abandoned(String, Ended),
}

/// The state of an instance's wait; actions that have timed out end with their default result.
pub fn state(step: &mut Step<'_>, group: &str, instance: &str) -> Wait {
    let member = step.state.groups.get_mut(group).and_then(|group| group.members.get_mut(instance));
    let Some(member) = member else { return Wait::Pending };
    for action in &mut member.actions {
        if action.result.is_none() && step.now >= action.deadline() {
            action.result = Some((action.hook.default, Ended::ByTimeout));
            let text = format!("hook {} timed out: {}", action.hook.name, action.hook.default);
            step.site.timeline.note("lifecycle", instance, text);
        }
    }
    let abandoned = member.actions.iter().find_map(|action| match action.result {
        Some((Outcome::Abandon, ended)) => Some((action.token.clone(), ended)),
        _ => None,
    });
    match abandoned {
        Some((token, ended)) => Wait::Abandoned(token, ended),
        None if member.actions.iter().all(|action| action.result.is_some()) => Wait::Done,
        None => Wait::Pending,
    }
}
