//! Groups and instances as the API and the region's own page show them.

use std::time::{Instant, SystemTime};

use serde_json::{Map, Value, json};

use crate::model::group::{Group, Member};
use crate::model::hook::{Action, Hook};
use crate::model::instance::Instance;
use crate::model::refresh::{Refresh, Strategy};
use crate::model::site::ACCOUNT;
use crate::model::time::{timestamp, timestamp_seconds};
use crate::model::world::State;

/// A group as DescribeAutoScalingGroups shows it.
pub fn group(group: &Group) -> Value {
    let mut shown = Map::new();
    shown.extend(group.shown.iter().map(|(name, value)| (name.clone(), value.clone())));
    let zones: Vec<_> = group.zones.iter().map(|zone| zone.name.clone()).collect();
    let subnets: Vec<_> = group.zones.iter().map(|zone| zone.subnet.clone()).collect();
    let own = json!({
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "MinSize": group.min,
        "MaxSize": group.max,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": group.default_cooldown,
        "AvailabilityZones": zones,
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "HealthCheckType": group.health_check_type,
        "HealthCheckGracePeriod": group.health_check_grace,
        "Instances": in_group(group).map(|one| member(group, one)).collect::<Vec<_>>(),
        "CreatedTime": timestamp(group.created),
        "SuspendedProcesses": suspended(group),
        "WarmPoolConfiguration": warm_pool(group),
        "WarmPoolSize": group.warm.is_some().then(|| group.in_warm_pool()),
        "VPCZoneIdentifier": subnets.join(","),
        "EnabledMetrics": [],
        "Status": group.deleting.then_some("Delete in progress"),
        "Tags": tags(group),
        "TerminationPolicies": group.termination_policies,
        "NewInstancesProtectedFromScaleIn": group.protect_new,
        "ServiceLinkedRoleARN": format!("arn:aws:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", ACCOUNT),
        "TrafficSources": [],
    });
    if let Value::Object(own) = own {
        shown.extend(own);
    }
    shown.into()
}

/// The instances of the group without those of its warm pool, which only DescribeWarmPool and
/// DescribeAutoScalingInstances show.
fn in_group(group: &Group) -> impl Iterator<Item = &Member> {
    group.members.values().filter(|one| !one.lifecycle.is_warm())
}

fn suspended(group: &Group) -> Vec<Value> {
    let reason = |since: &SystemTime| format!("User suspended at {}", timestamp_seconds(*since));
    let show = |(name, since)| json!({"ProcessName": name, "SuspensionReason": reason(since)});
    group.suspended.iter().map(show).collect()
}

/// A group's warm pool as DescribeWarmPool and DescribeAutoScalingGroups show it.
pub fn warm_pool(group: &Group) -> Option<Value> {
    group.warm.as_ref().map(|pool| {
        json!({
            "MaxGroupPreparedCapacity": pool.prepared,
            "MinSize": pool.min,
            "PoolState": if pool.stopped { "Stopped" } else { "Running" },
            "InstanceReusePolicy": pool.reuses.then(|| json!({"ReuseOnScaleIn": true})),
            "Status": pool.deleting.then_some("PendingDelete"),
        })
    })
}

/// The tags of a group as every call shows them.
pub fn tags(group: &Group) -> Vec<Value> {
    group
        .tags
        .iter()
        .map(|(key, tag)| {
            json!({
                "ResourceId": group.name,
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": tag.value,
                "PropagateAtLaunch": tag.propagate,
            })
        })
        .collect()
}

/// An instance as its group shows it.
pub fn member(group: &Group, member: &Member) -> Value {
    json!({
        "InstanceId": member.instance,
        "InstanceType": "t4g.small",
        "AvailabilityZone": member.zone.name,
        "LifecycleState": member.lifecycle.to_string(),
        "HealthStatus": if member.healthy { "Healthy" } else { "Unhealthy" },
        "LaunchTemplate": member.template,
        "LaunchConfigurationName": group.shown.get("LaunchConfigurationName"),
        "ProtectedFromScaleIn": member.protected,
        "WeightedCapacity": member.weight.map(|weight| weight.to_string()),
    })
}

/// An instance as DescribeAutoScalingInstances shows it.
pub fn instance(group: &Group, one: &Member) -> Value {
    let mut shown = member(group, one);
    shown["AutoScalingGroupName"] = group.name.clone().into();
    shown["HealthStatus"] = if one.healthy { "HEALTHY".into() } else { "UNHEALTHY".into() };
    shown
}

/// A hook as DescribeLifecycleHooks shows it.
pub fn hook(group: &str, hook: &Hook) -> Value {
    json!({
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group,
        "LifecycleTransition": hook.transition.to_string(),
        "NotificationTargetARN": hook.target,
        "RoleARN": hook.role,
        "NotificationMetadata": hook.metadata,
        "HeartbeatTimeout": hook.heartbeat,
        "GlobalTimeout": (hook.heartbeat.saturating_mul(100)).min(172_800),
        "DefaultResult": hook.default.to_string(),
    })
}

/// A refresh as DescribeInstanceRefreshes shows it.
pub fn refresh(group: &Group, refresh: &Refresh) -> Value {
    let left = refresh.to_replace.len();
    let replaced =
        group.members.values().filter(|one| one.in_service.is_some_and(|at| at >= refresh.began)).count();
    let share = |done: usize| (done.min(refresh.total) * 100).checked_div(refresh.total).unwrap_or(100);
    json!({
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": group.name,
        "Status": refresh.status,
        "StatusReason": refresh.reason,
        "StartTime": timestamp(refresh.started),
        "EndTime": refresh.ended.map(timestamp),
        "PercentageComplete": if refresh.status == "Successful" { 100 } else { share(replaced) },
        "InstancesToUpdate": left,
        "Preferences": refresh.preferences,
        "DesiredConfiguration": refresh.template.as_ref().map(|template| json!({"LaunchTemplate": template})),
        "Strategy": match refresh.strategy {
            Strategy::Rolling => "Rolling",
            Strategy::ReplaceRootVolume => "ReplaceRootVolume",
        },
    })
}

/// Groups and instances for the region's own page.
pub fn state(state: &State) -> Value {
    let groups: Map<_, _> = state
        .groups
        .values()
        .map(|group| {
            let shown = json!({
                "arn": group.arn, "min": group.min, "max": group.max, "desired": group.desired,
                "deleting": group.deleting, "failedLaunches": group.backoff.failures,
                "tags": group.tags.iter().map(|(key, tag)| (key.clone(), Value::from(tag.value.clone()))).collect::<Map<_, _>>(),
                "hooks": group.hooks.values().map(|one| hook(&group.name, one)).collect::<Vec<_>>(),
            });
            (group.name.clone(), shown)
        })
        .collect();
    let instances: Map<_, _> =
        state.instances.values().map(|one| (one.id.clone(), instance_state(state, one))).collect();
    json!({"groups": groups, "instances": instances})
}

fn instance_state(state: &State, instance: &Instance) -> Value {
    let member = state.groups.values().find_map(|group| Some((group, group.members.get(&instance.id)?)));
    json!({
        "group": instance.tags.get("aws:autoscaling:groupName"),
        "ec2": instance.state.to_string(),
        "address": instance.address,
        "launched": timestamp(instance.launched),
        "lifecycle": member.map(|(_, member)| member.lifecycle.to_string()),
        "health": member.map(|(_, member)| if member.healthy { "Healthy" } else { "Unhealthy" }),
        "waits": member.map(|(_, member)| member.actions.iter().map(wait).collect::<Vec<_>>()).unwrap_or_default(),
    })
}

fn wait(action: &Action) -> Value {
    let now = Instant::now();
    let left = action.deadline().saturating_duration_since(now);
    json!({
        "hook": action.hook.name,
        "token": action.token,
        "result": action.result.map(|(outcome, _)| outcome.to_string()),
        "deadline": timestamp(SystemTime::now() + left),
        "secondsLeft": left.as_secs_f64(),
    })
}
