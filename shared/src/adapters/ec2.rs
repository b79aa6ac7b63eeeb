//! EC2: the state and the address of each instance.

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};
use membership::codes;
use membership::ids::{InstanceId, Timestamp};
use membership::instance::Ec2State;
use membership::invocation::Retry;
use thiserror::Error;

use super::{AwsFailure, Ended};

/// At most this many values fit into one filter (EC2 API reference, DescribeInstances).
const FILTER_VALUES: usize = 200;

/// The tag by which EC2 tells the group of a machine.
const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// Why a call to EC2 failed.
#[derive(Debug, Error)]
pub enum Ec2Error {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] AwsFailure),
    /// The answer lacks a field that every answer has.
    #[error("DescribeInstances answered an instance without {0}")]
    Malformed(&'static str),
}

codes!(Ec2Error {
    Ec2Error::Malformed(_) => "instance-malformed",
    ; Ec2Error::Call(failure) => failure,
});

impl Ec2Error {
    /// What is known of the call.
    pub fn ended(&self) -> Ended {
        match self {
            Ec2Error::Call(failure) => failure.ended(),
            Ec2Error::Malformed(_) => Ended::NotDone(Retry::Pointless),
        }
    }
}

/// A machine as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The EC2 instance ID.
    pub id: InstanceId,
    /// The state of the machine.
    pub ec2_state: Ec2State,
    /// The primary private IPv4 address. `None` once EC2 has taken it back.
    pub address: Option<String>,
    /// The ID of the VPC. `None` once the machine has left it.
    pub vpc: Option<String>,
    /// The group that launched the machine, or to which it was attached.
    pub group: Option<String>,
    /// When EC2 launched it, by EC2's clock.
    pub launched_at: Timestamp,
    /// The ID of the image that it was launched from.
    pub image: Option<String>,
}

/// The EC2 service.
#[derive(Clone, Debug)]
pub struct Ec2 {
    client: Client,
}

impl Ec2 {
    /// A client of the service.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// All machines that EC2 still lists for the group, in every state.
    pub async fn of_group(&self, group: &str) -> Result<Vec<Machine>, Ec2Error> {
        let found = self.by_filter(&format!("tag:{GROUP_TAG}"), &[group.to_owned()]).await?;
        Ok(found.into_iter().filter(|m| m.group.as_deref() == Some(group)).collect())
    }

    /// The machines among these that EC2 still lists. The request uses a filter: a request by ID fails for all IDs
    /// when EC2 has forgotten one of them.
    pub async fn of_ids(&self, ids: &[InstanceId]) -> Result<Vec<Machine>, Ec2Error> {
        let mut found = Vec::new();
        for chunk in ids.chunks(FILTER_VALUES) {
            let values: Vec<String> = chunk.iter().map(ToString::to_string).collect();
            found.extend(self.by_filter("instance-id", &values).await?);
        }
        found.retain(|machine| ids.contains(&machine.id));
        Ok(found)
    }

    async fn by_filter(&self, name: &str, values: &[String]) -> Result<Vec<Machine>, Ec2Error> {
        let values = values.iter().map(|value| literal(value)).collect();
        let filter = Filter::builder().name(name).set_values(Some(values)).build();
        let mut pages = self.client.describe_instances().filters(filter).into_paginator().send();
        let mut machines = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AwsFailure::of("DescribeInstances", e))?;
            for instance in page.reservations().iter().flat_map(|r| r.instances()) {
                machines.push(machine(instance)?);
            }
        }
        Ok(machines)
    }
}

/// A filter value that matches this text alone. EC2 takes `*` and `?` for wildcards, and `\` for what makes them
/// letters (EC2 user guide, "Find your Amazon EC2 resources": wildcards). What comes back is checked all the same.
fn literal(text: &str) -> String {
    text.chars().flat_map(|c| "*?\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

fn machine(instance: &Instance) -> Result<Machine, Ec2Error> {
    let state = instance.state().and_then(|s| s.name()).ok_or(Ec2Error::Malformed("a state"))?;
    let launched = instance.launch_time().and_then(|t| u64::try_from(t.to_millis().ok()?).ok());
    let group = instance.tags().iter().find(|t| t.key() == Some(GROUP_TAG)).and_then(|t| t.value());
    Ok(Machine {
        id: InstanceId::from(instance.instance_id().ok_or(Ec2Error::Malformed("an ID"))?),
        ec2_state: ec2_state(state),
        address: instance.private_ip_address().filter(|a| !a.is_empty()).map(str::to_owned),
        vpc: instance.vpc_id().filter(|v| !v.is_empty()).map(str::to_owned),
        group: group.map(str::to_owned),
        launched_at: Timestamp(launched.ok_or(Ec2Error::Malformed("a launch time"))?),
        image: instance.image_id().filter(|i| !i.is_empty()).map(str::to_owned),
    })
}

/// A machine in a state that this version does not know counts as not gone.
fn ec2_state(state: &InstanceStateName) -> Ec2State {
    match state {
        InstanceStateName::Terminated => Ec2State::Terminated,
        InstanceStateName::ShuttingDown | InstanceStateName::Stopping | InstanceStateName::Stopped => {
            Ec2State::Stopping
        }
        _ => Ec2State::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_pattern() {
        for (name, value) in
            [("etcd", "etcd"), ("etcd*", "etcd\\*"), ("a?b", "a\\?b"), ("a\\*", "a\\\\\\*"), ("", "")]
        {
            assert_eq!(literal(name), value);
        }
    }

    #[test]
    fn only_terminated_is_gone() {
        for (state, expected) in [
            ("pending", Ec2State::Running),
            ("running", Ec2State::Running),
            ("shutting-down", Ec2State::Stopping),
            ("stopping", Ec2State::Stopping),
            ("stopped", Ec2State::Stopping),
            ("terminated", Ec2State::Terminated),
            ("hibernating", Ec2State::Running),
        ] {
            assert_eq!(ec2_state(&InstanceStateName::from(state)), expected, "{state}");
        }
    }
}
