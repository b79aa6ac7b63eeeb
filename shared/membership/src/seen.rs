//! Facts that may be missing.

use std::fmt;

use serde::{Serialize, Serializer};

/// A fact, or the reason why it is not known. It is never guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Seen<T> {
    /// The fact was seen in this round.
    Known(T),
    /// The fact could not be had.
    Unknown(Unseen),
}

/// Why a fact could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unseen {
    /// The reason, for people.
    pub why: String,
    /// Whether the service refused to tell, and will go on refusing until an operator changes something.
    pub refused: bool,
}

impl From<String> for Unseen {
    fn from(why: String) -> Self {
        Self { why, refused: false }
    }
}

impl From<&str> for Unseen {
    fn from(why: &str) -> Self {
        Self::from(why.to_owned())
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Serialize for Unseen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.why)
    }
}

impl<T> Seen<T> {
    /// A fact that may be had the next time.
    pub fn unseen(why: impl Into<Unseen>) -> Self {
        Seen::Unknown(why.into())
    }

    /// The fact, if it was seen.
    pub fn known(&self) -> Option<&T> {
        match self {
            Seen::Known(fact) => Some(fact),
            Seen::Unknown(_) => None,
        }
    }

    /// Why the fact could not be had, if it was not seen.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Seen::Known(_) => None,
            Seen::Unknown(unseen) => Some(&unseen.why),
        }
    }
}
