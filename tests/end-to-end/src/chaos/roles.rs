//! Which instance has which role at this moment, and whether the cluster can lose one. Both are asked of the
//! group and of etcd directly, without the functions.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use membership::change::Change;

use super::fault::Role;
use crate::cluster::Cluster;
use crate::etcd::{Etcd, Listed, Status};

/// How long a member may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The roles of the group's instances at one moment.
pub struct Roles {
    /// The instance whose member calls itself the leader; if there are several, the leader that most members
    /// follow.
    leader: Option<String>,
    /// All other instances that have an address, in the group's own order.
    others: Vec<String>,
    /// Those of `others` that are not in service: they are launching or leaving.
    in_transition: Vec<String>,
}

impl Roles {
    /// Asks the group and every member.
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
        let (mut others, mut in_transition) = (Vec::new(), Vec::new());
        for node in alive {
            others.push(node.id.clone());
            if node.lifecycle != "InService" {
                in_transition.push(node.id.clone());
            }
        }
        Ok(Self { leader, others, in_transition })
    }

    /// The instance that has this role.
    pub fn instance(&self, role: Role) -> Result<String> {
        let pick = |from: &[String], place: usize| from.get(place % from.len().max(1)).cloned();
        let found = match role {
            Role::Leader => self.leader.clone().or_else(|| self.others.first().cloned()),
            Role::Follower(place) => pick(&self.others, place),
            Role::InTransition(place) => {
                pick(&self.in_transition, place).or_else(|| pick(&self.others, place))
            }
        };
        found.context("the group has no instance with an address")
    }

    /// All instances that have an address, the leader first.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.leader.iter().chain(&self.others)
    }
}

/// Succeeds if the data of this instance can be lost now: a majority of the voters answers without it, and no
/// removal of a voter is claimed.
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
