//! What the samples are filled with, so that it can be recognised in their sentences.

use membership::change::Change;
use membership::etcd::Unreadable;
use membership::ids::{ClusterId, InstanceId, MemberId, Timestamp};
use membership::ledger::Failure;
use membership::version::{Closed, Minor};

/// A text.
pub const X: &str = "‹x›";
/// A number.
pub const N: usize = 7171;
pub const MEMBER: MemberId = MemberId(0xf1f1);
pub const CLUSTER: ClusterId = ClusterId(0xc1c1);
pub const FAILURE: Failure = Failure::NotStarted;
pub const MINOR: Minor = Minor(71, 72);

pub fn x() -> String {
    X.to_owned()
}

pub fn instance() -> InstanceId {
    X.into()
}

pub fn change() -> Change {
    Change::Seal { instance: instance() }
}

pub fn closed() -> Closed {
    Closed::Unknown(MEMBER)
}

pub fn unreadable() -> Unreadable {
    Unreadable::Malformed
}

pub fn moment() -> Timestamp {
    Timestamp(71_717_171_000)
}

/// What a parser of JSON says.
pub fn json() -> serde_json::Error {
    serde_json::from_str::<u8>("no JSON").unwrap_err()
}

/// The sentence with `…` for whatever was filled in.
pub fn shown(sentence: &str) -> String {
    let filled = [
        change().to_string(),
        closed().to_string(),
        unreadable().to_string(),
        FAILURE.to_string(),
        moment().to_string(),
        format!("{X:?}"),
        x(),
        N.to_string(),
        MEMBER.to_string(),
        CLUSTER.to_string(),
        MINOR.to_string(),
        json().to_string(),
    ];
    filled.iter().fold(sentence.to_owned(), |text, filled| text.replace(filled, "…"))
}
