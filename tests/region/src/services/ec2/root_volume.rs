//! Root-volume replacement: the instance keeps its ID and address, loses its disk and boots again (EC2 user
//! guide, "Replace the root volume for an Amazon EC2 instance without stopping it").
//!
//! EC2's documents do not say that Auto Scaling notices a replacement that somebody asks EC2 for: here the
//! instance stays `InService` throughout. The states `ReplacingRootVolume…` belong to an instance refresh
//! with the strategy `ReplaceRootVolume`.

use serde_json::{Value, json};

use super::filter::Filter;
use super::lookup::{check_ids, page};
use crate::model::instance::{InstanceState, RootVolumeTask};
use crate::model::time::timestamp_seconds;
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// CreateReplaceRootVolumeTask. The region ignores a snapshot or image that the call names.
pub fn create(world: &World, params: &Params) -> Result<Value, ApiError> {
    let id = params.required("InstanceId")?;
    world.change(|state| {
        check_ids(state, &[id.to_owned()])?;
        let now = state.instances.get(id).map(|one| one.state);
        if now != Some(InstanceState::Running) {
            return Err(ApiError::bad_request(
                "IncorrectInstanceState",
                format!("The instance '{id}' is not in the 'running' state."),
            ));
        }
        state.replace_root_volume(&world.site, id, false);
        Ok(json!({"replaceRootVolumeTask": state.root_volume_tasks.last().map(show)}))
    })
}

/// DescribeReplaceRootVolumeTasks, with the filter `instance-id`.
pub fn describe(world: &World, params: &Params) -> Result<Value, ApiError> {
    let ids = params.list("ReplaceRootVolumeTaskId");
    let mut instances = None;
    for filter in params.elements("Filter") {
        match filter.required("Name")? {
            "instance-id" => instances = Some(filter.list("Value")),
            other => return Err(Filter::invalid(other)),
        }
    }
    let found: Vec<Value> = world.look(|state| {
        let tasks = state.root_volume_tasks.iter();
        tasks
            .filter(|task| ids.is_empty() || ids.contains(&task.id))
            .filter(|task| instances.as_ref().is_none_or(|wanted| wanted.contains(&task.instance)))
            .map(show)
            .collect()
    });
    let (shown, next) = page(found, params)?;
    Ok(json!({"replaceRootVolumeTaskSet": shown, "nextToken": next}))
}

fn show(task: &RootVolumeTask) -> Value {
    json!({
        "replaceRootVolumeTaskId": task.id,
        "instanceId": task.instance,
        "taskState": if task.succeeded.is_some() { "succeeded" } else { "in-progress" },
        "startTime": timestamp_seconds(task.started),
        "completeTime": task.succeeded.map(timestamp_seconds),
        "tagSet": [],
    })
}
