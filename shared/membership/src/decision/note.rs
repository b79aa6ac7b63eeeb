//! Why nothing is done about an object.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Coded, Graded, Refusal, Wait};
use crate::ids::{InstanceId, MemberId};
use crate::seen::Unseen;

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The whole cluster.
    Cluster,
    /// An instance of the group.
    Instance(InstanceId),
    /// A member that belongs to no known instance.
    Member(MemberId),
}

impl From<&InstanceId> for Subject {
    fn from(id: &InstanceId) -> Self {
        Subject::Instance(id.clone())
    }
}

impl From<MemberId> for Subject {
    fn from(id: MemberId) -> Self {
        Subject::Member(id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Cluster => f.write_str("cluster"),
            Subject::Instance(id) => write!(f, "{id}"),
            Subject::Member(id) => write!(f, "member {id}"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why nothing is done about an object in this round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The object.
    pub about: Subject,
    /// Whether it is waited for, or refused.
    pub verdict: Verdict,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.verdict)
    }
}

/// An operator's tool goes by `verdict`, `code` and `level`; `text` is the sentence for people.
impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut note = serializer.serialize_struct("Note", 5)?;
        note.serialize_field("about", &self.about)?;
        note.serialize_field("verdict", self.verdict.name())?;
        note.serialize_field("code", self.verdict.code())?;
        note.serialize_field("level", self.verdict.severity().as_str())?;
        note.serialize_field("text", &self.verdict.to_string())?;
        note.end()
    }
}

/// A wait ends by itself. A refusal needs an operator, or another rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something is expected to happen.
    Waiting(Wait),
    /// It will not be done as things stand.
    Refused(Refusal),
}

impl Verdict {
    /// `waiting` or `refused`: stable, as a code is.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Waiting(_) => "waiting",
            Verdict::Refused(_) => "refused",
        }
    }

    /// The code of the wait or of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Verdict::Waiting(on) => on.code(),
            Verdict::Refused(reason) => reason.code(),
        }
    }
}

/// What could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The group, its hooks or its machines.
    Group,
    /// The record of the group's owner.
    Owner,
    /// The ledger.
    Ledger,
    /// The cluster's parameters.
    Parameters,
}

impl Unread {
    /// A wait where the next look may read it, a refusal where an operator has to change something first.
    pub(crate) fn verdict(self, unseen: &Unseen) -> Verdict {
        let why = unseen.why.clone();
        if unseen.refused {
            return Verdict::Refused(Refusal::ReadRefused { part: self.to_string(), why });
        }
        Verdict::Waiting(match self {
            Unread::Group => Wait::GroupNotSeen(why),
            Unread::Owner => Wait::OwnerNotSeen(why),
            Unread::Ledger => Wait::LedgerNotSeen(why),
            Unread::Parameters => Wait::ParametersNotSeen(why),
        })
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unread::Group => "the group",
            Unread::Owner => "the record of the group's owner",
            Unread::Ledger => "the ledger",
            Unread::Parameters => "the parameters",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Waiting(on) => write!(f, "waiting {on}"),
            Verdict::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}
