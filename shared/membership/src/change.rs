//! What can be done to the world: changes need the claim, and effects are single calls.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{InstanceId, MemberId};
use crate::owner::Owner;

/// A change that only the holder of the claim may make. Made late, or twice by two invocations, it could cost data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Add a launching instance as a learner, and create its env.
    AddLearner {
        /// The launching instance.
        instance: InstanceId,
        /// The peer URL that its etcd will serve.
        peer_url: String,
    },
    /// Seal the instance's env, then promote its learner.
    Promote {
        /// The instance of the learner.
        instance: InstanceId,
        /// The learner.
        member: MemberId,
    },
    /// Remove a member.
    Remove {
        /// The instance that the member belongs to, if it is known.
        instance: Option<InstanceId>,
        /// The member.
        member: MemberId,
        /// Whether the member votes.
        voter: bool,
    },
    /// Overwrite the instance's env, so that its boot script refuses an empty data directory from now on.
    Seal {
        /// The instance of a member that has started.
        instance: InstanceId,
    },
    /// Overwrite the env of a joiner that has not started, so that its `initial-cluster` agrees with the member list.
    RepairEnv {
        /// The instance of the joiner.
        instance: InstanceId,
    },
    /// Complete the launch hook with ABANDON: the group terminates and replaces the instance.
    AbandonLaunch {
        /// The launching instance.
        instance: InstanceId,
    },
    /// Complete the terminate hook with ABANDON, so that the group's policy retains the instance with its voter.
    RetainLeaving {
        /// The terminating instance.
        instance: InstanceId,
    },
    /// Set the instance unhealthy: the group replaces it.
    SetUnhealthy {
        /// The instance in service.
        instance: InstanceId,
    },
}

impl Change {
    /// Whether the change is a change of etcd's membership. Without an answer, such a change may still happen.
    pub fn changes_membership(&self) -> bool {
        matches!(self, Change::AddLearner { .. } | Change::Promote { .. } | Change::Remove { .. })
    }

    /// The instance that the change is about.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Change::AddLearner { instance, .. }
            | Change::Promote { instance, .. }
            | Change::Seal { instance }
            | Change::RepairEnv { instance }
            | Change::AbandonLaunch { instance }
            | Change::RetainLeaving { instance }
            | Change::SetUnhealthy { instance } => Some(instance),
            Change::Remove { instance, .. } => instance.as_ref(),
        }
    }
}

impl Change {
    /// The call to AWS that the change comes to, or begins with, as [`Effect::call`] names it. `None` where etcd alone
    /// is asked.
    pub fn call(&self) -> Option<String> {
        let overwrite = |i: &InstanceId| Some(overwriting(i));
        match self {
            Change::AddLearner { .. } | Change::Remove { .. } => None,
            Change::Promote { instance, .. } | Change::Seal { instance } | Change::RepairEnv { instance } => {
                overwrite(instance)
            }
            Change::AbandonLaunch { instance } => Some(Effect::AbandonLaunch(instance.clone()).call()),
            Change::RetainLeaving { instance } => Some(Effect::AbandonTerminate(instance.clone()).call()),
            Change::SetUnhealthy { instance } => Some(Effect::SetUnhealthy(instance.clone()).call()),
        }
    }
}

fn overwriting(instance: &InstanceId) -> String {
    format!("overwrite the env of {instance}")
}

impl Effect {
    /// What the call does, whatever the value that it writes: two calls with the same text stand and fall together.
    pub fn call(&self) -> String {
        match self {
            Effect::OverwriteEnv { instance, .. } => overwriting(instance),
            Effect::PutInitialCluster(_) => "put initial-cluster".to_owned(),
            Effect::PutEndpoints(_) => "put endpoints".to_owned(),
            Effect::CreateOwner(_) | Effect::TakeOwner(_) => "record the group's owner".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::AddLearner { instance, peer_url } => write!(f, "add {instance} as learner at {peer_url}"),
            Change::Promote { instance, member } => write!(f, "promote {instance}, member {member}"),
            Change::Remove { instance, member, voter } => {
                let kind = if *voter { "voter" } else { "learner" };
                match instance {
                    Some(instance) => write!(f, "remove {kind} {member} of {instance}"),
                    None => write!(f, "remove {kind} {member} of no known instance"),
                }
            }
            Change::Seal { instance } => write!(f, "seal the env of {instance}"),
            Change::RepairEnv { instance } => write!(f, "repair the env of {instance}"),
            Change::AbandonLaunch { instance } => write!(f, "abandon the launch of {instance}"),
            Change::RetainLeaving { instance } => {
                write!(f, "abandon the termination of {instance}, to retain it")
            }
            Change::SetUnhealthy { instance } => write!(f, "set {instance} unhealthy"),
        }
    }
}

/// A change, and the member that is to be asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proposal {
    /// The change that a rule proposes.
    #[serde(flatten)]
    pub change: Change,
    /// For a change of the membership, the leader: it alone is asked.
    pub asked: Option<MemberId>,
}

/// A single call to AWS or to etcd.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Effect {
    /// Put the env parameter of an instance, only if there is none.
    CreateEnv {
        /// The instance that boots with the env.
        instance: InstanceId,
        /// The env file: lines of `NAME=value`.
        env: String,
    },
    /// Overwrite the env parameter of an instance.
    OverwriteEnv {
        /// The instance that boots with the env.
        instance: InstanceId,
        /// The env file: lines of `NAME=value`.
        env: String,
    },
    /// Ask the leader to add a learner.
    AddLearner {
        /// The leader's client URL.
        via: String,
        /// The peer URL of the new learner.
        peer_url: String,
    },
    /// Ask the leader to promote a learner.
    Promote {
        /// The leader's client URL.
        via: String,
        /// The learner.
        member: MemberId,
    },
    /// Ask the leader to remove a member.
    RemoveMember {
        /// The leader's client URL.
        via: String,
        /// The member.
        member: MemberId,
    },
    /// Ask the leader to hand leadership to another voter.
    MoveLeader {
        /// The leader's client URL.
        via: String,
        /// The voter that is to lead.
        to: MemberId,
    },
    /// Ask the leader for a lease of a few seconds. It makes an entry in the log and touches no key.
    GrantLease {
        /// The leader's client URL.
        via: String,
    },
    /// Complete the launch hook with CONTINUE.
    ContinueLaunch(InstanceId),
    /// Complete the launch hook with ABANDON.
    AbandonLaunch(InstanceId),
    /// Complete the terminate hook with CONTINUE.
    ContinueTerminate(InstanceId),
    /// Complete the terminate hook with ABANDON. The group's policy retains the instance.
    AbandonTerminate(InstanceId),
    /// Set the instance's health to Unhealthy.
    SetUnhealthy(InstanceId),
    /// Put `initial-cluster`.
    PutInitialCluster(String),
    /// Put `endpoints`.
    PutEndpoints(Vec<String>),
    /// Delete `endpoints` and `initial-cluster` of a cluster that is over.
    DeletePublished,
    /// Delete the env of an instance that is gone.
    DeleteEnv(InstanceId),
    /// Write the record of the group's owner, only if there is none.
    CreateOwner(Box<Owner>),
    /// Write the record of the group's owner over the young record of a deployment without a ledger.
    TakeOwner(Box<Owner>),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::CreateEnv { instance, .. } => write!(f, "create the env of {instance}"),
            Effect::OverwriteEnv { instance, .. } => write!(f, "overwrite the env of {instance}"),
            Effect::AddLearner { via, peer_url } => write!(f, "ask {via} to add the learner at {peer_url}"),
            Effect::Promote { via, member } => write!(f, "ask {via} to promote {member}"),
            Effect::RemoveMember { via, member } => write!(f, "ask {via} to remove {member}"),
            Effect::MoveLeader { via, to } => write!(f, "ask {via} to hand leadership to {to}"),
            Effect::GrantLease { via } => write!(f, "ask {via} for a lease, for an entry in the log"),
            Effect::ContinueLaunch(i) => write!(f, "complete the launch of {i} with CONTINUE"),
            Effect::AbandonLaunch(i) => write!(f, "complete the launch of {i} with ABANDON"),
            Effect::ContinueTerminate(i) => write!(f, "complete the termination of {i} with CONTINUE"),
            Effect::AbandonTerminate(i) => write!(f, "complete the termination of {i} with ABANDON"),
            Effect::SetUnhealthy(i) => write!(f, "set {i} unhealthy"),
            Effect::PutInitialCluster(value) => write!(f, "put initial-cluster {value}"),
            Effect::PutEndpoints(urls) => write!(f, "put endpoints {}", urls.join(",")),
            Effect::DeletePublished => f.write_str("delete endpoints and initial-cluster"),
            Effect::DeleteEnv(i) => write!(f, "delete the env of {i}"),
            Effect::CreateOwner(owner) => {
                write!(f, "record the group's owner: {owner}")
            }
            Effect::TakeOwner(owner) => {
                write!(f, "take the group back from a deployment without a ledger, for {owner}")
            }
        }
    }
}
