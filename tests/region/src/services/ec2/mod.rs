//! EC2: instances, their states and their end, and launch templates.

mod filter;
mod lookup;
mod root_volume;
mod templates;

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::model::instance::{Instance, InstanceState};
use crate::model::site::{ACCOUNT, VPC};
use crate::model::time::timestamp_seconds;
use crate::model::world::{State, World};
use crate::wire::{ApiError, Params};
use filter::Filter;
use lookup::{check_ids, page};

const VERSION: &str = "2016-11-15";

/// The reason that EC2 shows for the end of an instance that TerminateInstances named.
const ENDED_BY_USER: (&str, &str) =
    ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown");

/// Performs one call.
///
/// # Errors
/// EC2's errors.
pub fn call(world: &World, action: &str, params: &Params) -> Result<Value, ApiError> {
    match action {
        "DescribeInstances" => describe(world, params),
        "TerminateInstances" => terminate(world, params),
        "StopInstances" => stop_or_start(world, params, InstanceState::Running),
        "StartInstances" => stop_or_start(world, params, InstanceState::Stopped),
        "CreateReplaceRootVolumeTask" => root_volume::create(world, params),
        "DescribeReplaceRootVolumeTasks" => root_volume::describe(world, params),
        "DescribeTags" => describe_tags(world, params),
        "CreateLaunchTemplate" => templates::create(world, params),
        "CreateLaunchTemplateVersion" => templates::create_version(world, params),
        "ModifyLaunchTemplate" => templates::modify(world, params),
        "DescribeLaunchTemplates" => templates::describe(world, params),
        "DescribeLaunchTemplateVersions" => templates::describe_versions(world, params),
        _ => Err(ApiError {
            message: format!("The action {action} is not valid for this web service."),
            ..ApiError::invalid_action(action, VERSION)
        }),
    }
}

fn describe(world: &World, params: &Params) -> Result<Value, ApiError> {
    let ids = params.list("InstanceId");
    if !ids.is_empty() && params.text("MaxResults").is_some() {
        return Err(ApiError::bad_request(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let filters = params.elements("Filter").iter().map(Filter::of).collect::<Result<Vec<_>, _>>()?;
    let found: Vec<Value> = world.look(|state| {
        check_ids(state, &ids)?;
        let named = state.instances.values().filter(|one| ids.is_empty() || ids.contains(&one.id));
        Ok(named.filter(|one| filters.iter().all(|filter| filter.admits(one))).map(reservation).collect())
    })?;
    let (shown, next) = page(found, params)?;
    Ok(json!({"reservationSet": shown, "nextToken": next}))
}

fn terminate(world: &World, params: &Params) -> Result<Value, ApiError> {
    let ids = params.list("InstanceId");
    if ids.is_empty() {
        return Err(ApiError::bad_request(
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ));
    }
    world.change(|state| {
        check_ids(state, &ids)?;
        let changed: Vec<_> = ids
            .iter()
            .map(|id| {
                let before = state.instances.get(id).map(|one| shown_state(one.state));
                if state.shut_down(id, ENDED_BY_USER) {
                    world.site.timeline.note("ec2", id, "terminated through EC2");
                }
                let now = state.instances.get(id).map(|one| shown_state(one.state));
                json!({"instanceId": id, "currentState": now, "previousState": before})
            })
            .collect();
        Ok(json!({"instancesSet": changed}))
    })
}

/// StopInstances and StartInstances: instances in the state that the call changes are changed. A call for an instance
/// that is there already succeeds and changes nothing; any other state is refused (EC2 API reference, StopInstances,
/// StartInstances, error code IncorrectInstanceState).
fn stop_or_start(world: &World, params: &Params, from: InstanceState) -> Result<Value, ApiError> {
    let ids = params.list("InstanceId");
    if ids.is_empty() {
        return Err(ApiError::bad_request(
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ));
    }
    use InstanceState as S;
    let stops = from == S::Running;
    let done = if stops { [S::Stopping, S::Stopped] } else { [S::Pending, S::Running] };
    world.change(|state| {
        check_ids(state, &ids)?;
        let of = |state: &State, id: &String| state.instances.get(id).map(|one| one.state);
        for id in &ids {
            if of(state, id).is_none_or(|now| now != from && !done.contains(&now)) {
                return Err(ApiError::bad_request(
                    "IncorrectInstanceState",
                    format!("The instance '{id}' is not in a state from which it can be started or stopped."),
                ));
            }
        }
        let mut changed = Vec::new();
        for id in &ids {
            let before = of(state, id).map(shown_state);
            match of(state, id) == Some(from) {
                true if stops => state.stop(id),
                true => state.start(id),
                false => {}
            }
            let now = of(state, id).map(shown_state);
            changed.push(json!({"instanceId": id, "currentState": now, "previousState": before}));
        }
        Ok(json!({"instancesSet": changed}))
    })
}

fn describe_tags(world: &World, params: &Params) -> Result<Value, ApiError> {
    let filters = params.elements("Filter").iter().map(Filter::of_tags).collect::<Result<Vec<_>, _>>()?;
    let found = world.look(|state| {
        let kept = state.instances.values().filter(|one| filters.iter().all(|filter| filter.admits(one)));
        kept.flat_map(|one| {
            one.tags.iter().map(|(key, value)| {
                json!({"resourceId": one.id, "resourceType": "instance", "key": key, "value": value})
            })
        })
        .collect()
    });
    let (shown, next) = page(found, params)?;
    Ok(json!({"tagSet": shown, "nextToken": next}))
}

fn shown_state(state: InstanceState) -> Value {
    json!({"code": state.code(), "name": state.to_string()})
}

/// An instance in its own reservation, as Auto Scaling launches instances.
fn reservation(instance: &Instance) -> Value {
    let digits = instance.id.trim_start_matches("i-");
    json!({
        "reservationId": format!("r-{digits}"),
        "ownerId": ACCOUNT,
        "groupSet": [],
        "instancesSet": [shown(instance)],
    })
}

fn shown(instance: &Instance) -> Value {
    // A terminated instance no longer has a network interface.
    let gone = instance.state == InstanceState::Terminated;
    let network = |value: String| (!gone).then_some(value);
    let reason = instance.reason.map(|(code, message)| json!({"code": code, "message": message}));
    let tags: Vec<_> = instance.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({
        "instanceId": instance.id,
        "imageId": instance.image,
        "instanceState": shown_state(instance.state),
        "privateDnsName": network(format!("ip-{}.us-west-2.compute.internal", instance.address.to_string().replace('.', "-"))),
        "privateIpAddress": network(instance.address.to_string()),
        "reason": instance.reason.map(|(_, message)| format!("{message} ({})", timestamp_seconds(SystemTime::now()))),
        "stateReason": reason,
        "amiLaunchIndex": 0,
        "instanceType": "t4g.small",
        "architecture": "arm64",
        // EC2 keeps whole seconds, so instances launched together often have the same time.
        "launchTime": timestamp_seconds(instance.launched).replace('Z', ".000Z"),
        "placement": {"availabilityZone": instance.zone.name, "groupName": "", "tenancy": "default"},
        "vpcId": network(VPC.to_owned()),
        "subnetId": network(instance.zone.subnet.clone()),
        "rootDeviceType": "ebs",
        "rootDeviceName": "/dev/xvda",
        "virtualizationType": "hvm",
        "tagSet": tags,
    })
}
