//! Facts that may be missing.

use serde::Serialize;

/// A fact, or that it could not be had. Never guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Seen<T> {
    /// It was seen in this round.
    Known(T),
    /// It could not be had, and why.
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
}
