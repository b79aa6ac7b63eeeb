//! What can be done to the world: changes, which need the claim, and effects, which are single calls.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{InstanceId, MemberId};

/// A change that only the holder of the claim may make: done late or twice by someone else, it could cost data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Add a launching instance as a learner, and publish its env.
    AddLearner {
        /// The instance.
        instance: InstanceId,
        /// Its peer URL.
        peer_url: String,
    },
    /// Seal its env, then promote its learner.
    Promote {
        /// The instance.
        instance: InstanceId,
        /// Its learner.
        member: MemberId,
    },
    /// Remove a member.
    Remove {
        /// The instance it belongs to, where one is known.
        instance: Option<InstanceId>,
        /// The member.
        member: MemberId,
        /// Whether it votes.
        voter: bool,
    },
    /// Overwrite its env so that an empty data directory is refused from now on.
    Seal {
        /// The instance.
        instance: InstanceId,
    },
    /// Overwrite the env of a joiner that has not started, so that its string agrees with the membership.
    RepairEnv {
        /// The instance.
        instance: InstanceId,
    },
    /// Abandon its launch: the group terminates and replaces it.
    AbandonLaunch {
        /// The instance.
        instance: InstanceId,
    },
    /// Abandon its termination, so that the group's policy retains it with its voter.
    RetainLeaving {
        /// The instance.
        instance: InstanceId,
    },
    /// Set it unhealthy: the group replaces it.
    SetUnhealthy {
        /// The instance.
        instance: InstanceId,
    },
}

impl Change {
    /// Whether it changes etcd's membership: such a change, unanswered, may still happen.
    pub fn changes_membership(&self) -> bool {
        matches!(self, Change::AddLearner { .. } | Change::Promote { .. } | Change::Remove { .. })
    }

    /// The instance that it is about.
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

/// A change, and the member that is to be asked for it: always the leader, for a change of the membership.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proposal {
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// The leader, for a change of the membership.
    pub asked: Option<MemberId>,
}

/// One call to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Effect {
    /// Put the env parameter, only if it does not exist.
    CreateEnv {
        /// The instance.
        instance: InstanceId,
        /// The env file.
        env: String,
    },
    /// Overwrite the env parameter.
    OverwriteEnv {
        /// The instance.
        instance: InstanceId,
        /// The env file.
        env: String,
    },
    /// Ask the leader to add a learner.
    AddLearner {
        /// The leader's client URL.
        via: String,
        /// The learner's peer URL.
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
    /// Ask the leader to hand leadership on.
    MoveLeader {
        /// The leader's client URL.
        via: String,
        /// The voter that is to lead.
        to: MemberId,
    },
    /// Ask the leader for a lease of a few seconds that nobody uses: an entry for the log, and no key is touched.
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
    /// Complete the terminate hook with ABANDON, under a group that retains.
    AbandonTerminate(InstanceId),
    /// Set the instance's health to Unhealthy.
    SetUnhealthy(InstanceId),
    /// Put `initial-cluster`.
    PutInitialCluster(String),
    /// Put `endpoints`.
    PutEndpoints(Vec<String>),
    /// Delete `endpoints` and `initial-cluster` of a cluster that has ended.
    DeletePublished,
    /// Delete the env of an instance that is gone.
    DeleteEnv(InstanceId),
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
        }
    }
}
