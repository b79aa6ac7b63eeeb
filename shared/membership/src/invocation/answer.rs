//! What came of the calls that an invocation asked for.

use crate::etcd::MemberList;
use crate::ids::{MemberId, Timestamp};

/// What came of a write of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    /// The ledger is written.
    Yes,
    /// Another invocation wrote first, or it is not known: the next look tells.
    Unclear,
}

/// Whether the same call may succeed when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It may succeed within seconds.
    Soon,
    /// It will fail in the same way.
    Pointless,
    /// It will fail in the same way until an operator changes something: a permission, a quota, or what stands in the
    /// call's way.
    OnceMended,
}

/// What came of a call that needs no claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Performed {
    /// It was done, or had been done before.
    Done,
    /// It failed, or got no answer: the next look tells.
    Failed,
    /// There was nothing to be done it on: somebody else was quicker, or waits in its place.
    Gone,
    /// The service refused it, and will go on refusing until an operator changes something. The text is the service's.
    Refused(String),
}

/// What came of a call under the claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It was done.
    Done,
    /// A learner was added. The list is etcd's own answer.
    Added(MemberId, MemberList),
    /// It was certainly not done.
    Refused {
        /// The words of the service that refused.
        why: String,
        /// Whether to ask again under the same claim.
        retry: Retry,
    },
    /// It may or may not have been done.
    Unanswered {
        /// What happened instead of an answer.
        why: String,
        /// Until when the request itself may live.
        deadline: Timestamp,
    },
}
