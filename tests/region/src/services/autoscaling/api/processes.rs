//! Suspends and resumes the processes of a group (Auto Scaling user guide, "Suspend and resume processes").

use std::time::SystemTime;

use serde_json::{Value, json};

use super::lookup::group;
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// The processes that the API knows. The region has only Launch, Terminate, HealthCheck, ReplaceUnhealthy and
/// InstanceRefresh.
const PROCESSES: [&str; 9] = [
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
];

/// SuspendProcesses; without a list, all processes.
pub fn suspend(world: &World, params: &Params) -> Result<Value, ApiError> {
    let names = named(params)?;
    change(world, params, |suspended| {
        for name in &names {
            suspended.entry(name.clone()).or_insert_with(SystemTime::now);
        }
    })
}

/// ResumeProcesses; without a list, all processes.
pub fn resume(world: &World, params: &Params) -> Result<Value, ApiError> {
    let names = named(params)?;
    change(world, params, |suspended| suspended.retain(|name, _| !names.contains(name)))
}

fn change(
    world: &World,
    params: &Params,
    change: impl Fn(&mut std::collections::BTreeMap<String, SystemTime>),
) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    world.change(|state| {
        let group = group(state, name)?;
        change(&mut group.suspended);
        let names: Vec<_> = group.suspended.keys().cloned().collect();
        world.site.timeline.note("group", name, format!("suspended processes: {}", names.join(", ")));
        Ok(json!({}))
    })
}

fn named(params: &Params) -> Result<Vec<String>, ApiError> {
    let names = params.list("ScalingProcesses");
    if let Some(unknown) = names.iter().find(|name| !PROCESSES.contains(&name.as_str())) {
        return Err(ApiError::validation(format!("{unknown} is not a valid Process Type")));
    }
    Ok(if names.is_empty() { PROCESSES.map(str::to_owned).to_vec() } else { names })
}
