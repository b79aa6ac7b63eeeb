//! Warm pools.

use serde_json::{Value, json};

use super::super::show;
use super::lookup::{group, page};
use crate::model::group::{Group, WarmPool};
use crate::model::lifecycle::Lifecycle;
use crate::model::refresh::Refresh;
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// PutWarmPool. The region refuses hibernation, which it does not have.
pub fn put(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let stopped = match params.text("PoolState") {
        None | Some("Stopped") => true,
        Some("Running") => false,
        Some(other) => {
            return Err(ApiError::validation(format!("the local region has no pool state {other}")));
        }
    };
    let reuses = params.below("InstanceReusePolicy").flag("ReuseOnScaleIn")?;
    let prepared = params.number::<i64>("MaxGroupPreparedCapacity")?;
    let min = params.number("MinSize")?;
    world.change(|state| {
        let group = group(state, name)?;
        if group.refreshes.last().is_some_and(Refresh::is_active) {
            return Err(ApiError::bad_request(
                "InstanceRefreshInProgress",
                "A warm pool cannot be changed while an instance refresh is in progress.",
            ));
        }
        let before = group.warm.as_ref();
        group.warm = Some(WarmPool {
            min: min.or(before.map(|pool| pool.min)).unwrap_or(0),
            prepared: match prepared {
                Some(capacity) => u32::try_from(capacity).ok(),
                None => before.and_then(|pool| pool.prepared),
            },
            stopped,
            reuses: reuses.or(before.map(|pool| pool.reuses)).unwrap_or(false),
            deleting: false,
        });
        world.site.timeline.note("group", name, "has a warm pool");
        Ok(json!({}))
    })
}

/// DeleteWarmPool; with `ForceDelete` its instances end without their hooks.
pub fn delete(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let force = params.flag("ForceDelete")?.unwrap_or(false);
    world.change(|state| {
        let group = group(state, name)?;
        let Some(pool) = group.warm.as_mut() else {
            return Err(ApiError::validation(format!("No warm pool found for Auto Scaling group {name}")));
        };
        pool.deleting = true;
        let warm = group.members.values_mut().filter(|member| member.lifecycle.is_warm());
        for member in warm.filter(|_| force) {
            member.actions.clear();
            member.lifecycle = Lifecycle::WarmedTerminatingProceed;
        }
        world.site.timeline.note("group", name, "its warm pool is deleted");
        Ok(json!({}))
    })
}

/// DescribeWarmPool.
pub fn describe(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("AutoScalingGroupName")?;
    let (configuration, instances) = world.change_quietly(|state| {
        let group: &Group = group(state, name)?;
        let warm = group.members.values().filter(|one| one.lifecycle.is_warm());
        Ok((show::warm_pool(group), warm.map(|one| show::member(group, one)).collect()))
    })?;
    let (instances, next): (Vec<Value>, _) = page(instances, params, 50, 50)?;
    Ok(json!({"WarmPoolConfiguration": configuration, "Instances": instances, "NextToken": next}))
}
