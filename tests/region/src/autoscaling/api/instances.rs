//! Calls about single instances of a group.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::engine::Step;
use super::super::model::{Group, Lifecycle};
use super::super::terminate;
use super::{group, no_instance};
use crate::http::{ApiError, Params};
use crate::world::{State, World};

/// TerminateInstanceInAutoScalingGroup.
pub fn terminate(world: &World, params: &Params) -> Result<Value, ApiError> {
    let instance = params.required("InstanceId")?;
    params.required("ShouldDecrementDesiredCapacity")?;
    let decrement = params.flag("ShouldDecrementDesiredCapacity")?.unwrap_or(false);
    world.change(|state| {
        let group = group_of(state, instance)?;
        let lifecycle = group.members.get(instance).map(|member| member.lifecycle);
        if lifecycle == Some(Lifecycle::TerminatingRetained) {
            // Retained instances remain until this very call (Auto Scaling API, RetentionTriggers).
            move_to(group, instance, Lifecycle::TerminatingProceed)?;
            world.site.timeline.note("lifecycle", instance, "retained no longer");
        }
        if lifecycle.is_some_and(Lifecycle::is_leaving) {
            return under_way(state, instance);
        }
        if decrement {
            self::decrement(group, 1, "Terminating instance without replacement")?;
        }
        let name = group.name.clone();
        let mut step =
            Step { site: &world.site, allocate: &|| world.allocate_address(), state, now: Instant::now() };
        let why = "instance was taken out of service in response to a user request.";
        let activity = terminate::begin(&mut step, &name, instance, why);
        activity.map(|activity| json!({"Activity": activity.show()})).ok_or_else(|| no_instance(instance))
    })
}

/// What a second request to terminate an instance meets: the termination under way.
fn under_way(state: &mut State, instance: &str) -> Result<Value, ApiError> {
    let member = state.groups.values().find_map(|group| group.members.get(instance));
    let activity =
        member.and_then(|member| member.activity.clone()).and_then(|id| state.activity(&id).cloned());
    activity.map(|activity| json!({"Activity": activity.show()})).ok_or_else(|| no_instance(instance))
}

/// SetInstanceHealth.
pub fn set_health(world: &World, params: &Params) -> Result<Value, ApiError> {
    let instance = params.required("InstanceId")?;
    let healthy = match params.required("HealthStatus")? {
        "Healthy" => true,
        "Unhealthy" => false,
        _ => return Err(ApiError::validation("Health Status must be one of Healthy, Unhealthy")),
    };
    let respect = params.flag("ShouldRespectGracePeriod")?.unwrap_or(true);
    world.change(|state| {
        let group = group_of(state, instance)?;
        let grace = group.health_check_grace;
        let Some(member) = group.members.get_mut(instance) else { return Err(no_instance(instance)) };
        if !respect || !terminate::in_grace(member.in_service, Instant::now(), grace) {
            member.healthy = healthy;
            let text = if healthy { "set healthy" } else { "set unhealthy" };
            world.site.timeline.note("lifecycle", instance, text);
        }
        Ok(json!({}))
    })
}

/// SetInstanceProtection.
pub fn set_protection(world: &World, params: &Params) -> Result<Value, ApiError> {
    let protect = params.flag("ProtectedFromScaleIn")?.unwrap_or(false);
    each(world, params, |group, instance| {
        let member = group.members.get_mut(instance).ok_or_else(|| no_instance(instance))?;
        member.protected = protect;
        Ok(())
    })
}

/// DetachInstances: they run on, outside the group; no hook fires.
pub fn detach(world: &World, params: &Params) -> Result<Value, ApiError> {
    let decrement = params.flag("ShouldDecrementDesiredCapacity")?.unwrap_or(false);
    let count = params.list("InstanceIds").len() as u32;
    in_service_only(world, params)?;
    if decrement {
        lower(world, params, count, "Detaching the instances")?;
    }
    let answer = each(world, params, |group, instance| {
        group.members.remove(instance).map(|_| ()).ok_or_else(|| no_instance(instance))
    })?;
    world.change(|state| {
        for instance in params.list("InstanceIds") {
            if let Some(record) = state.instances.get_mut(&instance) {
                record.tags.remove("aws:autoscaling:groupName");
            }
            world.site.timeline.note("lifecycle", &instance, "Detached");
        }
    });
    Ok(answer)
}

/// EnterStandby; no hook fires.
pub fn enter_standby(world: &World, params: &Params) -> Result<Value, ApiError> {
    let decrement = params.flag("ShouldDecrementDesiredCapacity")?.unwrap_or(false);
    in_service_only(world, params)?;
    if decrement {
        lower(world, params, params.list("InstanceIds").len() as u32, "Moving the instances to standby")?;
    }
    each(world, params, |group, instance| move_to(group, instance, Lifecycle::Standby))
}

/// ExitStandby: back in service, and the desired capacity grows by as much.
pub fn exit_standby(world: &World, params: &Params) -> Result<Value, ApiError> {
    each(world, params, |group, instance| {
        let standing_by =
            group.members.get(instance).is_some_and(|member| member.lifecycle == Lifecycle::Standby);
        if !standing_by {
            return Err(ApiError::validation(format!("The instance {instance} is not in Standby.")));
        }
        group.desired = (group.desired + 1).min(group.max);
        move_to(group, instance, Lifecycle::InService)
    })
}

fn move_to(group: &mut Group, instance: &str, lifecycle: Lifecycle) -> Result<(), ApiError> {
    let member = group.members.get_mut(instance).ok_or_else(|| no_instance(instance))?;
    member.lifecycle = lifecycle;
    Ok(())
}

fn in_service_only(world: &World, params: &Params) -> Result<(), ApiError> {
    each(world, params, |group, instance| {
        let member = group.members.get(instance).ok_or_else(|| no_instance(instance))?;
        if member.lifecycle == Lifecycle::InService {
            return Ok(());
        }
        let message = format!(
            "The instance {instance} is not in InService; its lifecycle state is {}.",
            member.lifecycle
        );
        Err(ApiError::validation(message))
    })
    .map(|_| ())
}

fn lower(world: &World, params: &Params, by: u32, what: &str) -> Result<(), ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    world.change(|state| decrement(group(state, name)?, by, what))
}

fn decrement(group: &mut Group, by: u32, what: &str) -> Result<(), ApiError> {
    let desired = group.desired.saturating_sub(by);
    if desired < group.min {
        return Err(ApiError::validation(format!(
            "Currently, desiredSize equals minSize ({}). {what} will violate group's min size constraint. Either set \
             shouldDecrementDesiredCapacity flag to false or lower group's min size.",
            group.min
        )));
    }
    group.desired = desired;
    Ok(())
}

fn each(
    world: &World,
    params: &Params,
    change: impl Fn(&mut Group, &str) -> Result<(), ApiError>,
) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    world.change(|state| {
        let group = group(state, name)?;
        for instance in params.list("InstanceIds") {
            change(group, &instance)?;
        }
        Ok(json!({"Activities": []}))
    })
}

fn group_of<'a>(state: &'a mut State, instance: &str) -> Result<&'a mut Group, ApiError> {
    state
        .groups
        .values_mut()
        .find(|group| group.members.contains_key(instance))
        .ok_or_else(|| no_instance(instance))
}
