//! Drives the core's protocol with the real clients: observe, decide, claim, look again, act, close.

mod clock;
mod ending;
mod heartbeats;
mod report;
mod run;

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use membership::decide::decide;
use membership::ids::{ClusterName, RequestId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::sleep;

use self::run::Run;
pub use self::{clock::deadline, clock::now, report::Outcome};
use crate::adapters::autoscaling::{AutoScalingError, CLUSTER_TAG, DescribedGroup};
use crate::adapters::etcd::{EtcdClient, EtcdError};
use crate::config::Config;
use crate::event::LifecycleAction;
use crate::observe::Observer;
use crate::services::Services;

/// What an invocation keeps in reserve of its time: the longest call, and its report.
const MARGIN: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(500);

/// Why an invocation failed as a whole: worth a retry by the platform.
#[derive(Debug, Error)]
pub enum ControllerError {
    /// The groups could not be described in the time there was.
    #[error("the groups could not be described")]
    Groups(#[from] AutoScalingError),
    /// No client of etcd could be set up.
    #[error("no client of etcd could be set up")]
    Etcd(#[from] EtcdError),
    /// What was seen could not be written as JSON.
    #[error("the observation could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// One invocation of a function.
#[derive(Debug)]
pub struct Controller<'a> {
    services: &'a Services,
    etcd: EtcdClient,
    request: RequestId,
    deadline: Timestamp,
}

/// What one look at a cluster came to, for an operator.
#[derive(Serialize)]
struct Report<O: Serialize, D: Serialize> {
    cluster: ClusterName,
    generation: Option<u32>,
    observation: O,
    decision: D,
}

impl<'a> Controller<'a> {
    /// `deadline` is the moment at which the platform kills the invocation.
    pub fn new(
        services: &'a Services,
        request: RequestId,
        deadline: Timestamp,
    ) -> Result<Self, ControllerError> {
        Ok(Self { services, etcd: services.etcd()?, request, deadline })
    }

    /// Works on the group of this lifecycle action until the action's instance is done, nothing is left to do, or
    /// the time is up.
    pub async fn lifecycle(&self, action: LifecycleAction) -> Result<Outcome, ControllerError> {
        let autoscaling = &self.services.autoscaling;
        let Some(group) = self.insist(async || autoscaling.group(&action.group).await).await? else {
            return Ok(Outcome::ignored(format!("there is no group {}", action.group)));
        };
        if !group.tags.contains_key(CLUSTER_TAG) {
            return Ok(Outcome::ignored(format!("the group {} has no tag {CLUSTER_TAG}", group.name)));
        }
        Ok(self.run(group, Some(action)).await)
    }

    /// Works on every tagged group. What happens to one does not stop another.
    pub async fn reconcile_all(&self) -> Result<Vec<Outcome>, ControllerError> {
        let groups = self.insist(async || self.services.autoscaling.tagged_groups().await).await?;
        Ok(join_all(groups.into_iter().map(|group| self.run(group, None))).await)
    }

    /// Works on one cluster.
    pub async fn reconcile_one(&self, cluster: &ClusterName) -> Result<Outcome, ControllerError> {
        match self.find(cluster).await? {
            Some(group) => Ok(self.run(group, None).await),
            None => Ok(no_such_cluster(cluster)),
        }
    }

    /// Looks at one cluster once, changes nothing, and tells what was seen and what would be done.
    pub async fn dry_run(&self, cluster: &ClusterName) -> Result<Value, ControllerError> {
        let Some(group) = self.find(cluster).await? else {
            return Ok(json!(no_such_cluster(cluster)));
        };
        if let Err(reason) = self.services.config.settings(&group.tags) {
            return Ok(json!(Outcome::refused(reason)));
        }
        let mut observer = Observer::new(self.services, &self.etcd, cluster.clone(), group.name.clone());
        let observation = observer.look(Some(group)).await.observation;
        let decision = decide(&observation, now(), None);
        let ledger = observation.ledger.known().and_then(Option::as_ref);
        let generation = ledger.map(|l| l.generation.number);
        let report = Report { cluster: cluster.clone(), generation, observation, decision };
        Ok(serde_json::to_value(report)?)
    }

    async fn find(&self, cluster: &ClusterName) -> Result<Option<DescribedGroup>, ControllerError> {
        let groups = self.insist(async || self.services.autoscaling.tagged_groups().await).await?;
        let named = |g: &DescribedGroup| g.tags.get(CLUSTER_TAG).is_some_and(|t| t == cluster.as_str());
        Ok(groups.into_iter().find(named))
    }

    async fn run(&self, group: DescribedGroup, action: Option<LifecycleAction>) -> Outcome {
        let name = group.tags.get(CLUSTER_TAG).map(String::as_str).unwrap_or_default();
        let checked = ClusterName::parse(name)
            .map_err(|reason| format!("the tag {CLUSTER_TAG} of the group {}: {reason}", group.name))
            .and_then(|cluster| self.services.config.settings(&group.tags).map(|_| cluster));
        match checked {
            Ok(cluster) => {
                for tag in Config::unknown_tags(&group.tags) {
                    tracing::warn!(%cluster, tag, "this tag is no setting");
                }
                Run::new(self.services, &self.etcd, &self.request, self.deadline, cluster, action)
                    .finish(group)
                    .boxed()
                    .await
            }
            Err(reason) => Outcome::refused(reason),
        }
    }

    /// Asks until there is an answer or the time is up.
    async fn insist<T>(
        &self,
        ask: impl AsyncFn() -> Result<T, AutoScalingError>,
    ) -> Result<T, AutoScalingError> {
        loop {
            match ask().await {
                Err(error) if error.retryable() && now().plus(MARGIN) < self.deadline => sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }
}

fn no_such_cluster(cluster: &ClusterName) -> Outcome {
    Outcome::refused(format!("no group has the tag {CLUSTER_TAG} with the value {cluster}"))
}
