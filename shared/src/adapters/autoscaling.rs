//! EC2 Auto Scaling: groups, hooks, lifecycle actions, instance health.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::config::Config;
use aws_sdk_autoscaling::config::retry::RetryConfig;
use aws_sdk_autoscaling::types::{AutoScalingGroup, Filter, RetentionAction};
use membership::codes;
use membership::ids::InstanceId;
use membership::instance::Lifecycle;
use membership::invocation::Retry;
use membership::settings::tags::CLUSTER_TAG;
use thiserror::Error;

use super::hooks::{GroupHook, group_hook};
use super::{AwsFailure, Ended};
use crate::naming::NEAR_SPELLINGS;

/// Why a call to Auto Scaling failed.
#[derive(Debug, Error)]
pub enum AutoScalingError {
    /// There is no such action now. That does not prove that the action was completed: describe the group again.
    #[error("no lifecycle action of {instance} is active")]
    Gone {
        /// The EC2 instance ID.
        instance: InstanceId,
    },
    /// The call failed.
    #[error(transparent)]
    Call(#[from] AwsFailure),
    /// The answer lacks a field that every answer has.
    #[error("DescribeAutoScalingGroups answered a group without {0}")]
    Malformed(&'static str),
}

codes!(AutoScalingError {
    AutoScalingError::Gone { .. } => "action-gone",
    AutoScalingError::Malformed(_) => "group-malformed",
    ; AutoScalingError::Call(failure) => failure,
});

impl AutoScalingError {
    /// What is known of the call.
    pub fn ended(&self) -> Ended {
        match self {
            AutoScalingError::Call(failure) => failure.ended(),
            AutoScalingError::Gone { .. } | AutoScalingError::Malformed(_) => {
                Ended::NotDone(Retry::Pointless)
            }
        }
    }
}

/// A group as Auto Scaling describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// The group's name.
    pub name: String,
    /// The group's ARN.
    pub arn: String,
    /// The desired capacity.
    pub desired: usize,
    /// The maximum size.
    pub max: usize,
    /// Whether an instance whose terminate hook is abandoned is retained.
    pub retains: bool,
    /// Whether the group's warm pool takes instances back on scale-in.
    pub reuses: bool,
    /// What the desired capacity counts, in words, where it does not count instances.
    pub units: Option<String>,
    /// How many capacity units each instance counts for, where AWS tells a weight.
    pub weights: BTreeMap<InstanceId, usize>,
    /// The values of the group's tags, by key.
    pub tags: BTreeMap<String, String>,
    /// The instances of the group and of its warm pool.
    pub instances: Vec<ListedInstance>,
}

/// An instance as its group lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedInstance {
    /// The EC2 instance ID.
    pub id: InstanceId,
    /// The lifecycle state.
    pub lifecycle: Lifecycle,
    /// Whether the group counts it as healthy.
    pub healthy: bool,
    /// The launch template with its version, or the launch configuration, that it was launched from.
    pub launched_from: Option<String>,
}

/// How a lifecycle action ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionResult {
    /// `CONTINUE`: the instance goes on to the next state.
    Continue,
    /// `ABANDON`: a launching instance is terminated; a terminating one is retained where the group's policy says so.
    Abandon,
}

/// The Auto Scaling service.
#[derive(Clone, Debug)]
pub struct AutoScaling {
    client: Client,
}

impl AutoScaling {
    /// A client of the service.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Describes the group of this name; `None` where there is no such group.
    pub async fn group(&self, name: &str) -> Result<Option<DescribedGroup>, AutoScalingError> {
        let call = self.client.describe_auto_scaling_groups().auto_scaling_group_names(name);
        let answer = call.send().await.map_err(|e| AwsFailure::of("DescribeAutoScalingGroups", e))?;
        match answer.auto_scaling_groups().iter().find(|g| g.auto_scaling_group_name() == Some(name)) {
            Some(group) => self.with_warm_pool(group).await.map(Some),
            None => Ok(None),
        }
    }

    /// Describes every group that has the tag `etcd-asg:cluster`, or a tag that was probably meant to be it. A tag
    /// must be one of the filter's values, letter by letter (EC2 Auto Scaling user guide, "Use tags to filter Auto
    /// Scaling groups").
    pub async fn tagged_groups(&self) -> Result<Vec<DescribedGroup>, AutoScalingError> {
        let keys = [CLUSTER_TAG].into_iter().chain(NEAR_SPELLINGS).map(str::to_owned).collect();
        let filter = Filter::builder().name("tag-key").set_values(Some(keys)).build();
        let mut pages = self
            .client
            .describe_auto_scaling_groups()
            .filters(filter)
            .max_records(100)
            .into_paginator()
            .send();
        let mut groups = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AwsFailure::of("DescribeAutoScalingGroups", e))?;
            let wanted = |key: &str| key == CLUSTER_TAG || NEAR_SPELLINGS.contains(&key);
            let tagged = |g: &&AutoScalingGroup| g.tags().iter().any(|t| t.key().is_some_and(wanted));
            for group in page.auto_scaling_groups().iter().filter(tagged) {
                groups.push(self.with_warm_pool(group).await?);
            }
        }
        Ok(groups)
    }

    /// A group's own list leaves out the instances of its warm pool (EC2 Auto Scaling API, DescribeWarmPool). Without
    /// them, an instance in the pool would look like a detached instance.
    async fn with_warm_pool(&self, group: &AutoScalingGroup) -> Result<DescribedGroup, AutoScalingError> {
        let mut described = described(group)?;
        if group.warm_pool_configuration().is_none() {
            return Ok(described);
        }
        let call = self.client.describe_warm_pool().auto_scaling_group_name(&described.name);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AwsFailure::of("DescribeWarmPool", e))?;
            for instance in page.instances() {
                described.instances.push(listed(instance)?);
            }
        }
        Ok(described)
    }

    /// Reads the group's lifecycle hooks, whosever they are.
    pub async fn hooks(&self, group: &str) -> Result<Vec<GroupHook>, AutoScalingError> {
        let call = self.client.describe_lifecycle_hooks().auto_scaling_group_name(group);
        let answer = call.send().await.map_err(|e| AwsFailure::of("DescribeLifecycleHooks", e))?;
        answer.lifecycle_hooks().iter().map(group_hook).collect()
    }

    /// Completes the instance's action at this hook. The request is sent once, so that
    /// the caller knows whether it may still be done.
    pub async fn complete(
        &self,
        group: &str,
        hook: &str,
        instance: &InstanceId,
        result: ActionResult,
    ) -> Result<(), AutoScalingError> {
        let word = match result {
            ActionResult::Continue => "CONTINUE",
            ActionResult::Abandon => "ABANDON",
        };
        let call = self
            .client
            .complete_lifecycle_action()
            .auto_scaling_group_name(group)
            .lifecycle_hook_name(hook)
            .instance_id(instance.as_str())
            .lifecycle_action_result(word)
            .customize()
            .config_override(sent_once());
        let answer = call.send().await.map_err(|e| AwsFailure::of("CompleteLifecycleAction", e));
        answer.map(drop).map_err(|e| action_error(e, instance))
    }

    /// Restarts the heartbeat timeout of the instance's action at this hook.
    pub async fn heartbeat(
        &self,
        group: &str,
        hook: &str,
        instance: &InstanceId,
    ) -> Result<(), AutoScalingError> {
        let call = self
            .client
            .record_lifecycle_action_heartbeat()
            .auto_scaling_group_name(group)
            .lifecycle_hook_name(hook)
            .instance_id(instance.as_str());
        let answer = call.send().await.map_err(|e| AwsFailure::of("RecordLifecycleActionHeartbeat", e));
        answer.map(drop).map_err(|e| action_error(e, instance))
    }

    /// Sets the instance unhealthy, also within its grace period. The request is sent once.
    pub async fn set_unhealthy(&self, instance: &InstanceId) -> Result<(), AutoScalingError> {
        let call = self
            .client
            .set_instance_health()
            .instance_id(instance.as_str())
            .health_status("Unhealthy")
            .should_respect_grace_period(false)
            .customize()
            .config_override(sent_once());
        call.send().await.map_err(|e| AwsFailure::of("SetInstanceHealth", e))?;
        Ok(())
    }
}

fn sent_once() -> aws_sdk_autoscaling::config::Builder {
    Config::builder().retry_config(RetryConfig::disabled())
}

/// Recognised by AWS's message: the error code is only `ValidationError`.
fn action_error(failure: AwsFailure, instance: &InstanceId) -> AutoScalingError {
    match &failure {
        AwsFailure::Refused { message, .. } if message.contains("No active Lifecycle Action found") => {
            AutoScalingError::Gone { instance: instance.clone() }
        }
        _ => AutoScalingError::Call(failure),
    }
}

fn described(group: &AutoScalingGroup) -> Result<DescribedGroup, AutoScalingError> {
    let missing = AutoScalingError::Malformed;
    let size = |n: Option<i32>| n.and_then(|n| usize::try_from(n).ok());
    let retention = group
        .instance_lifecycle_policy()
        .and_then(|p| p.retention_triggers())
        .and_then(|t| t.terminate_hook_abandon());
    let tag = |t: &aws_sdk_autoscaling::types::TagDescription| {
        Some((t.key()?.to_owned(), t.value().unwrap_or_default().to_owned()))
    };
    Ok(DescribedGroup {
        name: group.auto_scaling_group_name().ok_or(missing("a name"))?.to_owned(),
        arn: group.auto_scaling_group_arn().ok_or(missing("an ARN"))?.to_owned(),
        desired: size(group.desired_capacity()).ok_or(missing("a desired capacity"))?,
        max: size(group.max_size()).ok_or(missing("a maximum size"))?,
        retains: retention == Some(&RetentionAction::Retain),
        reuses: takes_back(group),
        units: units(group),
        weights: weights(group),
        tags: group.tags().iter().filter_map(tag).collect(),
        instances: group.instances().iter().map(listed).collect::<Result<_, _>>()?,
    })
}

/// Whether the warm pool takes instances back (EC2 Auto Scaling API reference, InstanceReusePolicy).
fn takes_back(group: &AutoScalingGroup) -> bool {
    let policy = group.warm_pool_configuration().and_then(|pool| pool.instance_reuse_policy());
    policy.is_some_and(|policy| policy.reuse_on_scale_in() == Some(true))
}

/// What the desired capacity counts where it does not count instances: the units of weighted instances (EC2 Auto
/// Scaling user guide, "Use instance weights"), vCPUs or memory (API reference, `DesiredCapacityType`).
fn units(group: &AutoScalingGroup) -> Option<String> {
    match group.desired_capacity_type() {
        None | Some("units") => {}
        Some("vcpu") => return Some("vCPUs".to_owned()),
        Some("memory-mib") => return Some("MiB of memory".to_owned()),
        Some(other) => return Some(format!("capacity of the type {other}")),
    }
    let template = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
    let overrides = template.map(|template| template.overrides()).unwrap_or_default();
    let chosen = overrides.iter().filter_map(|one| one.weighted_capacity());
    let own = group.instances().iter().filter_map(|one| one.weighted_capacity());
    let weighted = chosen.chain(own).any(|weight| weight != "1");
    weighted.then(|| "the capacity units of weighted instances".to_owned())
}

fn weights(group: &AutoScalingGroup) -> BTreeMap<InstanceId, usize> {
    let weight = |instance: &aws_sdk_autoscaling::types::Instance| {
        let weight = instance.weighted_capacity()?.parse().ok().filter(|weight| *weight != 1)?;
        Some((InstanceId::from(instance.instance_id()?), weight))
    };
    group.instances().iter().filter_map(weight).collect()
}

fn listed(instance: &aws_sdk_autoscaling::types::Instance) -> Result<ListedInstance, AutoScalingError> {
    let id = instance.instance_id().ok_or(AutoScalingError::Malformed("an instance's ID"))?;
    let state = instance.lifecycle_state().ok_or(AutoScalingError::Malformed("an instance's state"))?;
    Ok(ListedInstance {
        id: InstanceId::from(id),
        lifecycle: Lifecycle::parse(state.as_str()),
        healthy: instance.health_status().is_none_or(|s| s.eq_ignore_ascii_case("healthy")),
        launched_from: launched_from(instance),
    })
}

fn launched_from(instance: &aws_sdk_autoscaling::types::Instance) -> Option<String> {
    let template = instance.launch_template().and_then(|template| {
        let name = template.launch_template_id().or(template.launch_template_name())?;
        Some(format!("{name}:{}", template.version().unwrap_or("?")))
    });
    template.or_else(|| instance.launch_configuration_name().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_capacity_counts_is_read_from_type_overrides_and_instances() {
        use aws_sdk_autoscaling::types::{
            Instance, LaunchTemplate, LaunchTemplateOverrides, MixedInstancesPolicy,
        };
        let of = |weight: &str| {
            let chosen = LaunchTemplateOverrides::builder().weighted_capacity(weight).build();
            let template = LaunchTemplate::builder().overrides(chosen).build();
            let policy = MixedInstancesPolicy::builder().launch_template(template).build();
            units(&AutoScalingGroup::builder().mixed_instances_policy(policy).build())
        };
        assert_eq!((of("1"), of("2").is_some()), (None, true));
        let typed = |kind: &str| units(&AutoScalingGroup::builder().desired_capacity_type(kind).build());
        assert_eq!(typed("units"), None);
        assert_eq!(typed("vcpu").as_deref(), Some("vCPUs"));
        assert_eq!(typed("memory-mib").as_deref(), Some("MiB of memory"));
        let one =
            |id: &str, weight: &str| Instance::builder().instance_id(id).weighted_capacity(weight).build();
        let group = AutoScalingGroup::builder().instances(one("i-1", "3")).instances(one("i-2", "1")).build();
        assert_eq!(weights(&group), BTreeMap::from([("i-1".into(), 3)]));
        assert!(units(&group).is_some());
    }

    #[test]
    fn a_missing_action_is_told_from_other_refusals() {
        let failure = |message: &str| AwsFailure::Refused {
            call: "CompleteLifecycleAction",
            service_code: "ValidationError".to_owned(),
            message: message.to_owned(),
            retry: Retry::Pointless,
        };
        let id = InstanceId::from("i-1234abcd");
        let gone = action_error(failure("No active Lifecycle Action found with instance ID i-1234abcd"), &id);
        assert!(matches!(gone, AutoScalingError::Gone { .. }));
        let other = action_error(failure("1 validation error detected"), &id);
        assert!(matches!(other, AutoScalingError::Call(_)));
    }
}
