//! The edits of the ledger, as data.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::conditions::ConditionKey;
use super::document::{Claim, GroupIdentity, Identity, InstanceRecord, Phase, Seed, UnansweredChange};
use super::failures::{Failure, Origin};
use crate::change::Change;
use crate::ids::{ClusterName, InstanceId, MemberId};
use crate::instance::Transition;
use crate::version::Minor;

/// Something that has become known. Edits are applied in order to a copy of the ledger as read, and the copy is
/// written by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Edit {
    /// Opens the next generation with this seed. Where there is no ledger, it is the first generation.
    OpenGeneration {
        /// The cluster's name, which the token begins with.
        cluster: ClusterName,
        /// The group that the ledger will be about.
        group: GroupIdentity,
        /// The instance that founds the etcd cluster.
        seed: Seed,
    },
    /// Records a running cluster that something else created.
    Adopt(Adoption),
    /// Records which etcd cluster the generation turned out to be.
    RecordIdentity(Identity),
    /// Moves the generation to its next phase.
    SetPhase(Phase),
    /// Records the member of an instance that is given an env.
    RecordMember {
        /// The instance.
        instance: InstanceId,
        /// The member ID that etcd gave it.
        member: MemberId,
        /// The peer URL that the member was added with.
        peer_url: String,
    },
    /// Records an instance whose server answers as a member without an owner. Something else starts this member.
    RecordForeign {
        /// The instance.
        instance: InstanceId,
        /// The member ID that its server answers with.
        member: MemberId,
        /// The first peer URL of that member.
        peer_url: String,
        /// Whether the member votes.
        voter: bool,
    },
    /// Records that the instance's member has answered a linearizable read as a voter.
    RecordVoted(InstanceId),
    /// Records that the instance's env was sealed.
    RecordSealed(InstanceId),
    /// Takes the claim.
    Claim(Claim),
    /// Clears the claim. The text goes into the history.
    Unclaim(String),
    /// Notes a change that was sent and got no answer.
    NoteUnanswered(UnansweredChange),
    /// Every voter answered without an unanswered change, for the first time.
    NoteCleanRound {
        /// The unanswered change.
        change: Change,
        /// The leader of that round.
        leader: MemberId,
        /// The term of that round.
        term: u64,
    },
    /// An unanswered change is settled. The text says how.
    SettleUnanswered(Change, String),
    /// A condition holds from now on.
    ConditionBegan(ConditionKey),
    /// A joiner made progress, up to this applied index where the joiner told it.
    Progress(InstanceId, Option<u64>),
    /// No instance is missing any more, so the failures of earlier joiners are over.
    NoneIsMissing,
    /// A joiner is given up. The text says why.
    GiveUp(InstanceId, String),
    /// A join or a founding failed. It counts towards those that fail in a row.
    Failed {
        /// How it failed.
        cause: Failure,
        /// What the instance was launched from.
        origin: Origin,
        /// What its host said, quoted.
        said: Option<String>,
    },
    /// Every member was seen at this minor or a newer minor. The index is the leader's applied index, read in a
    /// later look.
    AllAtMinor(Minor, Option<u64>),
    /// The voters' copies were compared: they are equal at this revision, or nothing could be told.
    Compared(Option<u64>),
    /// The voters' copies differ. The text has each voter's hash.
    HashesDiffer(String),
    /// A condition no longer holds.
    ConditionEnded(ConditionKey),
    /// The instance is gone and left nothing behind.
    Forget(InstanceId),
    /// This lifecycle hook is etcd-asg's from now on.
    RememberHook(Transition, String),
    /// AWS refused this call, and will until an operator changes something. The second text has its words.
    CallRefused(String, String),
    /// [`Edit::CallRefused`], where the call was made under the claim: the claim is over.
    ClaimedCallRefused(String, String),
    /// This call was done, or is not needed any more. The second text says which.
    CallNotRefused(String, &'static str),
}

impl Edit {
    /// Whether the edit can wait for a write that is needed anyway.
    pub fn tidies(&self) -> bool {
        match self {
            Edit::Forget(_) => true,
            Edit::ConditionEnded(key) => !matches!(
                key,
                ConditionKey::Unproven(_)
                    | ConditionKey::Gone(_)
                    | ConditionKey::Silent
                    | ConditionKey::Stalled
                    | ConditionKey::Joining(_)
                    | ConditionKey::Receiving(_)
                    | ConditionKey::Version(_)
            ),
            _ => false,
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Edit::OpenGeneration { seed, .. } => {
                write!(f, "open the next generation with seed {}", seed.instance)
            }
            Edit::Adopt(adoption) => {
                write!(
                    f,
                    "adopt cluster {} as generation {}",
                    adoption.identity.cluster, adoption.generation
                )?;
                adoption.members.iter().try_for_each(|(id, r)| match r.member {
                    Some(member) => write!(f, ", member {member} on {id}, {:?}", r.env),
                    None => Ok(()),
                })
            }
            Edit::RecordIdentity(Identity { cluster, seed_member: Some(founder), .. }) => {
                write!(f, "record cluster {cluster}, founded by member {founder}")
            }
            Edit::RecordIdentity(Identity { cluster, .. }) => write!(f, "record cluster {cluster}"),
            Edit::SetPhase(phase) => write!(f, "phase {}", format!("{phase:?}").to_lowercase()),
            Edit::RecordMember { instance, member, .. } => write!(f, "record {instance} as member {member}"),
            Edit::RecordForeign { instance, member, .. } => {
                write!(f, "record {instance}, whose server answers as member {member}")
            }
            Edit::RecordVoted(instance) => write!(f, "record that {instance} has voted"),
            Edit::RecordSealed(instance) => write!(f, "record that {instance} is sealed"),
            Edit::Claim(claim) => write!(f, "claim: {}", claim.proposal.change),
            Edit::Unclaim(outcome) => write!(f, "unclaim: {outcome}"),
            Edit::NoteUnanswered(unanswered) => write!(f, "unanswered: {}", unanswered.change),
            Edit::NoteCleanRound { change, leader, term } => {
                write!(f, "clean once, under member {leader} in term {term}: {change}")
            }
            Edit::SettleUnanswered(change, how) => write!(f, "settled, {how}: {change}"),
            Edit::ConditionBegan(key) => write!(f, "condition {key}"),
            Edit::Progress(instance, Some(applied)) => write!(f, "progress of {instance} at index {applied}"),
            Edit::Progress(instance, None) => write!(f, "progress of {instance}"),
            Edit::GiveUp(instance, why) => write!(f, "give up {instance}: {why}"),
            Edit::NoneIsMissing => f.write_str("no instance is missing any more"),
            Edit::Failed { cause, .. } => write!(f, "one more has failed: {cause}"),
            Edit::AllAtMinor(minor, None) => write!(f, "every member is {minor} or newer"),
            Edit::AllAtMinor(minor, Some(index)) => {
                write!(f, "every member is {minor} or newer, at index {index}")
            }
            Edit::Compared(Some(revision)) => write!(f, "the copies are equal at revision {revision}"),
            Edit::Compared(None) => f.write_str("the copies could not be compared"),
            Edit::HashesDiffer(hashes) => write!(f, "the copies differ: {hashes}"),
            Edit::ConditionEnded(key) => write!(f, "clear {key}"),
            Edit::Forget(instance) => write!(f, "forget {instance}"),
            Edit::CallRefused(call, why) | Edit::ClaimedCallRefused(call, why) => {
                write!(f, "refused: {call}: {why}")
            }
            Edit::CallNotRefused(call, how) => write!(f, "refused no longer, {how}: {call}"),
            Edit::RememberHook(transition, name) => {
                write!(f, "remember the {} hook {name}", transition.name())
            }
        }
    }
}

/// A running cluster that something else created, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Adoption {
    /// The value of the group's tag `etcd-asg:cluster`.
    pub cluster: ClusterName,
    /// The group whose instances run the cluster.
    pub group: GroupIdentity,
    /// The etcd cluster, as its leader knows it.
    pub identity: Identity,
    /// 1, or the generation that the members' envs still tell of.
    pub generation: u32,
    /// The members that answered on an instance of the group.
    pub members: BTreeMap<InstanceId, InstanceRecord>,
}
