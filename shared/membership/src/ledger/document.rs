//! What stands in the ledger, and how it is read.
//!
//! IDs of members and clusters stand in decimal, as etcd's own JSON has them; the sentences of the history, like
//! everything else that people read, have them in hexadecimal, as etcdctl does. Format 1 keeps the decimals: older
//! functions read them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::conditions::{ConditionKey, Conditions};
use super::failures::Failures;
use super::refused::RefusedCalls;
use crate::change::{Change, Proposal};
use crate::ids::{ClusterId, InstanceId, MemberId, Nonce, RequestId, Timestamp};
use crate::instance::Transition;
use crate::words::one_line;

/// The format that this version reads and writes.
pub const FORMAT: u32 = 1;

/// The whole document. It is written only by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Always [`FORMAT`].
    pub format: u32,
    /// Grows by one with every write. An ETag is a hash of the content: without the revision, a document that came
    /// back to an earlier content would let a stale compare succeed.
    pub revision: u64,
    /// The invocation and the write that made this document.
    pub writer: Writer,
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
    /// The group that this ledger is about. Another group under the same name is refused.
    pub group: GroupIdentity,
    /// The present etcd cluster of the group, or the last.
    pub generation: Generation,
    /// Every instance that was given an env in this generation.
    pub instances: BTreeMap<InstanceId, InstanceRecord>,
    /// The change in flight, if there is one.
    pub claim: Option<Claim>,
    /// Changes that were sent and got no answer. Each of them may still happen.
    pub unanswered: Vec<UnansweredChange>,
    /// Since when something holds.
    pub conditions: Conditions,
    /// The joins and foundings that failed since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Failures>,
    /// The last fifty things that happened, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Which lifecycle hooks of the group are etcd-asg's. Others may stand beside them.
    #[serde(default, skip_serializing_if = "HookNames::is_empty")]
    pub hooks: HookNames,
    /// The calls to AWS that were refused until an operator changes something.
    #[serde(default, skip_serializing_if = "RefusedCalls::is_empty")]
    pub refused: RefusedCalls,
    /// Where an operator moved this ledger to. Nobody acts on the document that was left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
}

/// The names of the two lifecycle hooks that etcd-asg works with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HookNames {
    /// The hook of launching instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<String>,
    /// The hook of terminating instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminate: Option<String>,
}

impl HookNames {
    /// Whether no hook is on record, as in a ledger of an earlier version.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The name of the hook of this transition.
    pub fn of(&self, transition: Transition) -> Option<&str> {
        match transition {
            Transition::Launch => self.launch.as_deref(),
            Transition::Terminate => self.terminate.as_deref(),
        }
    }
}

/// The invocation and the write that made a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Writer {
    /// The Lambda request of the invocation.
    pub request: RequestId,
    /// The nonce of this write: a retried request keeps its request ID.
    pub nonce: Nonce,
}

/// What tells a group from another group under the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupIdentity {
    /// The Auto Scaling group's name.
    pub name: String,
    /// The ARN. It holds an ID that a recreated group does not get again.
    pub arn: String,
    /// The VPC of the instances. It is empty while no instance tells it.
    pub vpc: String,
}

/// One etcd cluster's whole life, from its seed to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Generation {
    /// Counts the etcd clusters of the group, from 1.
    pub number: u32,
    /// etcd's `initial-cluster-token`: the cluster's name and the number.
    pub token: String,
    /// The one instance that starts with state `new`. An adopted cluster has no seed.
    pub seed: Option<Seed>,
    /// Where the data came from.
    pub source: Source,
    /// When the generation was opened, by the clock of the invocation that opened it.
    pub opened_at: Timestamp,
    /// The Lambda request of the invocation that opened it.
    pub opened_by: String,
    /// Where the life of the generation stands.
    pub phase: Phase,
    /// The etcd cluster that it turned out to be, recorded at first contact.
    pub identity: Option<Identity>,
}

/// The seed of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seed {
    /// The EC2 instance ID.
    pub instance: InstanceId,
    /// The peer URL that its env names.
    pub peer_url: String,
}

/// Where a generation's data came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The cluster began empty.
    New,
    /// Something else had created the cluster, and it was running.
    Adopted,
}

/// Where a generation's life stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The seed was chosen. No client was told of the cluster yet.
    Opened,
    /// The cluster has been published to clients. It is never left behind without an operator's word.
    Formed,
    /// The cluster died before it formed. All its instances must go.
    Abandoned,
    /// The operator ended the cluster.
    Ended,
}

/// An etcd cluster, as it said of itself at first contact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster ID that etcd derives when the cluster is founded.
    pub cluster: ClusterId,
    /// The first member. An adopted cluster has none on record.
    pub seed_member: Option<MemberId>,
    /// The etcd version of the seed, or of the leader at the adoption.
    pub version: String,
}

/// Whether an instance's env lets its member start on an empty disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvState {
    /// The member may start on an empty data directory.
    Open,
    /// The member has started: an empty data directory is refused from now on.
    Sealed,
    /// There is no env: something else starts this member.
    Foreign,
}

/// What is on record of an instance that was given an env, or that runs a member of an adopted cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// The member ID, once it is known.
    pub member: Option<MemberId>,
    /// The peer URL that the member was added with.
    pub peer_url: String,
    /// Whether its env lets it start on an empty disk.
    pub env: EnvState,
    /// Whether the member has answered a linearizable read as a voter at least once.
    pub voted: bool,
}

impl InstanceRecord {
    /// The record of an instance whose env lets it start on an empty disk.
    pub fn open(member: Option<MemberId>, peer_url: &str) -> Self {
        Self { member, peer_url: peer_url.to_owned(), env: EnvState::Open, voted: false }
    }
}

/// The right to make one change, and the change. While it is open, no other invocation changes anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// Tells this claim from every other claim: a retried request keeps its request ID.
    pub nonce: Nonce,
    /// The Lambda request of the invocation that holds the claim.
    pub request: RequestId,
    /// The generation that the change is about.
    pub generation: u32,
    /// The change, and the member that is asked for it.
    pub proposal: Proposal,
    /// The voters that the claimant observed.
    pub voters: BTreeSet<MemberId>,
    /// When the claimant is certainly dead: the deadline of its invocation, and 5 s for clocks that differ.
    pub expires: Timestamp,
}

/// A change that was sent and got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnansweredChange {
    /// The change.
    pub change: Change,
    /// The member that was asked, where a member was asked.
    pub asked: Option<MemberId>,
    /// The voters when the change was sent.
    pub voters: BTreeSet<MemberId>,
    /// Until when the request itself may live.
    pub deadline: Timestamp,
    /// The first of the two rounds that let the change lapse.
    #[serde(default)]
    pub clean: Option<CleanRound>,
}

/// A round in which every voter answered without an unanswered change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CleanRound {
    /// When the round was, by the clock of its invocation.
    pub at: Timestamp,
    /// The leader of the round.
    pub leader: MemberId,
    /// The raft term of the round. Where an election came between two rounds, the leader before it may have handed
    /// the change on.
    pub term: u64,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it happened, by the clock of the invocation that wrote it.
    pub at: Timestamp,
    /// What happened, as a sentence for people.
    pub text: String,
}

/// Why a ledger cannot be used.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The document is not JSON, or not a ledger.
    #[error("the ledger cannot be read: {}", one_line(.0))]
    Malformed(#[from] serde_json::Error),
    /// Another version of the functions wrote the document.
    #[error(
        "the ledger has format {0}, and this version knows only format {FORMAT}: deploy the version that wrote it"
    )]
    UnknownFormat(u64),
}

impl Ledger {
    /// Reads a document. An unknown format is refused before anything else is looked at, because old and new
    /// functions overlap during a deployment.
    pub fn from_json(bytes: &[u8]) -> Result<Ledger, LedgerError> {
        let value: serde_json::Value = serde_json::from_slice(bytes)?;
        if let Some(format) = value.get("format").and_then(serde_json::Value::as_u64)
            && format != u64::from(FORMAT)
        {
            return Err(LedgerError::UnknownFormat(format));
        }
        Ok(serde_json::from_value(value)?)
    }

    /// Writes the document so that an operator can read it.
    pub fn to_json(&self) -> Result<Vec<u8>, LedgerError> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Since when the condition holds, if it holds.
    pub fn since(&self, key: &ConditionKey) -> Option<Timestamp> {
        self.conditions.get(key).map(|m| m.since)
    }

    /// The seed's instance. An adopted cluster has no seed.
    pub fn seed(&self) -> Option<&InstanceId> {
        self.generation.seed.as_ref().map(|seed| &seed.instance)
    }

    /// The instance that this member ID is recorded for.
    pub fn instance_of(&self, member: MemberId) -> Option<&InstanceId> {
        self.instances.iter().find(|(_, r)| r.member == Some(member)).map(|(id, _)| id)
    }

    /// The member ID that is recorded for this instance.
    pub fn member_of(&self, instance: &InstanceId) -> Option<MemberId> {
        self.instances.get(instance).and_then(|r| r.member)
    }

    /// The cluster ID of this generation.
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.generation.identity.as_ref().map(|i| i.cluster)
    }

    /// Whether the condition has held for at least this long.
    pub fn aged(&self, key: &ConditionKey, now: Timestamp, span: std::time::Duration) -> bool {
        self.since(key).is_some_and(|since| now.since(since) >= span)
    }
}
