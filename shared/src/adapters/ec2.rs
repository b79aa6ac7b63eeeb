//! EC2: whether an instance lives, and at which address.

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};
use membership::ids::{InstanceId, Timestamp};
use membership::instance::Ec2State;
use thiserror::Error;

use super::aws::AwsFailure;

/// At most this many values fit into one filter (EC2 API reference, DescribeInstances).
const FILTER_VALUES: usize = 200;

/// Why a call to EC2 failed.
#[derive(Debug, Error)]
pub enum Ec2Error {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] AwsFailure),
    /// The answer lacks what it must have.
    #[error("DescribeInstances answered an instance without {0}")]
    Malformed(&'static str),
}

impl Ec2Error {
    /// Whether the same call may succeed a moment later.
    pub fn retryable(&self) -> bool {
        match self {
            Ec2Error::Call(failure) => failure.retryable(),
            Ec2Error::Malformed(_) => false,
        }
    }
}

/// A machine as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its instance ID.
    pub id: InstanceId,
    /// Whether it lives.
    pub ec2_state: Ec2State,
    /// Its private IPv4 address, while it has one.
    pub address: Option<String>,
    /// Its VPC, while it has one.
    pub vpc: Option<String>,
    /// When it was launched.
    pub launched_at: Timestamp,
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

    /// All machines that EC2 still lists for the group, in whatever state.
    pub async fn of_group(&self, group: &str) -> Result<Vec<Machine>, Ec2Error> {
        self.by_filter("tag:aws:autoscaling:groupName", &[group.to_owned()]).await
    }

    /// Those of these instances that EC2 still lists. Asked by filter: asked by ID, EC2 answers an error for all as
    /// soon as it has forgotten one.
    pub async fn of_ids(&self, ids: &[InstanceId]) -> Result<Vec<Machine>, Ec2Error> {
        let mut found = Vec::new();
        for chunk in ids.chunks(FILTER_VALUES) {
            let values: Vec<String> = chunk.iter().map(ToString::to_string).collect();
            found.extend(self.by_filter("instance-id", &values).await?);
        }
        Ok(found)
    }

    async fn by_filter(&self, name: &str, values: &[String]) -> Result<Vec<Machine>, Ec2Error> {
        let filter = Filter::builder().name(name).set_values(Some(values.to_vec())).build();
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

fn machine(instance: &Instance) -> Result<Machine, Ec2Error> {
    let state = instance.state().and_then(|s| s.name()).ok_or(Ec2Error::Malformed("a state"))?;
    let launched = instance.launch_time().and_then(|t| u64::try_from(t.to_millis().ok()?).ok());
    Ok(Machine {
        id: InstanceId::from(instance.instance_id().ok_or(Ec2Error::Malformed("an ID"))?),
        ec2_state: ec2_state(state),
        address: instance.private_ip_address().filter(|a| !a.is_empty()).map(str::to_owned),
        vpc: instance.vpc_id().filter(|v| !v.is_empty()).map(str::to_owned),
        launched_at: Timestamp(launched.ok_or(Ec2Error::Malformed("a launch time"))?),
    })
}

/// A state that this version does not know is one of a machine that is not gone.
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
