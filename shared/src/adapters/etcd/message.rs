//! What etcd's error messages mean for the call that they answer.
//!
//! HTTP statuses differ between versions (412 and 400, 503 and 400), so the messages decide. Sources: the recorded
//! answers of 3.4.23 to 3.7.3 and etcd's `api/v3rpc/rpctypes/error.go`.

use membership::invocation::Retry;

/// A call to etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Status,
    Range,
    List,
    HashKeys,
    Add,
    Promote,
    Remove,
    MoveLeader,
    GrantLease,
}

impl Operation {
    pub(super) fn path(self) -> &'static str {
        match self {
            Operation::Status => "/v3/maintenance/status",
            Operation::Range => "/v3/kv/range",
            Operation::List => "/v3/cluster/member/list",
            // `/v3/maintenance/hash` is the hash of the whole file, which differs between members. 3.4, and early
            // versions of 3.5, do not have this path.
            Operation::HashKeys => "/v3/maintenance/hashkv",
            Operation::Add => "/v3/cluster/member/add",
            Operation::Promote => "/v3/cluster/member/promote",
            Operation::Remove => "/v3/cluster/member/remove",
            Operation::MoveLeader => "/v3/maintenance/transfer-leadership",
            Operation::GrantLease => "/v3/lease/grant",
        }
    }

    pub(super) fn changes(self) -> bool {
        match self {
            Operation::Add
            | Operation::Promote
            | Operation::Remove
            | Operation::MoveLeader
            | Operation::GrantLease => true,
            Operation::Status | Operation::Range | Operation::List | Operation::HashKeys => false,
        }
    }
}

/// What a failure says about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What was asked for is true already.
    AlreadyDone,
    /// Certainly not done.
    Refused(Retry),
    /// etcd wants a user, or a user with more rights.
    AuthenticationNeeded,
    /// The request may still be done.
    Unanswered,
}

/// gRPC codes with which a request is turned away unread: InvalidArgument (the gateway could not parse it) and
/// Unimplemented.
const UNREAD: [u32; 2] = [3, 12];

/// What `message` and its gRPC code say about `operation`.
///
/// A message that is not known here leaves a change open. To call a change refused that is made later is the one
/// mistake that can cost data.
pub(super) fn meaning(operation: Operation, message: &str, code: Option<u32>) -> Meaning {
    let words = message.strip_prefix("etcdserver: ").unwrap_or(message);
    match (operation, words) {
        (Operation::Remove, "member not found") => Meaning::AlreadyDone,
        (Operation::Promote, "can only promote a learner member") => Meaning::AlreadyDone,
        // The same URL was removed within this second: etcd derives the new ID from URL and second, and the ID of the
        // removed member is not found.
        (Operation::Add, "member not found") => Meaning::Refused(Retry::Soon),
        (_, words) => any_operation(words, code),
    }
}

fn any_operation(words: &str, code: Option<u32>) -> Meaning {
    match words {
        "user name is empty"
        | "user name not found"
        | "invalid auth token"
        | "invalid auth management"
        | "permission denied"
        | "revision of auth store is old" => Meaning::AuthenticationNeeded,
        // etcd checks these before it proposes anything. Each passes: connections come up, learners catch up, a
        // leader is elected.
        "unhealthy cluster"
        | "re-configuration failed due to not enough started members"
        | "can only promote a learner member which is in sync with leader"
        | "not leader"
        | "not capable"
        | "too many requests" => Meaning::Refused(Retry::Soon),
        // The caller's picture of the members was wrong. It has to look again.
        "member not found"
        | "can only promote a learner member"
        | "member ID already exist"
        | "Peer URLs already exists"
        | "given member URLs are invalid"
        | "too many learner members in cluster"
        | "bad leader transferee"
        | "rpc not supported for learner" => Meaning::Refused(Retry::Pointless),
        // `no leader`, `leader changed`, `request timed out`, `context deadline exceeded`, `server stopped` and the
        // like: the request may have been forwarded or proposed.
        _ if code.is_some_and(|code| UNREAD.contains(&code)) => Meaning::Refused(Retry::Pointless),
        _ => Meaning::Unanswered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGES: [Operation; 4] =
        [Operation::Add, Operation::Promote, Operation::Remove, Operation::MoveLeader];

    #[test]
    fn a_request_that_may_have_been_proposed_stays_open() {
        for words in [
            "etcdserver: no leader",
            "etcdserver: leader changed",
            "etcdserver: server stopped",
            "etcdserver: request timed out",
            "etcdserver: request timed out, possibly due to previous leader failure",
            "etcdserver: request timed out, possibly due to connection lost",
            "etcdserver: request timed out, waiting for the applied index took too long",
            "etcdserver: request timed out, leader transfer took too long",
            "context deadline exceeded",
            "context canceled",
            "transport is closing",
            "words of a version yet to come",
        ] {
            for operation in CHANGES {
                for code in [None, Some(2), Some(4), Some(9), Some(14)] {
                    assert_eq!(meaning(operation, words, code), Meaning::Unanswered, "{words} {code:?}");
                }
            }
        }
    }

    #[test]
    fn a_promotion_that_was_done_is_told_from_a_promotion_that_comes_too_early() {
        let again = Meaning::Refused(Retry::Soon);
        for (words, expected) in [
            ("etcdserver: can only promote a learner member", Meaning::AlreadyDone),
            ("etcdserver: can only promote a learner member which is in sync with leader", again),
            ("etcdserver: member not found", Meaning::Refused(Retry::Pointless)),
        ] {
            assert_eq!(meaning(Operation::Promote, words, Some(9)), expected, "{words}");
        }
    }

    #[test]
    fn an_unknown_member_means_something_else_to_each_change() {
        let found = |operation| meaning(operation, "etcdserver: member not found", Some(5));
        assert_eq!(found(Operation::Remove), Meaning::AlreadyDone);
        assert_eq!(found(Operation::Add), Meaning::Refused(Retry::Soon));
        assert_eq!(found(Operation::Promote), Meaning::Refused(Retry::Pointless));
        assert_eq!(found(Operation::MoveLeader), Meaning::Refused(Retry::Pointless));
    }

    #[test]
    fn an_unread_request_was_not_done() {
        let words = "invalid character 'e' after top-level value";
        assert_eq!(meaning(Operation::Remove, words, Some(3)), Meaning::Refused(Retry::Pointless));
        assert_eq!(
            meaning(Operation::Remove, "Method Not Allowed", Some(12)),
            Meaning::Refused(Retry::Pointless)
        );
    }
}
