//! Instance refreshes.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::super::show;
use super::lookup::{group, page};
use super::settings;
use crate::model::group::Group;
use crate::model::lifecycle::Lifecycle;
use crate::model::maintenance::Maintenance;
use crate::model::refresh::{Refresh, Strategy};
use crate::model::site::Site;
use crate::model::template;
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// The policy of a refresh where neither the call nor the group has one (API reference, RefreshPreferences).
const DEFAULT: Maintenance = Maintenance { min: 90, max: 100 };

/// StartInstanceRefresh. The region has no checkpoints, alarms, bake time and rollback, and refuses calls
/// that name them.
pub fn start(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let preferences = params.below("Preferences");
    for absent in ["CheckpointPercentages", "AlarmSpecification", "BakeTime", "AutoRollback"] {
        if preferences.text(absent).is_some_and(|text| !["false", "0"].contains(&text))
            || !preferences.below(absent).is_empty()
        {
            return Err(ApiError::validation(format!(
                "the local region has no {absent} in an instance refresh"
            )));
        }
    }
    world.change(|state| {
        let template = settings::template(&state.templates, &params.below("DesiredConfiguration"))?;
        let template = template.map(|(_, template)| template);
        let own = state.groups.get(name).and_then(Group::own_template);
        let new = template::launched(&state.templates, template.as_ref().or(own))?.template;
        let group = group(state, name)?;
        if group.refreshes.last().is_some_and(Refresh::is_active) {
            return Err(ApiError::bad_request(
                "InstanceRefreshInProgress",
                "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
            ));
        }
        let to_replace = outdated(group, new.as_ref(), &preferences)?;
        let refresh = Refresh { template, total: to_replace.len(), to_replace, ..read(&world.site, group, params, &preferences)? };
        let text = format!("{} instances to refresh", refresh.total);
        world.site.timeline.note("refresh", name, text);
        let id = refresh.id.clone();
        group.refreshes.push(refresh);
        Ok(json!({"InstanceRefreshId": id}))
    })
}

/// A refresh as the call describes it, still without instances.
fn read(site: &Site, group: &Group, params: &Params, preferences: &Params) -> Result<Refresh, ApiError> {
    let strategy = match params.text("Strategy") {
        None | Some("Rolling") => Strategy::Rolling,
        Some("ReplaceRootVolume") => Strategy::ReplaceRootVolume,
        Some(other) => return Err(ApiError::validation(format!("{other} is not a valid refresh strategy"))),
    };
    let wanted = params.below("DesiredConfiguration");
    if strategy == Strategy::ReplaceRootVolume {
        check_root_volumes(group, &wanted)?;
    }
    let default = group.maintenance.unwrap_or(DEFAULT);
    let maintenance = settings::maintenance(preferences)?.unwrap_or(default);
    let warmup = preferences.number("InstanceWarmup")?;
    let shown_warmup = group.shown.get("DefaultInstanceWarmup").and_then(|text| text.as_str()?.parse().ok());
    Ok(Refresh {
        id: site.uuid(),
        strategy,
        status: "Pending",
        maintenance,
        warmup: warmup.or(shown_warmup).unwrap_or(group.health_check_grace),
        template: None,
        preferences: preferences.to_json(),
        total: 0,
        to_replace: BTreeSet::new(),
        began: Instant::now(),
        started: SystemTime::now(),
        ended: None,
        reason: None,
    })
}

/// Checks the requirements of Auto Scaling user guide, "Replace root volumes during instance refresh".
fn check_root_volumes(group: &Group, wanted: &Params) -> Result<(), ApiError> {
    if wanted.below("MixedInstancesPolicy").is_empty() {
        return Err(ApiError::validation(
            "The ReplaceRootVolume strategy requires a desired configuration with a mixed instances policy.",
        ));
    }
    if group.warm.is_some() {
        return Err(ApiError::validation(
            "The ReplaceRootVolume strategy is not supported for a group that has a warm pool.",
        ));
    }
    Ok(())
}

/// The instances to refresh. Standby instances are included only where the preferences say `Wait`; protected
/// instances are excluded where they say `Ignore`. `Wait` has no time limit here; at AWS it ends after an
/// hour.
fn outdated(
    group: &Group,
    template: Option<&Value>,
    preferences: &Params,
) -> Result<BTreeSet<String>, ApiError> {
    let skip = preferences.flag("SkipMatching")?.unwrap_or(false);
    let waits = preferences.text("StandbyInstances") == Some("Wait");
    let ignores_protected = preferences.text("ScaleInProtectedInstances") == Some("Ignore");
    let concerned = group.members.values().filter(|one| {
        let there = one.lifecycle.counts() || (waits && one.lifecycle == Lifecycle::Standby);
        let matches = skip && one.template.as_ref() == template;
        there && !matches && !(one.protected && ignores_protected)
    });
    Ok(concerned.map(|one| one.instance.clone()).collect())
}

/// CancelInstanceRefresh: instances that were replaced stay replaced.
pub fn cancel(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    world.change(|state| {
        let group = group(state, name)?;
        let Some(refresh) = group.refreshes.last_mut().filter(|refresh| refresh.is_active()) else {
            return Err(ApiError::bad_request(
                "ActiveInstanceRefreshNotFound",
                format!("No in progress or pending Instance Refresh found for Auto Scaling group {name}"),
            ));
        };
        refresh.status = "Cancelling";
        Ok(json!({"InstanceRefreshId": refresh.id}))
    })
}

/// DescribeInstanceRefreshes, newest first.
pub fn describe(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let ids = params.list("InstanceRefreshIds");
    let found: Vec<Value> = world.change_quietly(|state| {
        let group = group(state, name)?;
        let newest_first = group.refreshes.iter().rev();
        let named = newest_first.filter(|one| ids.is_empty() || ids.contains(&one.id));
        Ok(named.map(|one| show::refresh(group, one)).collect())
    })?;
    let (shown, next) = page(found, params, 50, 100)?;
    Ok(json!({"InstanceRefreshes": shown, "NextToken": next}))
}
