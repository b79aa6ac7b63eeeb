//! Since when something holds: the one memory for every patience and grace period.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{InstanceId, Timestamp};
use crate::instance::Transition;
use crate::version::Minor;

/// Which condition it is, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ConditionKey {
    /// The instance's launch hook waits.
    LaunchWaiting(InstanceId),
    /// The instance's terminate hook waits.
    TerminateWaiting(InstanceId),
    /// The instance's voter is missed, or the instance is in service without a member.
    Unproven(InstanceId),
    /// EC2 says that the instance is terminated, or EC2 and the group both lack it.
    Gone(InstanceId),
    /// The instance is joining. It begins anew with each progress.
    Joining(InstanceId),
    /// The leader is sending the joiner a snapshot.
    Receiving(InstanceId),
    /// The instance was given up as a joiner. It holds until the instance is gone.
    GivenUp(InstanceId),
    /// The instance went to the warm pool and its member was removed. Its disk holds the data of a removed member.
    Pooled(InstanceId),
    /// No linearizable member list can be had.
    Silent,
    /// A forming cluster has all the voters that it can get, and they are fewer than desired.
    Stalled,
    /// The group wanted no instance, and voters of then are still leaving.
    Held,
    /// A member was removed. It holds from the last removal on: etcd derives member IDs from the URL and the second.
    Removed,
    /// Every member runs this minor or a newer minor.
    Version(Minor),
    /// The voters' copies were compared. It begins anew with each comparison.
    Compared,
    /// The voters' copies differed when they were compared last.
    HashesDiffer,
}

impl ConditionKey {
    /// The condition that the hook of this transition waits for the instance.
    pub fn waiting(transition: Transition, instance: &InstanceId) -> ConditionKey {
        match transition {
            Transition::Launch => ConditionKey::LaunchWaiting(instance.clone()),
            Transition::Terminate => ConditionKey::TerminateWaiting(instance.clone()),
        }
    }

    /// The instance that the condition is about.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            ConditionKey::LaunchWaiting(i)
            | ConditionKey::TerminateWaiting(i)
            | ConditionKey::Unproven(i)
            | ConditionKey::Gone(i)
            | ConditionKey::Joining(i)
            | ConditionKey::Receiving(i)
            | ConditionKey::GivenUp(i)
            | ConditionKey::Pooled(i) => Some(i),
            ConditionKey::Silent
            | ConditionKey::Stalled
            | ConditionKey::Held
            | ConditionKey::Removed
            | ConditionKey::Version(_)
            | ConditionKey::Compared
            | ConditionKey::HashesDiffer => None,
        }
    }
}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConditionKey::LaunchWaiting(i) => write!(f, "waiting-launch/{i}"),
            ConditionKey::TerminateWaiting(i) => write!(f, "waiting-terminate/{i}"),
            ConditionKey::Unproven(i) => write!(f, "unproven/{i}"),
            ConditionKey::Gone(i) => write!(f, "gone/{i}"),
            ConditionKey::Joining(i) => write!(f, "joining/{i}"),
            ConditionKey::Receiving(i) => write!(f, "receiving/{i}"),
            ConditionKey::GivenUp(i) => write!(f, "given-up/{i}"),
            ConditionKey::Pooled(i) => write!(f, "pooled/{i}"),
            ConditionKey::Silent => f.write_str("silent"),
            ConditionKey::Stalled => f.write_str("stalled"),
            ConditionKey::Held => f.write_str("held"),
            ConditionKey::Removed => f.write_str("removed"),
            ConditionKey::Version(minor) => write!(f, "version/{minor}"),
            ConditionKey::Compared => f.write_str("compared"),
            ConditionKey::HashesDiffer => f.write_str("hashes-differ"),
        }
    }
}

impl From<ConditionKey> for String {
    fn from(key: ConditionKey) -> String {
        key.to_string()
    }
}

impl TryFrom<String> for ConditionKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, instance) = text.split_once('/').unwrap_or((text.as_str(), ""));
        let id = InstanceId::from(instance);
        Ok(match (kind, instance.is_empty()) {
            ("waiting-launch", false) => ConditionKey::LaunchWaiting(id),
            ("waiting-terminate", false) => ConditionKey::TerminateWaiting(id),
            ("unproven", false) => ConditionKey::Unproven(id),
            ("gone", false) => ConditionKey::Gone(id),
            ("joining", false) => ConditionKey::Joining(id),
            ("receiving", false) => ConditionKey::Receiving(id),
            ("given-up", false) => ConditionKey::GivenUp(id),
            ("pooled", false) => ConditionKey::Pooled(id),
            ("silent", true) => ConditionKey::Silent,
            ("stalled", true) => ConditionKey::Stalled,
            ("held", true) => ConditionKey::Held,
            ("removed", true) => ConditionKey::Removed,
            ("compared", true) => ConditionKey::Compared,
            ("hashes-differ", true) => ConditionKey::HashesDiffer,
            ("version", false) => ConditionKey::Version(
                Minor::parse(instance)
                    .ok_or_else(|| format!("{instance:?} in {text:?} is not a minor version"))?,
            ),
            _ => return Err(format!("{text:?} is not a condition that this version knows")),
        })
    }
}

/// A condition that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// Since when it holds, by the clock of the invocation that saw it first.
    pub since: Timestamp,
    /// An applied raft index. For [`ConditionKey::Joining`] it is the joiner's, once the joiner was seen started.
    /// For [`ConditionKey::Version`] it is the leader's, read in a later look than the look that saw the last older
    /// member gone. For [`ConditionKey::Compared`] it is the revision at which all copies were equal, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<u64>,
}

impl Condition {
    /// A condition that holds from now on.
    pub fn began(now: Timestamp) -> Self {
        Self { since: now, applied: None }
    }
}

/// All conditions of one cluster.
pub type Conditions = BTreeMap<ConditionKey, Condition>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_reads_back_as_written() {
        let i = || InstanceId::from("i-1234abcd");
        for key in [
            ConditionKey::LaunchWaiting(i()),
            ConditionKey::TerminateWaiting(i()),
            ConditionKey::Unproven(i()),
            ConditionKey::Gone(i()),
            ConditionKey::Joining(i()),
            ConditionKey::Receiving(i()),
            ConditionKey::GivenUp(i()),
            ConditionKey::Pooled(i()),
            ConditionKey::Silent,
            ConditionKey::Stalled,
            ConditionKey::Held,
            ConditionKey::Removed,
            ConditionKey::Version(Minor(3, 6)),
            ConditionKey::Compared,
            ConditionKey::HashesDiffer,
        ] {
            assert_eq!(ConditionKey::try_from(key.to_string()), Ok(key));
        }
        assert!(ConditionKey::try_from("gone/".to_owned()).is_err());
        assert!(ConditionKey::try_from("version/new".to_owned()).is_err());
        assert!(ConditionKey::try_from("mood/i-1".to_owned()).is_err());
    }
}
