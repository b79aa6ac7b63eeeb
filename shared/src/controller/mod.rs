//! Drives the core's protocol with the real clients: observe, decide, claim, look again, act, close.

mod clock;
mod ending;
mod heartbeats;
mod report;
mod run;

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use membership::codes;
use membership::decide::decide;
use membership::decision::Decision;
use membership::etcd::MISSES;
use membership::ids::{ClusterName, InstanceId, RequestId, Timestamp};
use membership::ledger::Phase;
use membership::observation::Observation;
use membership::settings::tags::CLUSTER_TAG;
use membership::summary::Summary;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::sleep;

pub(crate) use self::clock::{deadline, now};
pub use self::report::{Ignored, Outcome, WrongInput};
use self::run::{Cause, Run};
use crate::adapters::autoscaling::{AutoScalingError, DescribedGroup};
use crate::adapters::ec2::Machine;
use crate::adapters::etcd::{EtcdClient, EtcdError};
use crate::event::LifecycleAction;
use crate::naming::Named;
use crate::observe::Observer;
use crate::services::Services;

/// How much of its time an invocation keeps in reserve: the longest call, and its report.
const MARGIN: Duration = Duration::from_secs(8);
/// So many clusters at most are looked at at once. Who waits for something to happen looks at nothing meanwhile.
const LOOKS_AT_ONCE: usize = 8;
/// How long an invocation waits before it asks again for the groups.
const PAUSE: Duration = Duration::from_millis(500);

/// Why an invocation failed as a whole. Lambda tries it again.
#[derive(Debug, Error)]
pub enum ControllerError {
    /// The groups could not be described in the time there was.
    #[error("the groups could not be described")]
    Groups(#[from] AutoScalingError),
    /// The client of etcd could not be set up.
    #[error("the client of etcd could not be set up")]
    Etcd(#[from] EtcdError),
    /// The answer to a dry run could not be written as JSON.
    #[error("the answer could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

codes!(ControllerError {
    ControllerError::Groups(_) => "groups-not-described",
    ControllerError::Etcd(_) => "etcd-client-failed",
    ControllerError::Json(_) => "report-failed",
});

/// One invocation of a function.
#[derive(Debug)]
pub struct Controller<'a> {
    services: &'a Services,
    etcd: EtcdClient,
    request: RequestId,
    deadline: Timestamp,
    looks: Semaphore,
}

/// The answer to a dry run. `observation` and `decision` are for experts and may change from version to version.
#[derive(Serialize)]
struct Report {
    cluster: ClusterName,
    generation: Option<u32>,
    summary: Summary,
    observation: Observation,
    decision: Decision,
}

impl<'a> Controller<'a> {
    /// `deadline` is the moment at which the platform kills the invocation.
    pub fn new(
        services: &'a Services,
        request: RequestId,
        deadline: Timestamp,
    ) -> Result<Self, ControllerError> {
        let looks = Semaphore::new(LOOKS_AT_ONCE);
        Ok(Self { services, etcd: services.etcd()?, request, deadline, looks })
    }

    /// Works on the group of this lifecycle action until the action's instance is done, nothing is left to do, or the
    /// time is up.
    pub async fn lifecycle(&self, action: LifecycleAction) -> Result<Outcome, ControllerError> {
        let autoscaling = &self.services.autoscaling;
        let Some(group) = self.insist(async || autoscaling.group(&action.group).await).await? else {
            return Ok(Outcome::ignored(&Ignored::NoSuchGroup(action.group)));
        };
        let Some(named) = self.name_of(&group).await? else {
            let LifecycleAction { instance, marked, .. } = action;
            return Ok(match marked {
                true => Outcome::refused(&WrongInput::HookWithoutTag { group: group.name, instance }),
                false => Outcome::ignored(&Ignored::NotTagged(group.name)),
            });
        };
        Ok(self.run(group, named, Cause::Action(action)).await)
    }

    /// Works on every tagged group, on a few at a time. What happens to one does not stop another. A run of the schedule
    /// lingers beside groups whose hooks are short.
    pub async fn reconcile_all(&self, scheduled: bool) -> Result<Vec<Outcome>, ControllerError> {
        let cause = if scheduled { Cause::Schedule } else { Cause::Other };
        let named = named(self.groups().await?);
        Ok(join_all(named.into_iter().map(|(group, named)| self.run(group, named, cause.clone()))).await)
    }

    /// Works on the group of this machine, of which EC2 has said something. A machine of nobody's is ignored after one
    /// call, a machine of another's group after two: an account may have thousands of them.
    pub async fn machine(&self, id: &InstanceId) -> Result<Vec<Outcome>, ControllerError> {
        // EC2 forgets a machine an hour after its end, and may not know a young one yet. It may be ours.
        let Some(machine) = self.described_machine(id).await else {
            return self.reconcile_all(false).await;
        };
        let Some(name) = machine.group else {
            return Ok(vec![Outcome::ignored(&Ignored::NoGroup(id.clone()))]);
        };
        let (vpc, served) = (machine.vpc.unwrap_or_default(), self.services.config.vpc.clone());
        if let Some(served) = served.filter(|served| !vpc.is_empty() && *served != vpc) {
            return Ok(vec![Outcome::ignored(&Ignored::OtherVpc { group: name, vpc, served })]);
        }
        let autoscaling = &self.services.autoscaling;
        let Some(group) = self.insist(async || autoscaling.group(&name).await).await? else {
            return Ok(vec![Outcome::ignored(&Ignored::NoSuchGroup(name))]);
        };
        let Some(named) = self.name_of(&group).await? else {
            return Ok(vec![Outcome::ignored(&Ignored::NotTagged(name))]);
        };
        Ok(vec![self.run(group, named, Cause::Other).await])
    }

    async fn described_machine(&self, id: &InstanceId) -> Option<Machine> {
        self.services.ec2.of_ids(std::slice::from_ref(id)).await.ok()?.pop()
    }

    /// The cluster that this group's tags name.
    async fn name_of(&self, group: &DescribedGroup) -> Result<Option<Named>, ControllerError> {
        let Some(mut named) = Named::of(&group.tags) else { return Ok(None) };
        if named.is_trimmed() {
            contest(&mut named, group, &self.groups().await?);
        }
        Ok(Some(named))
    }

    /// Works on one cluster.
    pub async fn reconcile_one(&self, cluster: &ClusterName) -> Result<Outcome, ControllerError> {
        match self.find(cluster).await? {
            Some((group, named)) => Ok(self.run(group, named, Cause::Other).await),
            None => Ok(no_such_cluster(cluster)),
        }
    }

    /// Looks at one cluster, compares its copies where that is due, changes nothing, and answers with what was seen and what would be done.
    pub async fn dry_run(&self, cluster: &ClusterName) -> Result<Value, ControllerError> {
        let Some((group, named)) = self.find(cluster).await? else {
            return Ok(json!(no_such_cluster(cluster)));
        };
        let mut observer = Observer::new(self.services, &self.etcd, named, group.name.clone());
        let mut observation = self.look_until_listed(&mut observer, group).await;
        let left = self.deadline.since(now()).saturating_sub(MARGIN);
        // While the copies are in doubt, an operator goes by their hashes.
        if !left.is_zero() && observer.compare(&observation, now(), left).await {
            observation = observer.look(None).await.observation;
        }
        let at = now();
        let decision = decide(&observation, at, None);
        let summary = Summary::of(&observation, &decision, at);
        let (cluster, generation) = (cluster.clone(), summary.generation);
        Ok(serde_json::to_value(Report { cluster, generation, summary, observation, decision })?)
    }

    /// Looks until there is a member list, or it was missed often enough: an election or a lost packet is no lost
    /// quorum.
    async fn look_until_listed(&self, observer: &mut Observer<'_>, group: DescribedGroup) -> Observation {
        let mut observation = observer.look(Some(group)).await.observation;
        while has_formed(&observation)
            && (1..MISSES).contains(&observation.etcd.list_misses)
            && now().plus(MARGIN) < self.deadline
        {
            sleep(PAUSE).await;
            observation = observer.look(None).await.observation;
        }
        observation
    }

    /// The group of this cluster. Where no tag says the name as it should be: a group whose tag was meant to, or a
    /// group of this name whose tag cannot be read.
    async fn find(&self, cluster: &ClusterName) -> Result<Option<(DescribedGroup, Named)>, ControllerError> {
        let mut groups = named(self.groups().await?);
        // A group of another deployment, in another VPC, may have the same tag.
        let same: Vec<usize> = (0..groups.len())
            .filter(|at| groups[*at].1.cluster == *cluster && !groups[*at].1.is_hidden())
            .collect();
        if same.len() > 1 && self.services.config.vpc.is_some() {
            let vpcs = join_all(same.iter().map(|at| self.vpc_of(&groups[*at].0))).await;
            if let Some(served) = vpcs.iter().position(|vpc| *vpc == self.services.config.vpc) {
                return Ok(Some(groups.swap_remove(same[served])));
            }
        }
        let places = [
            same.first().copied(),
            groups.iter().position(|(_, n)| n.cluster == *cluster),
            groups.iter().position(|(g, n)| g.name == cluster.as_str() && n.is_hidden()),
        ];
        Ok(places.into_iter().flatten().next().map(|place| groups.swap_remove(place)))
    }

    async fn vpc_of(&self, group: &DescribedGroup) -> Option<String> {
        let machines = self.services.ec2.of_group(&group.name).await.ok()?;
        machines.into_iter().find_map(|m| m.vpc)
    }

    async fn groups(&self) -> Result<Vec<DescribedGroup>, AutoScalingError> {
        self.insist(async || self.services.autoscaling.tagged_groups().await).await
    }

    async fn run(&self, group: DescribedGroup, named: Named, cause: Cause) -> Outcome {
        Run::new(self.services, &self.etcd, &self.request, self.deadline, named, cause)
            .finish(group, &self.looks)
            .boxed()
            .await
    }

    /// Asks until there is an answer or the time is up.
    async fn insist<T>(
        &self,
        ask: impl AsyncFn() -> Result<T, AutoScalingError>,
    ) -> Result<T, AutoScalingError> {
        loop {
            match ask().await {
                Err(error) if error.ended().read_again() && now().plus(MARGIN) < self.deadline => {
                    sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}

fn has_formed(observation: &Observation) -> bool {
    let ledger = observation.ledger.known().and_then(Option::as_ref);
    ledger.is_some_and(|ledger| ledger.generation.phase == Phase::Formed)
}

/// Each group with the cluster that its tags name.
fn named(groups: Vec<DescribedGroup>) -> Vec<(DescribedGroup, Named)> {
    let of = |group: &DescribedGroup| {
        let mut named = Named::of(&group.tags)?;
        contest(&mut named, group, &groups);
        Some(named)
    };
    let names: Vec<Option<Named>> = groups.iter().map(of).collect();
    groups.into_iter().zip(names).filter_map(|(group, named)| Some((group, named?))).collect()
}

/// A name that is read without its blanks may be another group's name.
fn contest(named: &mut Named, group: &DescribedGroup, groups: &[DescribedGroup]) {
    let has_it = |other: &&DescribedGroup| {
        let name = other.tags.get(CLUSTER_TAG).map(|value| value.trim());
        other.arn != group.arn && name == Some(named.cluster.as_str())
    };
    if named.is_trimmed()
        && let Some(other) = groups.iter().find(has_it)
    {
        named.contested_by(&other.name);
    }
}

fn no_such_cluster(cluster: &ClusterName) -> Outcome {
    Outcome::refused(&WrongInput::NoSuchCluster(cluster.clone()))
}
