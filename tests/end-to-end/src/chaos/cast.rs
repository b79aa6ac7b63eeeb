//! Who is who at this moment, and whether the cluster can bear a loss. Seen from outside, without the functions.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use membership::change::Change;

use super::fault::Who;
use crate::cluster::Cluster;
use crate::etcd::{Etcd, Listed, Status};

/// How long a member may take to say something of itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// The instances of the group at one moment.
pub struct Cast {
    /// The one that most of the others follow.
    pub leader: Option<String>,
    /// All others that are in service or on their way out or in, in the group's own order.
    pub others: Vec<String>,
    /// Of these, the ones not in service.
    passing: Vec<String>,
}

impl Cast {
    /// As it is now.
    pub async fn now(cluster: &Cluster) -> Result<Self> {
        let etcd = Etcd::new(PATIENCE)?;
        let addresses = cluster.addresses().await?;
        let etcd = &etcd;
        let asked =
            addresses.iter().map(|(id, address)| async move { (id, etcd.status(&url(address)).await.ok()) });
        let said: Vec<(&String, Option<Status>)> = join_all(asked).await;
        let followed = |member: &str| {
            said.iter().filter(|(_, status)| status.as_ref().is_some_and(|s| s.leader == member)).count()
        };
        let answered = said.iter().filter_map(|(id, status)| Some((*id, status.as_ref()?)));
        let leading = answered.filter(|(_, status)| status.leader == status.member);
        let leader = leading.max_by_key(|(_, status)| followed(&status.member)).map(|(id, _)| id.clone());
        let nodes = cluster.nodes().await?;
        let alive = nodes.iter().filter(|n| addresses.contains_key(&n.id) && Some(&n.id) != leader.as_ref());
        let (mut others, mut passing) = (Vec::new(), Vec::new());
        for node in alive {
            others.push(node.id.clone());
            if node.lifecycle != "InService" {
                passing.push(node.id.clone());
            }
        }
        Ok(Self { leader, others, passing })
    }

    /// The instance that plays this part.
    pub fn play(&self, who: Who) -> Result<String> {
        let pick = |from: &[String], place: usize| from.get(place % from.len().max(1)).cloned();
        let found = match who {
            Who::Leader => self.leader.clone().or_else(|| self.others.first().cloned()),
            Who::Follower(place) => pick(&self.others, place),
            Who::Passing(place) => pick(&self.passing, place).or_else(|| pick(&self.others, place)),
        };
        found.context("no instance is there")
    }

    /// All of them, the leader first.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.leader.iter().chain(&self.others)
    }
}

/// Whether the data of this instance can be lost now: without it there is still a majority of voters that answer, and
/// nobody is about to remove one of these.
pub async fn can_be_lost(cluster: &Cluster, instance: &str) -> Result<()> {
    let members = cluster.members().await?;
    let voters: Vec<&Listed> = members.iter().filter(|m| !m.learner).collect();
    let addresses = cluster.addresses().await?;
    let etcd = Etcd::new(PATIENCE)?;
    let others = voters.iter().filter(|m| m.name != instance).filter_map(|m| addresses.get(&m.name));
    let etcd = &etcd;
    let asked = others.map(|address| async move { etcd.revision(&url(address)).await.is_ok() });
    let answers = join_all(asked).await;
    let proven = answers.into_iter().filter(|answered| *answered).count();
    let majority = voters.len() / 2 + 1;
    ensure!(proven >= majority, "{proven} of {} voters would be left", voters.len());
    let claim = cluster.ledger().await?.claim;
    let removes = claim.is_some_and(|c| matches!(c.proposal.change, Change::Remove { voter: true, .. }));
    ensure!(!removes, "a voter is being removed");
    Ok(())
}

fn url(address: &str) -> String {
    format!("http://{address}:2379")
}
