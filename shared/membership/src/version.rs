//! Versions of etcd, as far as they decide who may join.

use std::fmt;

use serde::Serialize;

use crate::ids::MemberId;

/// A minor version, such as `3.6`: what etcd's compatibility is promised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Minor(pub u32, pub u32);

impl Minor {
    /// Reads `3.6`.
    pub fn parse(text: &str) -> Option<Minor> {
        let (major, minor) = text.split_once('.')?;
        Some(Minor(major.parse().ok()?, minor.parse().ok()?))
    }

    /// The next minor of the same major.
    pub fn next(self) -> Minor {
        Minor(self.0, self.1.saturating_add(1))
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// A version as a server's status tells it, such as `3.6.16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `3.6` of `3.6.16`.
    pub minor: Minor,
    /// `16` of `3.6.16`. `None` for a pre-release, which is older than the release that it is named after.
    pub patch: Option<u32>,
}

impl Version {
    /// Reads `3.6.16`, `3.6.0-rc.1` or `3.6.16+git`. Anything else is no version, never guessed.
    pub fn parse(text: &str) -> Option<Version> {
        let (release, pre) = match text.split_once('-') {
            Some((release, _)) => (release, true),
            None => (text.split('+').next()?, false),
        };
        let mut numbers = release.split('.').map(|n| n.parse::<u32>().ok());
        let minor = Minor(numbers.next()??, numbers.next()??);
        let patch = numbers.next()??;
        numbers.next().is_none().then_some(Version { minor, patch: (!pre).then_some(patch) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            Some(patch) => write!(f, "{}.{patch}", self.minor),
            None => write!(f, "a pre-release of {}", self.minor),
        }
    }
}

/// 3.6 joins only beside 3.5 members that keep a learner's promotion on disk, as 3.5.32 and newer do (etcd's upgrade
/// guide to 3.6).
pub const PERSISTS_PROMOTIONS: Version = Version { minor: Minor(3, 5), patch: Some(32) };
/// The minor before which every 3.5 member must keep promotions on disk.
pub const NEEDS_PERSISTED_PROMOTIONS: Minor = Minor(3, 6);
/// 3.7 panics on a log entry that 3.5 wrote (tried with 3.7.3).
pub const READS_NO_OLD_ENTRIES: Minor = Minor(3, 7);
/// 3.7 can read every log entry that 3.6 or a newer etcd wrote.
pub const WRITES_NEW_ENTRIES: Minor = Minor(3, 6);
/// A joiner gets a snapshot instead of old entries once the leader has applied about 100 more (tried with 3.6.16: 90
/// were too few, 105 enough). This is twice that.
pub const ENTRIES_UNTIL_SNAPSHOT: u64 = 200;

/// Why an etcd of some minor may not join now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The minor is neither the cluster's lowest minor nor the next.
    OutOfReach {
        /// The lowest minor of the members.
        cluster: Minor,
    },
    /// The etcd would be the first of its minor, and the version of this member is not known.
    Unknown(MemberId),
    /// This member is too old for the step to the minor.
    TooOld(MemberId, Version),
    /// The log may still hold entries of 3.5.
    OldEntries {
        /// By how many entries the log has grown since the last 3.5 member was seen to leave, or since every member of
        /// an adopted cluster was first seen at a newer minor.
        grown: u64,
        /// Whether the cluster was adopted: then it is not known whether it ever ran 3.5.
        adopted: bool,
    },
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::OutOfReach { cluster } => {
                write!(
                    f,
                    "the cluster runs etcd {cluster} and takes {cluster} or {}: upgrades go one minor at a time",
                    cluster.next()
                )
            }
            Closed::Unknown(member) => {
                write!(
                    f,
                    "the version of member {member} is not known, and every member's version must be known"
                )
            }
            Closed::TooOld(member, version) => {
                write!(
                    f,
                    "member {member} is {version}, and every {} member must be {PERSISTS_PROMOTIONS} or newer",
                    version.minor
                )
            }
            Closed::OldEntries { grown, adopted } => {
                let old = PERSISTS_PROMOTIONS.minor;
                let (why, since) = match adopted {
                    true => (
                        format!(
                            "the cluster was adopted, so it is not known whether its log holds entries of etcd {old}"
                        ),
                        format!("while every member is {WRITES_NEW_ENTRIES} or newer"),
                    ),
                    false => (
                        format!("the log may still hold entries of etcd {old}"),
                        "after the last such member left".to_owned(),
                    ),
                };
                write!(
                    f,
                    "{why}: it must grow by more than {ENTRIES_UNTIL_SNAPSHOT} entries {since}, and has grown by {grown}; wait, or write to the cluster"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_nothing_is_guessed() {
        let read = |text| Version::parse(text).map(|v| (v.minor.0, v.minor.1, v.patch));
        assert_eq!(read("3.5.32"), Some((3, 5, Some(32))));
        assert_eq!(read("3.6.16+git"), Some((3, 6, Some(16))));
        assert_eq!(read("3.6.0-rc.1"), Some((3, 6, None)));
        for wrong in ["", "3", "3.5", "3.5.", "3.x.1", "not_decided", "unknown", "3.5.1.2", "v3.5.1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn minors_are_ordered_as_numbers() {
        assert!(Minor(3, 10) > Minor(3, 9));
        assert_eq!(Minor(3, 9).next(), Minor(3, 10));
    }
}
