//! The calls of the Auto Scaling API.

mod describe;
mod groups;
mod hooks;
mod instances;
mod lookup;
mod processes;
mod refresh;
mod settings;
mod tags;
mod warm_pool;

use serde_json::Value;

use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// The API's version.
const VERSION: &str = "2011-01-01";

/// Performs one call.
///
/// # Errors
/// Auto Scaling's errors.
pub fn call(world: &World, action: &str, params: &Params) -> Result<Value, ApiError> {
    match action {
        "CreateAutoScalingGroup" => groups::create(world, params),
        "UpdateAutoScalingGroup" => groups::update(world, params),
        "DeleteAutoScalingGroup" => groups::delete(world, params),
        "SetDesiredCapacity" => groups::set_desired(world, params),
        "TerminateInstanceInAutoScalingGroup" => instances::terminate(world, params),
        "SetInstanceHealth" => instances::set_health(world, params),
        "SetInstanceProtection" => instances::set_protection(world, params),
        "AttachInstances" => instances::attach(world, params),
        "SuspendProcesses" => processes::suspend(world, params),
        "ResumeProcesses" => processes::resume(world, params),
        "StartInstanceRefresh" => refresh::start(world, params),
        "CancelInstanceRefresh" => refresh::cancel(world, params),
        "DescribeInstanceRefreshes" => refresh::describe(world, params),
        "PutWarmPool" => warm_pool::put(world, params),
        "DeleteWarmPool" => warm_pool::delete(world, params),
        "DescribeWarmPool" => warm_pool::describe(world, params),
        "DetachInstances" => instances::detach(world, params),
        "EnterStandby" => instances::enter_standby(world, params),
        "ExitStandby" => instances::exit_standby(world, params),
        "PutLifecycleHook" => hooks::put(world, params),
        "DeleteLifecycleHook" => hooks::delete(world, params),
        "DescribeLifecycleHooks" => hooks::describe(world, params),
        "CompleteLifecycleAction" => hooks::complete(world, params),
        "RecordLifecycleActionHeartbeat" => hooks::heartbeat(world, params),
        "CreateOrUpdateTags" => tags::create(world, params),
        "DeleteTags" => tags::delete(world, params),
        "DescribeTags" => tags::describe(world, params),
        "DescribeAutoScalingGroups" => describe::groups(world, params),
        "DescribeAutoScalingInstances" => describe::instances(world, params),
        "DescribeScalingActivities" => describe::activities(world, params),
        _ => Err(ApiError::invalid_action(action, VERSION)),
    }
}
