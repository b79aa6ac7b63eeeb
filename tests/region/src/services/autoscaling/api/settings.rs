//! Reads a group's settings from a call.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::group::{Group, Tag, Zone};
use crate::model::hook::{Hook, Outcome, Transition};
use crate::model::maintenance::Maintenance;
use crate::model::site::{REGION, Site};
use crate::model::template::{self, Templates};
use crate::wire::{ApiError, Params};

/// Settings that are stored only to be shown again.
const SHOWN: [&str; 11] = [
    "LaunchConfigurationName",
    "LaunchTemplate",
    "MixedInstancesPolicy",
    "PlacementGroup",
    "MaxInstanceLifetime",
    "CapacityRebalance",
    "DefaultInstanceWarmup",
    "DesiredCapacityType",
    "InstanceMaintenancePolicy",
    "AvailabilityZoneDistribution",
    "InstanceLifecyclePolicy",
];

/// Applies the settings that a create or an update names.
pub fn apply(group: &mut Group, params: &Params) -> Result<(), ApiError> {
    group.min = params.number("MinSize")?.unwrap_or(group.min);
    group.max = params.number("MaxSize")?.unwrap_or(group.max);
    group.desired = params.number("DesiredCapacity")?.unwrap_or(group.desired);
    group.default_cooldown = params.number("DefaultCooldown")?.unwrap_or(group.default_cooldown);
    group.health_check_grace = params.number("HealthCheckGracePeriod")?.unwrap_or(group.health_check_grace);
    group.protect_new = params.flag("NewInstancesProtectedFromScaleIn")?.unwrap_or(group.protect_new);
    if let Some(kind) = params.text("HealthCheckType") {
        group.health_check_type = kind.to_owned();
    }
    let policies = params.list("TerminationPolicies");
    if !policies.is_empty() {
        group.termination_policies = policies;
    }
    let zones = zones(params);
    if !zones.is_empty() {
        group.zones = zones;
    }
    for name in SHOWN {
        let value = match params.text(name) {
            Some(text) => Value::from(text),
            None => params.below(name).to_json(),
        };
        if value.as_object().is_none_or(|fields| !fields.is_empty()) {
            group.shown.insert(name.to_owned(), value);
        }
    }
    group.maintenance = match group.shown.get("InstanceMaintenancePolicy") {
        Some(_) if params.below("InstanceMaintenancePolicy").text("MinHealthyPercentage") == Some("-1") => {
            group.shown.remove("InstanceMaintenancePolicy");
            None
        }
        Some(_) => maintenance(&params.below("InstanceMaintenancePolicy"))?.or(group.maintenance),
        None => None,
    };
    let policy = group.shown.get("InstanceLifecyclePolicy");
    group.retain_on_abandon = policy
        .and_then(|policy| policy.pointer("/RetentionTriggers/TerminateHookAbandon"))
        .is_some_and(|trigger| trigger == "retain");
    check_sizes(group)
}

/// The percentages of a maintenance policy or of a refresh's preferences; `None` where the call names
/// neither.
///
/// # Errors
/// Where a value is out of its range, only the maximum is named, or the two are more than 100 apart (API
/// reference, InstanceMaintenancePolicy and RefreshPreferences).
pub fn maintenance(params: &Params) -> Result<Option<Maintenance>, ApiError> {
    let (min, max) = (params.number("MinHealthyPercentage")?, params.number("MaxHealthyPercentage")?);
    let policy = match (min, max) {
        (None, None) => return Ok(None),
        (Some(min), max) => Maintenance { min, max: max.unwrap_or(100) },
        (None, Some(_)) => {
            return Err(ApiError::validation(
                "You must specify MinHealthyPercentage when you specify MaxHealthyPercentage.",
            ));
        }
    };
    if policy.min > 100 || !(100..=200).contains(&policy.max) || policy.max - policy.min > 100 {
        return Err(ApiError::validation(
            "MinHealthyPercentage must be from 0 to 100, MaxHealthyPercentage from 100 to 200, and the difference \
             between them cannot be greater than 100.",
        ));
    }
    Ok(Some(policy))
}

/// Whether a call names a launch template, a launch configuration or a mixed instances policy.
pub fn names_a_template(params: &Params) -> bool {
    let named = |name: &&str| params.text(name).is_some() || !params.below(name).is_empty();
    ["LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy"].iter().any(named)
}

/// The launch template that a create or an update names, as the group shows it.
pub fn template(templates: &Templates, params: &Params) -> Result<Option<(String, Value)>, ApiError> {
    let wanted = params.below("LaunchTemplate");
    if wanted.is_empty() {
        return Ok(None);
    }
    Ok(Some(("LaunchTemplate".to_owned(), template::completed(templates, &wanted.to_json())?)))
}

fn check_sizes(group: &Group) -> Result<(), ApiError> {
    let Group { min, max, desired, .. } = group;
    if min > max {
        return Err(ApiError::validation(format!(
            "Max bound, {max}, must be greater than or equal to min bound, {min}"
        )));
    }
    if !(min..=max).contains(&desired) {
        return Err(ApiError::validation(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
        )));
    }
    Ok(())
}

fn zones(params: &Params) -> Vec<Zone> {
    let named = params.list("AvailabilityZones");
    let subnets: Vec<_> = params
        .text("VPCZoneIdentifier")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .collect();
    let zone = |index: usize| {
        named
            .get(index)
            .cloned()
            .unwrap_or_else(|| format!("{REGION}{}", char::from(b'a' + (index % 3) as u8)))
    };
    if subnets.is_empty() {
        return named
            .iter()
            .map(|name| Zone { name: name.clone(), subnet: format!("subnet-default-{name}") })
            .collect();
    }
    let zone_of = |(index, subnet): (usize, &&str)| Zone { name: zone(index), subnet: (*subnet).to_owned() };
    subnets.iter().enumerate().map(zone_of).collect()
}

/// The tags of a call.
pub fn tags(params: &Params) -> Result<BTreeMap<String, Tag>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in params.elements("Tags") {
        let key = tag.required("Key")?.to_owned();
        if key.starts_with("aws:") {
            return Err(ApiError::validation("Tag keys cannot start with the reserved prefix 'aws:'"));
        }
        let value = tag.text("Value").unwrap_or_default().to_owned();
        let propagate = tag.flag("PropagateAtLaunch")?.unwrap_or(true);
        tags.insert(key, Tag { value, propagate });
    }
    Ok(tags)
}

/// A hook from a call; settings that the call does not name come from the present hook of that name.
pub fn hook(site: &Site, params: &Params, present: Option<&Hook>) -> Result<Hook, ApiError> {
    let name = params.required("LifecycleHookName")?.to_owned();
    let transition = match params.text("LifecycleTransition") {
        Some("autoscaling:EC2_INSTANCE_LAUNCHING") => Some(Transition::Launching),
        Some("autoscaling:EC2_INSTANCE_TERMINATING") => Some(Transition::Terminating),
        None => present.map(|hook| hook.transition),
        Some(_) => None,
    };
    let transition = transition.ok_or_else(|| {
        ApiError::validation(
            "Lifecycle transition must be one of autoscaling:EC2_INSTANCE_LAUNCHING, autoscaling:EC2_INSTANCE_TERMINATING",
        )
    })?;
    let default_heartbeat = present.map_or(site.options.default_heartbeat, |hook| hook.heartbeat);
    let heartbeat = params.number("HeartbeatTimeout")?.unwrap_or(default_heartbeat);
    if !(30..=7_200).contains(&heartbeat) {
        return Err(ApiError::validation("HeartbeatTimeout must be between 30 and 7200 seconds"));
    }
    let default = match params.text("DefaultResult") {
        Some(text) => outcome(text)?,
        None => present.map_or(Outcome::Abandon, |hook| hook.default),
    };
    let or_present = |name: &str, field: fn(&Hook) -> &Option<String>| {
        params.text(name).map(str::to_owned).or_else(|| present.and_then(|hook| field(hook).clone()))
    };
    let metadata = or_present("NotificationMetadata", |hook| &hook.metadata);
    if metadata.as_ref().is_some_and(|metadata| metadata.chars().count() > 4_000) {
        return Err(ApiError::validation(
            "1 validation error detected: Value at 'notificationMetadata' failed to satisfy constraint: Member must \
             have length less than or equal to 4000",
        ));
    }
    let target = or_present("NotificationTargetARN", |hook| &hook.target);
    let role = or_present("RoleARN", |hook| &hook.role);
    Ok(Hook { name, transition, heartbeat, default, metadata, target, role })
}

/// The outcome that a call names: CONTINUE or ABANDON.
pub fn outcome(text: &str) -> Result<Outcome, ApiError> {
    match text {
        "CONTINUE" => Ok(Outcome::Continue),
        "ABANDON" => Ok(Outcome::Abandon),
        other => Err(ApiError::validation(format!(
            "Lifecycle action result must be one of CONTINUE, ABANDON, not {other}"
        ))),
    }
}
