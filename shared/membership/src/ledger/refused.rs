//! Calls to AWS that were refused for good. Nobody repeats such a call in every look, and an operator is told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// How long a refused call waits for the next try. An operator who has mended the cause waits no longer than that.
const TRIED_AGAIN: Duration = Duration::from_secs(60);
/// A call that nobody has tried for so long is not needed any more.
const NOT_NEEDED: Duration = Duration::from_secs(300);

/// A call that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefusedCall {
    /// The service's words.
    pub why: String,
    /// When it was refused for the first time in a row.
    pub since: Timestamp,
    /// When it was refused last.
    pub last: Timestamp,
}

/// The refused calls, by what each of them does ([`crate::change::Effect::call`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefusedCalls(pub BTreeMap<String, RefusedCall>);

impl RefusedCalls {
    /// Whether no call is refused, as in a ledger of an earlier version.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this call was refused so lately that it is not made again yet.
    pub fn waits(&self, call: &str, now: Timestamp) -> bool {
        self.0.get(call).is_some_and(|refused| now.since(refused.last) < TRIED_AGAIN)
    }

    /// The calls that nobody tries any more.
    pub fn not_needed(&self, now: Timestamp) -> Vec<String> {
        let old = |refused: &RefusedCall| now.since(refused.last) >= NOT_NEEDED;
        self.0.iter().filter(|(_, refused)| old(refused)).map(|(call, _)| call.clone()).collect()
    }

    /// Notes that the call was refused. Tells whether that is news.
    pub fn refused(&mut self, call: &str, why: &str, now: Timestamp) -> bool {
        let before = self.0.get(call);
        let (news, since) =
            (before.is_none_or(|before| before.why != why), before.map_or(now, |before| before.since));
        self.0.insert(call.to_owned(), RefusedCall { why: why.to_owned(), since, last: now });
        news
    }
}
