//! etcd's alarms, as a status tells them.

use std::fmt;

use serde::Serialize;

use crate::ids::{MemberId, hexadecimal_if_any};
use crate::words::one_line;

/// An alarm that stands until an operator disarms it. It is the cluster's: every member has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Alarm {
    /// What the alarm is about.
    pub kind: AlarmKind,
    /// The member that the alarm names. `None` where it names nobody: etcd 3.4 and 3.5 raise CORRUPT so. Whom CORRUPT
    /// names need not be the corrupt member.
    #[serde(serialize_with = "hexadecimal_if_any")]
    pub member: Option<MemberId>,
}

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum AlarmKind {
    /// A member's database has reached its quota: etcd refuses what would make it larger.
    NoSpace,
    /// Members have different data: etcd refuses all writes.
    Corrupt,
    /// An alarm that this version does not know, by its name.
    Other(String),
}

impl Alarm {
    /// Reads `memberID:10276657743932975437 alarm:NOSPACE `, in which etcd leaves out a member ID of zero. `None`
    /// where the words are no alarm.
    pub fn parse(words: &str) -> Option<Alarm> {
        let value = |key: &str| words.split_whitespace().find_map(|word| word.strip_prefix(key));
        let kind = match value("alarm:")? {
            "NOSPACE" => AlarmKind::NoSpace,
            "CORRUPT" => AlarmKind::Corrupt,
            "" | "NONE" => return None,
            other => AlarmKind::Other(one_line(other)),
        };
        let member = value("memberID:").and_then(|id| id.parse().ok()).filter(|id| *id != 0);
        Some(Alarm { kind, member: member.map(MemberId) })
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AlarmKind::NoSpace => f.write_str("NOSPACE"),
            AlarmKind::Corrupt => f.write_str("CORRUPT"),
            AlarmKind::Other(name) => f.write_str(name),
        }
    }
}

/// As `etcdctl alarm list` means it, with the member ID in hexadecimal.
impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.member {
            Some(member) => write!(f, "{} of member {member}", self.kind),
            None => write!(f, "{} of no member", self.kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_alarm_is_read() {
        let alarm = |kind, member: Option<u64>| Some(Alarm { kind, member: member.map(MemberId) });
        for (words, expected) in [
            ("memberID:5 alarm:NOSPACE ", alarm(AlarmKind::NoSpace, Some(5))),
            ("memberID:5  alarm:CORRUPT", alarm(AlarmKind::Corrupt, Some(5))),
            ("alarm:CORRUPT ", alarm(AlarmKind::Corrupt, None)),
            ("memberID:0 alarm:CORRUPT", alarm(AlarmKind::Corrupt, None)),
            ("memberID:x alarm:7", alarm(AlarmKind::Other("7".to_owned()), None)),
            ("etcdserver: no leader", None),
            ("memberID:5 ", None),
            ("memberID:5 alarm:NONE ", None),
            ("", None),
        ] {
            assert_eq!(Alarm::parse(words), expected, "{words:?}");
        }
    }
}
