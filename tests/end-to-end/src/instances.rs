//! Which instance of a group is which.

use anyhow::{Context, Result, ensure};

use crate::cluster::{Cluster, LIMIT};
use crate::wait::until;

impl Cluster {
    /// The IDs of the group's instances.
    pub async fn ids(&self) -> Result<Vec<String>> {
        Ok(self.nodes().await?.into_iter().map(|node| node.id).collect())
    }

    /// The instances from the oldest to the youngest by launch time and ID, as the product orders them.
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

    /// Waits until the group has an instance that is not among the known ones. Returns it.
    pub async fn newcomer(&self, known: &[String]) -> Result<String> {
        until("an instance is launched", LIMIT, || async {
            let new = self.ids().await?.into_iter().find(|id| !known.contains(id));
            new.context("no new instance is in the group")
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

    /// The instance that has this address. A port after the address is ignored.
    pub async fn instance_at(&self, address: &str) -> Result<String> {
        let host = address.split(':').next().unwrap_or_default();
        let addresses = self.addresses().await?;
        let found = addresses.into_iter().find(|(_, a)| a == host);
        Ok(found.with_context(|| format!("no instance has the address {address}"))?.0)
    }
}
