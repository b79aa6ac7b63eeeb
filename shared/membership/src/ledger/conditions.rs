//! Since when something holds: the one memory for every grace period.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{InstanceId, Timestamp};
use crate::instance::Transition;
use crate::version::Minor;

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ConditionKey {
    /// Its launch hook was first seen waiting.
    LaunchWaiting(InstanceId),
    /// Its terminate hook was first seen waiting.
    TerminateWaiting(InstanceId),
    /// Its voter was first missed, or it was first seen in service without a member.
    Unproven(InstanceId),
    /// It was first seen terminated, or missing from EC2 and the group.
    Gone(InstanceId),
    /// Its env was given, or it last made progress towards joining.
    Joining(InstanceId),
    /// It was given up as a joiner; stays until the instance is gone.
    GivenUp(InstanceId),
    /// No linearizable member list could be had.
    Silent,
    /// A forming cluster has all the voters it can get, and they are fewer than desired.
    Stalled,
    /// A member was last removed: etcd derives member IDs from URL and second.
    Removed,
    /// Every member was first seen at this minor, or a newer one.
    Version(Minor),
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
            | ConditionKey::GivenUp(i) => Some(i),
            ConditionKey::Silent
            | ConditionKey::Stalled
            | ConditionKey::Removed
            | ConditionKey::Version(_) => None,
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
            ConditionKey::GivenUp(i) => write!(f, "given-up/{i}"),
            ConditionKey::Silent => f.write_str("silent"),
            ConditionKey::Stalled => f.write_str("stalled"),
            ConditionKey::Removed => f.write_str("removed"),
            ConditionKey::Version(minor) => write!(f, "version/{minor}"),
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
            ("given-up", false) => ConditionKey::GivenUp(id),
            ("silent", true) => ConditionKey::Silent,
            ("stalled", true) => ConditionKey::Stalled,
            ("removed", true) => ConditionKey::Removed,
            ("version", false) => ConditionKey::Version(
                Minor::parse(instance)
                    .ok_or_else(|| format!("{instance:?} in {text:?} is no minor version"))?,
            ),
            _ => return Err(format!("{text:?} is not a condition that this version knows")),
        })
    }
}

/// When something began, and, for [`ConditionKey::Joining`] and [`ConditionKey::Version`], the applied index seen then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// Since when it holds.
    pub since: Timestamp,
    /// The joiner's applied index, once it was seen started; the leader's, once it was read after the last older
    /// member had left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<u64>,
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
            ConditionKey::GivenUp(i()),
            ConditionKey::Silent,
            ConditionKey::Stalled,
            ConditionKey::Removed,
            ConditionKey::Version(Minor(3, 6)),
        ] {
            assert_eq!(ConditionKey::try_from(key.to_string()), Ok(key));
        }
        assert!(ConditionKey::try_from("gone/".to_owned()).is_err());
        assert!(ConditionKey::try_from("version/new".to_owned()).is_err());
        assert!(ConditionKey::try_from("mood/i-1".to_owned()).is_err());
    }
}
