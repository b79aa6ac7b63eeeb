//! What is known of a call once it has ended.

use membership::invocation::Retry;

/// What is known of a call that ended, whichever service it went to. Each error of an adapter says which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// What the call asked for is true.
    Done,
    /// It was certainly not done, and never will be.
    NotDone(Retry),
    /// It may or may not have been done, and it may still be done later.
    Unknown,
}

impl Ended {
    /// Whether a call that only reads is worth repeating within seconds. A repeated read does no harm, so a read that
    /// got no answer is repeated. A change that got no answer never is.
    pub fn read_again(self) -> bool {
        match self {
            Ended::NotDone(Retry::Soon) | Ended::Unknown => true,
            Ended::NotDone(Retry::Pointless | Retry::OnceMended) | Ended::Done => false,
        }
    }
}
