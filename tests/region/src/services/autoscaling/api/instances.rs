//! Calls about single instances of a group.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::step::Step;
use super::super::terminate;
use super::lookup::{group, no_instance};
use crate::model::group::{Group, Member, Route};
use crate::model::instance::InstanceState;
use crate::model::lifecycle::Lifecycle;
use crate::model::world::{State, World};
use crate::wire::{ApiError, Params};

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
        let mut step = Step { site: &world.site, state, now: Instant::now() };
        let why = "instance was taken out of service in response to a user request.";
        let activity = terminate::begin(&mut step, &name, instance, why);
        activity.map(|activity| json!({"Activity": activity.show()})).ok_or_else(|| no_instance(instance))
    })
}

/// The answer to a second request to terminate an instance: the termination under way.
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

/// DetachInstances: the instances leave the group and run on; no hook fires.
pub fn detach(world: &World, params: &Params) -> Result<Value, ApiError> {
    let decrement = params.flag("ShouldDecrementDesiredCapacity")?.unwrap_or(false);
    let count = params.list("InstanceIds").len() as u32;
    in_service_only(world, params)?;
    if decrement {
        lower(world, params, count, "Detaching the instances")?;
    }
    each(world, params, |group, instance| move_to(group, instance, Lifecycle::Detaching))
}

/// AttachInstances: running instances of no group come into service without a hook, and the desired capacity
/// grows by their number (Auto Scaling user guide, "Detach or attach instances").
pub fn attach(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let ids = params.list("InstanceIds");
    world.change(|state| {
        for id in &ids {
            attachable(state, id)?;
        }
        let group = group(state, name)?;
        let desired = group.desired as usize + ids.len();
        if desired > group.max as usize {
            return Err(ApiError::validation(format!(
                "AutoScalingGroup {name} has desired-size={}, max-size={}. Attaching {} instances would exceed the \
                 group's max-size.",
                group.desired,
                group.max,
                ids.len()
            )));
        }
        group.desired = desired as u32;
        for id in &ids {
            attach_one(state, name, id);
            world.site.timeline.note("lifecycle", id, format!("attached to {name}"));
        }
        Ok(json!({}))
    })
}

fn attachable(state: &State, id: &str) -> Result<(), ApiError> {
    let running = state.instances.get(id).is_some_and(|one| one.state == InstanceState::Running);
    if !running {
        return Err(ApiError::validation(format!(
            "Invalid Instance ID(s): {id}. The instance is not running."
        )));
    }
    let taken = state.groups.values().find(|group| group.members.contains_key(id));
    taken.map_or(Ok(()), |group| {
        Err(ApiError::validation(format!("Instance {id} is already part of AutoScalingGroup:{}", group.name)))
    })
}

fn attach_one(state: &mut State, name: &str, id: &str) {
    let Some(record) = state.instances.get_mut(id) else { return };
    record.tags.insert("aws:autoscaling:groupName".to_owned(), name.to_owned());
    let zone = record.zone.clone();
    let Some(group) = state.groups.get_mut(name) else { return };
    let member = Member {
        instance: id.to_owned(),
        zone,
        lifecycle: Lifecycle::PendingProceed,
        healthy: true,
        protected: group.protect_new,
        weight: None,
        route: Route::Launched,
        template: None,
        joined: Instant::now(),
        in_service: None,
        actions: Vec::new(),
        activity: None,
    };
    group.members.insert(id.to_owned(), member);
}

/// EnterStandby; no hook fires.
pub fn enter_standby(world: &World, params: &Params) -> Result<Value, ApiError> {
    let decrement = params.flag("ShouldDecrementDesiredCapacity")?.unwrap_or(false);
    in_service_only(world, params)?;
    if decrement {
        lower(world, params, params.list("InstanceIds").len() as u32, "Moving the instances to standby")?;
    }
    each(world, params, |group, instance| move_to(group, instance, Lifecycle::EnteringStandby))
}

/// ExitStandby: the instances are in service again, and the desired capacity grows by their number.
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
