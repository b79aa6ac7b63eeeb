//! What is waited for. A wait ends by itself.

use std::fmt;
use std::time::Duration;

use super::QuorumCount;
use crate::change::Change;
use crate::codes;
use crate::ids::{InstanceId, MemberId, RequestId, Timestamp};
use crate::version::{Closed, Minor};

/// Something that has to happen, or to become known, before the next step about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A call failed, so the group was not seen in this round. The text is the call's error.
    GroupNotSeen(String),
    /// A call failed, so the ledger was not seen in this round. The text is the call's error.
    LedgerNotSeen(String),
    /// A call failed, so the parameters were not seen in this round. The text is the call's error.
    ParametersNotSeen(String),
    /// A call failed, so it is not known whose group it is. The text is the call's error.
    OwnerNotSeen(String),
    /// The record of the group's owner names this deployment and is still too young to be relied on.
    OwnerSettles,
    /// The record of the group's owner is missing, and nothing shows that the group's cluster is this deployment's.
    OwnerMissing,
    /// It is not known which instance runs this voter. It may be the instance that the note is about.
    OwnerUnknown(MemberId),
    /// The parameter `endpoints` names the joiner's address, which an earlier instance had.
    AddressPublished,
    /// No member has told its etcd version, so it is not known which version may join.
    NoVersionKnown,
    /// Another invocation holds the claim.
    Claim {
        /// The Lambda request of that invocation.
        request: RequestId,
        /// The change that it claims.
        change: Change,
        /// The latest moment at which the claim ends.
        until: Timestamp,
    },
    /// The seed was given its env and has not answered yet.
    Seed,
    /// No member gave a linearizable member list.
    List,
    /// The proven voters are fewer than a majority.
    Quorum(QuorumCount),
    /// The group has no launching instance to found a cluster with.
    Launch,
    /// Another instance joins first.
    Turn,
    /// The joiner's etcd has not started.
    Start,
    /// The joiner's etcd has not started. An etcd of this minor may not start yet.
    StartBelow(Minor, Closed),
    /// The leader is sending the joiner a snapshot.
    Snapshot,
    /// The learner has not caught up with the leader, or did not answer.
    CatchUp,
    /// The new voter has not answered a linearizable read yet.
    FirstVote(MemberId),
    /// The replacement of this instance does not vote yet.
    Replacement,
    /// Leadership is being moved to another voter.
    Leadership,
    /// The voter did not prove itself just now.
    Answer,
    /// The etcd on the instance answered that it cannot tell its status. The text is its answer.
    NotReady(String),
    /// The instance has been gone for less than six seconds.
    Gone,
    /// The voter has been unproven for less than the grace period.
    Grace,
    /// Another instance is being replaced.
    OtherHealing(InstanceId),
    /// A change was sent and got no answer: it may still happen.
    Unanswered(Change),
    /// A member was removed less than two seconds ago.
    Second,
    /// Instances of the abandoned generation are still there.
    AbandonedToGo,
    /// The cluster has not formed yet.
    Formation,
    /// The instance has not completed its own launch yet.
    Completion,
    /// Joins or foundings have failed in a row, and the next is tried only after a pause.
    Pause {
        /// How many have failed.
        failures: u32,
        /// The pause since the last failure.
        pause: Duration,
        /// When the pause is over.
        until: Timestamp,
    },
    /// A joiner has not voted yet, and this is what its host says, quoted.
    HostSays(String),
}

codes!(Wait {
    Wait::GroupNotSeen(_) => "group-not-seen",
    Wait::LedgerNotSeen(_) => "ledger-not-seen",
    Wait::ParametersNotSeen(_) => "parameters-not-seen",
    Wait::OwnerNotSeen(_) => "owner-not-seen",
    Wait::OwnerSettles => "owner-settles",
    Wait::OwnerMissing => "owner-missing",
    Wait::OwnerUnknown(_) => "voter-owner-unknown",
    Wait::AddressPublished => "address-still-published",
    Wait::NoVersionKnown => "no-version-known",
    Wait::Claim { .. } => "another-change-in-flight",
    Wait::Seed => "seed-silent",
    Wait::List => "no-member-list",
    Wait::Quorum(_) => "quorum-not-proven",
    Wait::Launch => "no-launching-instance",
    Wait::Turn => "not-its-turn",
    Wait::Start => "not-started",
    Wait::StartBelow(..) => "version-held",
    Wait::Snapshot => "receiving-snapshot",
    Wait::CatchUp => "not-caught-up",
    Wait::FirstVote(_) => "first-vote-missing",
    Wait::Replacement => "replacement-missing",
    Wait::Leadership => "leadership-moving",
    Wait::Answer => "voter-silent",
    Wait::NotReady(_) => "etcd-not-ready",
    Wait::Gone => "gone-too-briefly",
    Wait::Grace => "grace-not-over",
    Wait::OtherHealing(_) => "another-is-replaced",
    Wait::Unanswered(_) => "change-unanswered",
    Wait::Second => "removed-just-now",
    Wait::AbandonedToGo => "abandoned-remains",
    Wait::Formation => "not-formed",
    Wait::Completion => "launch-not-completed",
    Wait::Pause { .. } => "joins-paused",
    Wait::HostSays(_) => "host-says",
});

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::GroupNotSeen(why) => write!(f, "until the group can be read: {why}"),
            Wait::LedgerNotSeen(why) => write!(f, "until the ledger can be read: {why}"),
            Wait::ParametersNotSeen(why) => write!(f, "until the parameters can be read: {why}"),
            Wait::OwnerNotSeen(why) => write!(f, "until the record of the group's owner can be read: {why}"),
            Wait::OwnerSettles => f.write_str(
                "until the record that this deployment owns the group has settled: two deployments could write it at one moment",
            ),
            Wait::OwnerMissing => f.write_str(
                "until an etcd of the group answers as the cluster in this deployment's ledger: the record of the group's owner is missing, and another deployment may manage the group",
            ),
            Wait::OwnerUnknown(member) => {
                write!(f, "until it is known which instance runs voter {member}: it may be this instance")
            }
            Wait::AddressPublished => {
                f.write_str("until endpoints no longer names its address, which an earlier instance had")
            }
            Wait::NoVersionKnown => f.write_str("until a member tells its etcd version"),
            Wait::Claim { request, change, .. } => {
                write!(f, "for the change of request {request} to end: {change}")
            }
            Wait::Seed => f.write_str("for the seed to answer"),
            Wait::List => f.write_str("for a linearizable member list"),
            Wait::Quorum(QuorumCount { proven, voters }) => {
                write!(f, "for a quorum: {proven} of {voters} voters are proven")
            }
            Wait::Launch => f.write_str("for an instance to launch"),
            Wait::Turn => f.write_str("for its turn to join"),
            Wait::Start => f.write_str("for its etcd to start"),
            Wait::StartBelow(minor, why) => {
                write!(f, "for its etcd to start; if it is etcd {minor}, it has to wait: {why}")
            }
            Wait::Snapshot => f.write_str("for it to receive the leader's snapshot and to apply it"),
            Wait::CatchUp => f.write_str("for its learner to answer and to have caught up"),
            Wait::FirstVote(member) => write!(f, "for the new voter {member} to answer for the first time"),
            Wait::Replacement => f.write_str("for its replacement to vote"),
            Wait::Leadership => f.write_str("for leadership to move"),
            Wait::NotReady(why) => write!(f, "until its etcd is ready: {why}"),
            Wait::Answer => f.write_str("for its voter to answer"),
            Wait::Gone => f.write_str("until its machine has been gone for six seconds"),
            Wait::Grace => f.write_str("for the grace period to pass"),
            Wait::OtherHealing(instance) => write!(f, "for {instance} to be replaced first"),
            Wait::Unanswered(change) => {
                write!(f, "until it is known whether an unanswered change was made: {change}")
            }
            Wait::Second => f.write_str("for two seconds to pass since a removal"),
            Wait::AbandonedToGo => f.write_str("for every instance of the abandoned generation to be gone"),
            Wait::Formation => f.write_str("for the cluster to form"),
            Wait::Completion => f.write_str("for the instance to complete its launch"),
            Wait::Pause { failures, pause, .. } => {
                let seconds = pause.as_secs();
                write!(f, "until {seconds} s after the last of {failures} tries that failed in a row")
            }
            Wait::HostSays(said) => write!(f, "for it to vote; {said}"),
        }
    }
}
