//! Since when something holds: the one memory for every grace period.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{InstanceId, Timestamp};
use crate::version::Minor;

/// What a mark is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum MarkKey {
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

impl MarkKey {
    /// The instance that the mark is about.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            MarkKey::LaunchWaiting(i)
            | MarkKey::TerminateWaiting(i)
            | MarkKey::Unproven(i)
            | MarkKey::Gone(i)
            | MarkKey::Joining(i)
            | MarkKey::GivenUp(i) => Some(i),
            MarkKey::Silent | MarkKey::Stalled | MarkKey::Removed | MarkKey::Version(_) => None,
        }
    }
}

impl fmt::Display for MarkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MarkKey::LaunchWaiting(i) => write!(f, "waiting-launch/{i}"),
            MarkKey::TerminateWaiting(i) => write!(f, "waiting-terminate/{i}"),
            MarkKey::Unproven(i) => write!(f, "unproven/{i}"),
            MarkKey::Gone(i) => write!(f, "gone/{i}"),
            MarkKey::Joining(i) => write!(f, "joining/{i}"),
            MarkKey::GivenUp(i) => write!(f, "given-up/{i}"),
            MarkKey::Silent => f.write_str("silent"),
            MarkKey::Stalled => f.write_str("stalled"),
            MarkKey::Removed => f.write_str("removed"),
            MarkKey::Version(minor) => write!(f, "version/{minor}"),
        }
    }
}

impl From<MarkKey> for String {
    fn from(key: MarkKey) -> String {
        key.to_string()
    }
}

impl TryFrom<String> for MarkKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, instance) = text.split_once('/').unwrap_or((text.as_str(), ""));
        let id = InstanceId::from(instance);
        Ok(match (kind, instance.is_empty()) {
            ("waiting-launch", false) => MarkKey::LaunchWaiting(id),
            ("waiting-terminate", false) => MarkKey::TerminateWaiting(id),
            ("unproven", false) => MarkKey::Unproven(id),
            ("gone", false) => MarkKey::Gone(id),
            ("joining", false) => MarkKey::Joining(id),
            ("given-up", false) => MarkKey::GivenUp(id),
            ("silent", true) => MarkKey::Silent,
            ("stalled", true) => MarkKey::Stalled,
            ("removed", true) => MarkKey::Removed,
            ("version", false) => MarkKey::Version(
                Minor::parse(instance)
                    .ok_or_else(|| format!("{instance:?} in {text:?} is no minor version"))?,
            ),
            _ => return Err(format!("{text:?} is not a mark that this version knows")),
        })
    }
}

/// When something began, and, for [`MarkKey::Joining`] and [`MarkKey::Version`], the applied index seen then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// Since when it holds.
    pub since: Timestamp,
    /// The joiner's applied index, once it was seen started; the leader's, once it was read after the last older
    /// member had left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<u64>,
}

/// All marks of one cluster.
pub type Marks = BTreeMap<MarkKey, Mark>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_reads_back_as_written() {
        let i = || InstanceId::from("i-1234abcd");
        for key in [
            MarkKey::LaunchWaiting(i()),
            MarkKey::TerminateWaiting(i()),
            MarkKey::Unproven(i()),
            MarkKey::Gone(i()),
            MarkKey::Joining(i()),
            MarkKey::GivenUp(i()),
            MarkKey::Silent,
            MarkKey::Stalled,
            MarkKey::Removed,
            MarkKey::Version(Minor(3, 6)),
        ] {
            assert_eq!(MarkKey::try_from(key.to_string()), Ok(key));
        }
        assert!(MarkKey::try_from("gone/".to_owned()).is_err());
        assert!(MarkKey::try_from("version/new".to_owned()).is_err());
        assert!(MarkKey::try_from("mood/i-1".to_owned()).is_err());
    }
}
