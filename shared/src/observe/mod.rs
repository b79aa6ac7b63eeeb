//! One round's observation: the instances first, then ledger and parameters, then etcd, then what hosts report.
//!
//! The order matters: what the ledger says of an instance must not be older than what is known of the instance.

mod etcd;
mod group;
mod hashes;
mod names;
mod parameters;
mod record;
mod reports;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use membership::compare;
use membership::etcd::EtcdView;
use membership::ids::{InstanceId, Timestamp};
use membership::invocation::Retry;
use membership::ledger::Ledger;
use membership::observation::{Group, Observation, Parameters, Seen, Unseen};
use membership::owner::{self, Ownership};
use tokio::join;

use self::etcd::Misses;
use self::group::Parts;
use self::hashes::Hashes;
use self::parameters::Freshest;
use self::record::NewestRecord;
use self::reports::Reports;
use crate::adapters::autoscaling::{AutoScalingError, DescribedGroup};
use crate::adapters::ec2::Ec2Error;
use crate::adapters::etcd::EtcdClient;
use crate::adapters::ledger::{ETag, LedgerStoreError};
use crate::adapters::parameters::{ParameterPath, ParametersError, sorted_out};
use crate::adapters::{Ended, chain};
use crate::controller::now;
use crate::execute::ExecuteError;
use crate::naming::Named;
use crate::services::Services;

/// Looks at one cluster, round after round of one invocation.
#[derive(Debug)]
pub struct Observer<'a> {
    services: &'a Services,
    etcd: &'a EtcdClient,
    named: Named,
    group: String,
    misses: Misses,
    hashes: Hashes,
    reports: Reports,
    freshest: Freshest,
    record: NewestRecord,
    owner: Option<Ownership>,
}

/// What one round saw.
#[derive(Debug)]
pub struct Round {
    /// What was seen, for the core.
    pub observation: Observation,
    /// The ETag of the ledger that was read. `None` where there is no ledger, or it could not be read.
    pub etag: Option<ETag>,
    /// The group as Auto Scaling alone lists it, where EC2 did not answer or the hooks could not be read: enough for
    /// heartbeats, and for no decision.
    pub listed: Option<Group>,
}

impl<'a> Observer<'a> {
    /// Makes an observer that has seen nothing yet.
    pub fn new(services: &'a Services, etcd: &'a EtcdClient, named: Named, group: String) -> Self {
        let (misses, hashes, reports) = (Misses::default(), Hashes::default(), Reports::default());
        let (freshest, record) = (Freshest::default(), NewestRecord::default());
        Self { services, etcd, named, group, misses, hashes, reports, freshest, record, owner: None }
    }

    /// Looks at everything. `described` is a description of the group from just now, where there is one.
    pub async fn look(&mut self, described: Option<DescribedGroup>) -> Round {
        let parts = self.parts(described).await;
        let (ledger, etag, parameters, owner) = self.documents(parts.as_ref().ok()).await;
        let (group, listed) = match parts {
            Ok(parts) => self.complete(parts, ledger.known().and_then(Option::as_ref)).await,
            Err(why) => (Seen::Unknown(why), None),
        };
        // The servers are asked also where the ledger could not be read: nothing is decided then, and an operator
        // wants to know how they are.
        let etcd = match &group {
            // The same address may belong to another machine in this deployment's own VPC.
            Seen::Known(group) if self.is_elsewhere(group) => EtcdView::default(),
            Seen::Known(group) => {
                let ledger = ledger.known().and_then(Option::as_ref);
                let hashes = self.hashes.told(ledger);
                EtcdView { hashes, ..self.misses.look(self.etcd, group, ledger).await }
            }
            Seen::Unknown(_) => EtcdView::default(),
        };
        let names = match ledger {
            Seen::Known(None) => names::of_peers(&etcd).await,
            Seen::Known(Some(_)) | Seen::Unknown(_) => BTreeMap::new(),
        };
        let reports = match (&group, &ledger) {
            (Seen::Known(group), Seen::Known(Some(ledger))) => {
                self.reports.of_joiners(self.services, &self.named.cluster, group, ledger).await
            }
            _ => BTreeMap::new(),
        };
        let cluster = self.named.cluster.clone();
        let observation = Observation { cluster, group, owner, ledger, parameters, etcd, names, reports };
        Round { observation, etag, listed }
    }

    /// Compares the voters' copies, if that is due and was not done in this invocation. The next look has the hashes.
    /// This is no part of a look: it may take seconds, and what a look saw must not be older than that.
    pub async fn compare(&mut self, observation: &Observation, now: Timestamp, limit: Duration) -> bool {
        match compare::due(observation, now) {
            Some(due) => self.hashes.ask(self.etcd, due, limit).await,
            None => false,
        }
    }

    async fn parts(&self, described: Option<DescribedGroup>) -> Result<Parts, Unseen> {
        let describe = async {
            match described {
                Some(group) => Ok(Some(group)),
                None => self.services.autoscaling.group(&self.group).await,
            }
        };
        let (group, machines, hooks) = join!(
            describe,
            self.services.ec2.of_group(&self.group),
            self.services.autoscaling.hooks(&self.group)
        );
        let group = group.map_err(unseen)?;
        let group = group.ok_or_else(|| Unseen::from(format!("there is no group {}", self.group)))?;
        let mut settings = self.services.config.settings(&group.tags);
        settings.problems.splice(0..0, self.named.problems.iter().cloned());
        Ok(Parts { group, machines: machines.map_err(unseen), hooks: hooks.map_err(unseen), settings })
    }

    /// Whether the group's instances are in a VPC that this deployment does not serve.
    pub fn is_elsewhere(&self, group: &Group) -> bool {
        let (vpc, served) = (&group.identity.vpc, self.services.config.vpc.as_ref());
        !vpc.is_empty() && served.is_some_and(|served| served != vpc)
    }

    /// The owner's record is read in each look until it has settled, and once in each invocation after that.
    async fn owner(&mut self, arn: Option<&str>) -> Seen<Ownership> {
        if let Some(settled) = &self.owner {
            return Seen::Known(settled.clone());
        }
        let Some(arn) = arn else { return Seen::unseen("the group was not seen") };
        let Some(name) = owner::parameter(arn) else {
            return Seen::Unknown(unseen(ExecuteError::OddArn(arn.to_owned())));
        };
        let record = match self.services.parameters.owner(&name).await {
            Ok(record) => self.record.after(record),
            Err(error) => return Seen::Unknown(unseen(error)),
        };
        let (me, settles) =
            (self.services.config.owner(&self.named.cluster), self.services.config.owner_settles);
        let ownership = Ownership { me, record, settles };
        if ownership.is_certain(now()) {
            self.owner = Some(ownership.clone());
        }
        Seen::Known(ownership)
    }

    async fn documents(
        &mut self,
        parts: Option<&Parts>,
    ) -> (Seen<Option<Ledger>>, Option<ETag>, Seen<Parameters>, Seen<Ownership>) {
        if self.named.is_hidden() {
            let why = "the cluster's name is not known";
            return (Seen::unseen(why), None, Seen::unseen(why), Seen::unseen(why));
        }
        let owner = self.owner(parts.map(|p| p.group.arn.as_str())).await;
        let (services, cluster, freshest) = (self.services, &self.named.cluster, &mut self.freshest);
        let parameters = async {
            match parts {
                Some(parts) if parts.settings.is_unreadable("prefix") => {
                    Seen::unseen("their path cannot be read")
                }
                Some(parts) => {
                    let path = ParameterPath::new(&parts.settings.prefix, cluster);
                    let read = services.parameters.read_all(&path).await;
                    seen(read.map(|read| sorted_out(&path, freshest.after(read))))
                }
                None => Seen::unseen("the group was not seen"),
            }
        };
        let (ledger, parameters) = join!(services.ledgers.read(cluster), parameters);
        match ledger {
            Ok(Some(found)) => (Seen::Known(Some(found.ledger)), Some(found.etag), parameters, owner),
            Ok(None) => (Seen::Known(None), None, parameters, owner),
            Err(error) => (Seen::Unknown(unseen(error)), None, parameters, owner),
        }
    }

    /// Asks EC2 by ID for each instance that the group or the ledger names and that EC2 did not list under the
    /// group's tag. Where EC2 does not answer, or the hooks could not be read, the group is not seen, and what is known
    /// of it comes second.
    async fn complete(&self, parts: Parts, ledger: Option<&Ledger>) -> (Seen<Group>, Option<Group>) {
        let mut machines = match (&parts.machines, &parts.hooks) {
            (Ok(machines), Ok(_)) => machines.clone(),
            (Err(unseen), _) | (_, Err(unseen)) => {
                return (Seen::Unknown(unseen.clone()), Some(parts.assemble(Vec::new(), ledger)));
            }
        };
        let missing: Vec<InstanceId> = parts.unlisted(&machines, ledger);
        if !missing.is_empty() {
            match self.services.ec2.of_ids(&missing).await {
                Ok(found) => machines.extend(found),
                Err(error) => return (Seen::Unknown(unseen(error)), Some(parts.assemble(machines, ledger))),
            }
        }
        (Seen::Known(parts.assemble(machines, ledger)), None)
    }
}

fn seen<T, E: Told>(result: Result<T, E>) -> Seen<T> {
    match result {
        Ok(fact) => Seen::Known(fact),
        Err(error) => Seen::Unknown(unseen(error)),
    }
}

/// Why something was not seen, and whether an operator has to change something before it can be.
fn unseen(error: impl Told) -> Unseen {
    Unseen { why: chain(&error), refused: error.ended() == Ended::NotDone(Retry::OnceMended) }
}

/// An error that tells what is known of its call.
trait Told: Error {
    fn ended(&self) -> Ended;
}

macro_rules! told {
    ($($error:ty),+) => {
        $(impl Told for $error {
            fn ended(&self) -> Ended {
                <$error>::ended(self)
            }
        })+
    };
}
told!(AutoScalingError, Ec2Error, ExecuteError, LedgerStoreError, ParametersError);
