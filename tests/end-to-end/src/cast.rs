//! Who is who in a group, and how a story sends them off.

use anyhow::{Context, Result, ensure};

use crate::cluster::{Cluster, LIMIT};
use crate::wait::until;

impl Cluster {
    /// How long an action of the instances that are launched from now on lives without a heartbeat, in seconds.
    pub async fn launch_heartbeat(&self, seconds: i32) -> Result<()> {
        let call = self.account.autoscaling.put_lifecycle_hook().auto_scaling_group_name(&self.name);
        let call = call.lifecycle_hook_name("etcd-asg-launch").heartbeat_timeout(seconds);
        call.send().await.context("changing the launch hook")?;
        Ok(())
    }

    /// The instances from the oldest to the youngest, as the product orders them.
    pub async fn by_age(&self) -> Result<Vec<String>> {
        let filter =
            aws_sdk_ec2::types::Filter::builder().name("tag:aws:autoscaling:groupName").values(&self.name);
        let answer = self.account.ec2.describe_instances().filters(filter.build()).send().await?;
        let instances = answer.reservations().iter().flat_map(|r| r.instances());
        let mut aged: Vec<_> = instances
            .filter_map(|i| Some((i.launch_time()?.to_millis().ok()?, i.instance_id()?.to_owned())))
            .collect();
        aged.sort();
        Ok(aged.into_iter().map(|(_, id)| id).collect())
    }

    /// Waits until the group has an instance that is none of these.
    pub async fn newcomer(&self, known: &[String]) -> Result<String> {
        until("an instance is launched", LIMIT, || async {
            let nodes = self.nodes().await?;
            let new = nodes.into_iter().map(|n| n.id).find(|id| !known.contains(id));
            new.context("none was launched yet")
        })
        .await
    }

    /// Waits until a learner is listed, started or not.
    pub async fn has_a_learner(&self) -> Result<()> {
        until("a learner is listed", LIMIT, || async {
            let members = self.members().await?;
            ensure!(members.iter().any(|m| m.learner), "the members are {members:?}");
            Ok(())
        })
        .await
    }

    /// The instance at this address, with or without a port.
    pub async fn at(&self, address: &str) -> Result<String> {
        let host = address.split(':').next().unwrap_or_default();
        let addresses = self.addresses().await?;
        let found = addresses.into_iter().find(|(_, a)| a == host);
        Ok(found.with_context(|| format!("nobody is at {address}"))?.0)
    }

    /// Ends an instance in order, and does not want another instead.
    pub async fn shrink_by(&self, instance: &str) -> Result<()> {
        let call = self.account.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(instance);
        call.should_decrement_desired_capacity(true).send().await?;
        Ok(())
    }
}
