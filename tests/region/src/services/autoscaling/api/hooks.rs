//! Hooks, and the calls that complete or prolong a wait.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::show;
use super::lookup::group;
use super::settings;
use crate::model::hook::{Action, Ended, Outcome};
use crate::model::lifecycle::Lifecycle;
use crate::model::world::{State, World};
use crate::wire::{ApiError, Params};

/// The most hooks that a group may have (Auto Scaling quotas).
const HOOKS: usize = 50;

/// PutLifecycleHook.
pub fn put(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let hook_name = params.required("LifecycleHookName")?;
    world.change(|state| {
        let group = group(state, name)?;
        let hook = settings::hook(&world.site, params, group.hooks.get(hook_name))?;
        if group.hooks.len() >= HOOKS && !group.hooks.contains_key(hook_name) {
            return Err(ApiError::bad_request(
                "LimitExceeded",
                format!("The lifecycle hook limit of {HOOKS} has been reached for group {name}"),
            ));
        }
        group.hooks.insert(hook.name.clone(), hook);
        Ok(json!({}))
    })
}

/// DeleteLifecycleHook: pending actions of the hook end, with CONTINUE for a termination and ABANDON for a
/// launch.
pub fn delete(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let hook_name = params.required("LifecycleHookName")?;
    world.change(|state| {
        let group = group(state, name)?;
        if group.hooks.remove(hook_name).is_none() {
            return Err(ApiError::validation(format!(
                "No Lifecycle Hook found with name {hook_name} for Auto Scaling Group {name}"
            )));
        }
        for member in group.members.values_mut() {
            let outcome = match member.lifecycle {
                Lifecycle::PendingWait | Lifecycle::WarmedPendingWait => Outcome::Abandon,
                _ => Outcome::Continue,
            };
            for action in member.actions.iter_mut().filter(|action| action.hook.name == hook_name) {
                action.result.get_or_insert((outcome, Ended::ByCall));
            }
        }
        Ok(json!({}))
    })
}

/// DescribeLifecycleHooks.
pub fn describe(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let wanted = params.list("LifecycleHookNames");
    world.change_quietly(|state| {
        let hooks = &group(state, name)?.hooks;
        let shown = hooks.values().filter(|hook| wanted.is_empty() || wanted.contains(&hook.name));
        Ok(json!({"LifecycleHooks": shown.map(|hook| show::hook(name, hook)).collect::<Vec<_>>()}))
    })
}

/// CompleteLifecycleAction.
pub fn complete(world: &World, params: &Params) -> Result<Value, ApiError> {
    let outcome = settings::outcome(params.required("LifecycleActionResult")?)?;
    world.change(|state| {
        let (instance, action) = active(state, params)?;
        action.result = Some((outcome, Ended::ByCall));
        world.site.timeline.note(
            "lifecycle",
            &instance,
            format!("hook {} completed: {outcome}", action.hook.name),
        );
        Ok(json!({}))
    })
}

/// RecordLifecycleActionHeartbeat: the heartbeat timeout starts again; the cap of the whole wait stays.
pub fn heartbeat(world: &World, params: &Params) -> Result<Value, ApiError> {
    world.change(|state| {
        let (instance, action) = active(state, params)?;
        action.beat = Instant::now();
        world.site.timeline.note("lifecycle", &instance, format!("hook {} kept alive", action.hook.name));
        Ok(json!({}))
    })
}

/// The pending action that a call names by its token or by its instance.
fn active<'a>(state: &'a mut State, params: &Params) -> Result<(String, &'a mut Action), ApiError> {
    let group = group(state, params.required("AutoScalingGroupName")?)?;
    let hook = params.required("LifecycleHookName")?;
    let (token, instance) = (params.text("LifecycleActionToken"), params.text("InstanceId"));
    let missing = match (token, instance) {
        (Some(token), _) => format!("No active Lifecycle Action found with token {token}"),
        (None, Some(instance)) => format!("No active Lifecycle Action found with instance ID {instance}"),
        (None, None) => {
            return Err(ApiError::validation("Either LifecycleActionToken or InstanceId must be specified"));
        }
    };
    let now = Instant::now();
    group
        .members
        .values_mut()
        .filter(|member| instance.is_none_or(|instance| member.instance == instance))
        .flat_map(|member| {
            let instance = member.instance.clone();
            member.actions.iter_mut().map(move |action| (instance.clone(), action))
        })
        .find(|(_, action)| {
            action.hook.name == hook
                && token.is_none_or(|token| action.token == token)
                && action.is_active(now)
        })
        .ok_or_else(|| ApiError::validation(missing))
}
