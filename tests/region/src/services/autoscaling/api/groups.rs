//! Creating, changing and deleting groups.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::lookup::group;
use super::settings;
use crate::model::group::{Backoff, Group, Zone};
use crate::model::lifecycle::Lifecycle;
use crate::model::site::{ACCOUNT, REGION};
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// CreateAutoScalingGroup.
pub fn create(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let min = params.required("MinSize").and(params.number("MinSize"))?.unwrap_or_default();
    params.required("MaxSize")?;
    let launches = ["LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName", "InstanceId"];
    if launches.iter().all(|name| params.text(name).is_none() && params.below(name).is_empty()) {
        return Err(ApiError::validation(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or \
             MixedInstancesPolicy parameter.",
        ));
    }
    if params.text("VPCZoneIdentifier").is_none() && params.list("AvailabilityZones").is_empty() {
        return Err(ApiError::validation("At least one Availability Zone or VPC Subnet is required."));
    }
    let mut group = empty(world, name, min);
    settings::apply(&mut group, params)?;
    group.tags = settings::tags(params)?;
    for specification in params.elements("LifecycleHookSpecificationList") {
        let hook = settings::hook(&world.site, &specification, None)?;
        group.hooks.insert(hook.name.clone(), hook);
    }
    world.change(|state| {
        if state.groups.contains_key(name) {
            let message = format!(
                "AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            );
            return Err(ApiError::bad_request("AlreadyExists", message));
        }
        group.shown.extend(settings::template(&state.templates, params)?);
        let text = format!("created: {} of {} to {}", group.desired, group.min, group.max);
        world.site.timeline.note("group", name, text);
        state.groups.insert(name.to_owned(), group);
        Ok(json!({}))
    })
}

fn empty(world: &World, name: &str, min: u32) -> Group {
    let id = world.site.uuid();
    let zones = ["a", "b", "c"].map(|zone| Zone { name: format!("{REGION}{zone}"), subnet: String::new() });
    Group {
        name: name.to_owned(),
        arn: format!(
            "arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:{id}:autoScalingGroupName/{name}"
        ),
        created: SystemTime::now(),
        min,
        max: min,
        desired: min,
        default_cooldown: 300,
        health_check_type: "EC2".to_owned(),
        health_check_grace: 0,
        zones: zones.to_vec(),
        protect_new: false,
        termination_policies: vec!["Default".to_owned()],
        shown: BTreeMap::new(),
        retain_on_abandon: false,
        maintenance: None,
        suspended: BTreeMap::new(),
        refreshes: Vec::new(),
        warm: None,
        tags: BTreeMap::new(),
        hooks: BTreeMap::new(),
        members: BTreeMap::new(),
        deleting: false,
        backoff: Backoff::default(),
    }
}

/// UpdateAutoScalingGroup. As at AWS, a new minimum or maximum moves the desired capacity where the call
/// names none.
pub fn update(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let (min, max) = (params.number::<u32>("MinSize")?, params.number::<u32>("MaxSize")?);
    world.change(|state| {
        let template = settings::template(&state.templates, params)?;
        let group = group(state, name)?;
        let refresh = group.refreshes.last().filter(|refresh| refresh.is_active());
        if refresh.is_some_and(|refresh| refresh.template.is_some()) && settings::names_a_template(params) {
            return Err(ApiError::validation(
                "An active instance refresh with a desired configuration exists. All configuration options derived \
                 from the desired configuration are not available for update while the instance refresh is active.",
            ));
        }
        let before = (group.min, group.max, group.desired);
        if params.text("DesiredCapacity").is_none() {
            group.desired = group.desired.max(min.unwrap_or(0)).min(max.unwrap_or(u32::MAX));
        }
        let applied = settings::apply(group, params);
        if applied.is_err() {
            (group.min, group.max, group.desired) = before;
        }
        applied?;
        group.shown.extend(template);
        let text = format!("updated: {} of {} to {}", group.desired, group.min, group.max);
        world.site.timeline.note("group", name, text);
        Ok(json!({}))
    })
}

/// SetDesiredCapacity.
pub fn set_desired(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    params.required("DesiredCapacity")?;
    let desired = params.number::<u32>("DesiredCapacity")?.unwrap_or_default();
    world.change(|state| {
        let group = group(state, name)?;
        let refused = |than: &str, bound: u32| {
            Err(ApiError::validation(format!(
                "New SetDesiredCapacity value {desired} is {than} value {bound} for the AutoScalingGroup."
            )))
        };
        if desired > group.max {
            return refused("above max", group.max);
        }
        if desired < group.min {
            return refused("below min", group.min);
        }
        group.desired = desired;
        world.site.timeline.note("group", name, format!("desired capacity {desired}"));
        Ok(json!({}))
    })
}

/// DeleteAutoScalingGroup; with `ForceDelete` the instances end without their hooks.
pub fn delete(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let force = params.flag("ForceDelete")?.unwrap_or(false);
    world.change(|state| {
        let group = group(state, name)?;
        if !group.members.is_empty() && !force {
            return Err(ApiError::bad_request(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) \
                 still in the group.",
            ));
        }
        group.deleting = true;
        for member in group.members.values_mut() {
            member.actions.clear();
            let warm = member.lifecycle.is_warm();
            member.lifecycle =
                if warm { Lifecycle::WarmedTerminatingProceed } else { Lifecycle::TerminatingProceed };
        }
        if group.members.is_empty() {
            state.groups.remove(name);
        }
        world.site.timeline.note("group", name, if force { "is deleted by force" } else { "deleted" });
        Ok(json!({}))
    })
}
