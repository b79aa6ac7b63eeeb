//! Facts that may be missing.

use serde::Serialize;

/// A fact, or the reason why it is not known. It is never guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Seen<T> {
    /// The fact was seen in this round.
    Known(T),
    /// The fact could not be had. The text says why.
    Unknown(String),
}

impl<T> Seen<T> {
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
            Seen::Unknown(why) => Some(why),
        }
    }
}
