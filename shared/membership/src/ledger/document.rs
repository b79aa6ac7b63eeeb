//! What stands in the ledger, and how it is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::conditions::{ConditionKey, Conditions};
use crate::change::{Change, Proposal};
use crate::ids::{ClusterId, InstanceId, MemberId, Nonce, RequestId, Timestamp};
use crate::words::one_line;

/// The format that this version reads and writes.
pub const FORMAT: u32 = 1;

/// The whole document. Written only by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Always [`FORMAT`].
    pub format: u32,
    /// Grows by one with every write: an ETag is a hash of the content, and without this a document that came
    /// back to an earlier content would let a stale compare succeed.
    pub revision: u64,
    /// Who wrote it.
    pub writer: Writer,
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
    /// The group that this ledger is about.
    pub group: GroupIdentity,
    /// The present, or last, etcd cluster of the group.
    pub generation: Generation,
    /// Every instance that was given an env in this generation.
    pub instances: BTreeMap<InstanceId, InstanceRecord>,
    /// The one change in flight.
    pub claim: Option<Claim>,
    /// Changes that were sent and never answered: they may still happen.
    pub unanswered: Vec<UnansweredChange>,
    /// Since when something holds.
    pub conditions: Conditions,
    /// The last fifty outcomes, oldest first.
    pub history: Vec<HistoryEntry>,
}

/// Who made a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Writer {
    /// The Lambda request.
    pub request: RequestId,
    /// This very write.
    pub nonce: Nonce,
}

/// The group, so that another one under the same name is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupIdentity {
    /// The group's name.
    pub name: String,
    /// Its ARN, which holds an ID that a recreated group does not get again.
    pub arn: String,
    /// The VPC of its instances.
    pub vpc: String,
}

/// One etcd cluster's whole life.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Generation {
    /// 1, 2, 3, …
    pub number: u32,
    /// etcd's `initial-cluster-token`.
    pub token: String,
    /// The one instance that starts with state `new`; none where the cluster was adopted.
    pub seed: Option<Seed>,
    /// Where its data came from.
    pub source: Source,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// By which event.
    pub opened_by: String,
    /// Where its life stands.
    pub phase: Phase,
    /// What it turned out to be, recorded at first contact.
    pub identity: Option<Identity>,
}

/// The seed of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seed {
    /// The instance.
    pub instance: InstanceId,
    /// Its peer URL.
    pub peer_url: String,
}

/// Where a generation's data came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It began empty.
    New,
    /// Something else had created it, and it was running.
    Adopted,
}

/// Where a generation's life stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its seed was chosen; nobody was promised anything.
    Opened,
    /// It has been published to clients. It is never left behind by itself.
    Formed,
    /// It died before it formed; all its instances must go.
    Abandoned,
    /// The operator ended it.
    Ended,
}

/// An etcd cluster, as it said of itself at first contact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Its cluster ID.
    pub cluster: ClusterId,
    /// Its first member; none where the cluster was adopted.
    pub seed_member: Option<MemberId>,
    /// The etcd version that founded it, or that its leader ran when it was adopted.
    pub version: String,
}

/// Whether an env may still be used on an empty disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvState {
    /// The member may start on an empty data directory.
    Open,
    /// The member has started: an empty data directory is refused from now on.
    Sealed,
    /// It has none: something else starts this member, and its start is not ours to shape.
    Foreign,
}

/// An instance that was given an env.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Its member, once known.
    pub member: Option<MemberId>,
    /// Its peer URL.
    pub peer_url: String,
    /// Its env.
    pub env: EnvState,
    /// Whether its member has answered a linearizable read as a voter, once.
    pub voted: bool,
}

/// The one change in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// Which claim this is: a retried request keeps its request ID.
    pub nonce: Nonce,
    /// Whose it is.
    pub request: RequestId,
    /// The generation that it is about.
    pub generation: u32,
    /// What is to be done, and which member is asked.
    pub proposal: Proposal,
    /// The voters as observed.
    pub voters: BTreeSet<MemberId>,
    /// When the claimant is certainly dead: its invocation's deadline and 5 s for clocks.
    pub expires: Timestamp,
}

/// A change that was sent and got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnansweredChange {
    /// What may still happen.
    pub change: Change,
    /// The member that was asked.
    pub asked: Option<MemberId>,
    /// The voters of that time.
    pub voters: BTreeSet<MemberId>,
    /// When the request's own deadline is over.
    pub deadline: Timestamp,
    /// The first of the two rounds that let it lapse.
    #[serde(default)]
    pub clean: Option<CleanRound>,
}

/// A round in which every voter answered without a change that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CleanRound {
    /// When.
    pub at: Timestamp,
    /// Under which leader.
    pub leader: MemberId,
    /// And in which term of etcd: where an election came between, whoever led before may have handed the change on.
    pub term: u64,
}

/// One line of history.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// Why a ledger cannot be used.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// It is not JSON, or not a ledger.
    #[error("the ledger cannot be read: {}", one_line(.0))]
    Malformed(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("the ledger has format {0}, this version knows only {FORMAT}: deploy the version that wrote it")]
    UnknownFormat(u64),
}

impl Ledger {
    /// Reads a document. An unknown format is refused before anything else is looked at: old and new functions
    /// overlap during a deployment.
    pub fn from_json(bytes: &[u8]) -> Result<Ledger, LedgerError> {
        let value: serde_json::Value = serde_json::from_slice(bytes)?;
        if let Some(format) = value.get("format").and_then(serde_json::Value::as_u64)
            && format != u64::from(FORMAT)
        {
            return Err(LedgerError::UnknownFormat(format));
        }
        Ok(serde_json::from_value(value)?)
    }

    /// Writes the document, readable by an operator.
    pub fn to_json(&self) -> Result<Vec<u8>, LedgerError> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Since when the condition holds.
    pub fn since(&self, key: &ConditionKey) -> Option<Timestamp> {
        self.conditions.get(key).map(|m| m.since)
    }

    /// The seed's instance, where there was one.
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

    /// Whether the condition has been there for at least this long.
    pub fn aged(&self, key: &ConditionKey, now: Timestamp, span: std::time::Duration) -> bool {
        self.since(key).is_some_and(|since| now.since(since) >= span)
    }
}
