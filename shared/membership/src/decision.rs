//! What a round comes to: what to write, what to do, and why nothing is done about the rest.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::change::{Change, Effect, Proposal};
use crate::ids::{ClusterId, InstanceId, MemberId, RequestId, Timestamp};
use crate::ledger::Edit;
use crate::version::{Closed, Minor};

/// The decision of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What has become known: written before anything else, by compare-and-swap.
    #[serde(serialize_with = "sentences")]
    pub edits: Vec<Edit>,
    /// The next change, by the order of the rules. It needs the claim.
    pub proposal: Option<Proposal>,
    /// Calls that need no claim: each is right however late it comes.
    #[serde(serialize_with = "sentences")]
    pub effects: Vec<Effect>,
    /// Why nothing is done about something, object by object.
    pub notes: Vec<Note>,
    /// Instances whose pending lifecycle action is to be kept alive.
    pub keep_alive: Vec<KeepAlive>,
}

impl Decision {
    /// Nothing to do, and nothing to wait for.
    pub fn is_settled(&self) -> bool {
        let urgent = self.edits.iter().any(|e| !e.tidies());
        !urgent && self.proposal.is_none() && self.effects.is_empty() && self.notes.is_empty()
    }

    /// Edits that must be written even if nothing else is.
    pub fn has_urgent_edits(&self) -> bool {
        self.edits.iter().any(|e| !e.tidies())
    }

    pub(crate) fn wait(&mut self, about: impl Into<Subject>, on: Wait) {
        self.notes.push(Note { about: about.into(), verdict: Verdict::Waiting(on) });
    }

    pub(crate) fn refuse(&mut self, about: impl Into<Subject>, reason: Refusal) {
        self.notes.push(Note { about: about.into(), verdict: Verdict::Refused(reason) });
    }

    /// The first proposal by the order of the rules is the one.
    pub(crate) fn propose(&mut self, change: Change, asked: Option<MemberId>) {
        if self.proposal.is_none() {
            self.proposal = Some(Proposal { change, asked });
        }
    }
}

/// A lifecycle action to be kept alive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeepAlive {
    /// The instance.
    pub instance: InstanceId,
    /// Its launch hook, else its terminate hook.
    pub launch: bool,
}

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The whole cluster.
    Cluster,
    /// One instance.
    Instance(InstanceId),
    /// One member.
    Member(MemberId),
}

impl From<&InstanceId> for Subject {
    fn from(id: &InstanceId) -> Self {
        Subject::Instance(id.clone())
    }
}

impl From<MemberId> for Subject {
    fn from(id: MemberId) -> Self {
        Subject::Member(id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Cluster => f.write_str("cluster"),
            Subject::Instance(id) => write!(f, "{id}"),
            Subject::Member(id) => write!(f, "member {id}"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why nothing is done about something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What it is about.
    pub about: Subject,
    /// Waiting, or refused.
    #[serde(serialize_with = "as_text")]
    pub verdict: Verdict,
}

/// An operator reads sentences; nothing reads a decision back.
fn sentences<T: fmt::Display, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(ToString::to_string))
}

fn as_text<S: Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(verdict)
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.verdict)
    }
}

/// Waiting resolves by itself; a refusal needs an operator, or another rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something is expected to happen.
    Waiting(Wait),
    /// It will not be done.
    Refused(Refusal),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Waiting(on) => write!(f, "waiting {on}"),
            Verdict::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A fact could not be had in this round.
    Fact(String),
    /// Another invocation's change is in flight.
    Claim {
        /// Whose.
        request: RequestId,
        /// What.
        change: Change,
        /// Until when, at most.
        until: Timestamp,
    },
    /// The seed has not answered yet.
    Seed,
    /// No member gave a linearizable list.
    List,
    /// Fewer proven voters than a majority.
    Quorum {
        /// How many are proven.
        proven: usize,
        /// Of how many.
        voters: usize,
    },
    /// The group has no launching instance to begin with.
    Launch,
    /// Its turn to join.
    Turn,
    /// The joiner has not started.
    Start,
    /// The joiner has not started, and if it is of this minor, it may not yet.
    StartBelow(Minor, Closed),
    /// The learner has not caught up, or did not answer.
    CatchUp,
    /// The new voter has not answered a linearizable read yet.
    FirstVote(MemberId),
    /// Its replacement is not voting yet.
    Replacement,
    /// Leadership is being moved.
    Leadership,
    /// Its voter did not prove itself just now.
    Answer,
    /// It must be seen gone for six seconds.
    Gone,
    /// It has been unproven for less than the grace period.
    Grace,
    /// Another is being replaced.
    OtherHealing(InstanceId),
    /// A change that was sent may still happen.
    Unanswered(Change),
    /// The second after a removal.
    Second,
    /// All instances of the abandoned generation must be gone.
    AbandonedToGo,
    /// The cluster has not formed yet.
    Formation,
    /// The instance completes its own launch.
    Completion,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Fact(what) => write!(f, "for a fact: {what}"),
            Wait::Claim { request, change, .. } => write!(f, "for the change of request {request}: {change}"),
            Wait::Seed => f.write_str("for the seed to answer"),
            Wait::List => f.write_str("for a linearizable member list"),
            Wait::Quorum { proven, voters } => write!(f, "for a quorum: {proven} of {voters} voters proven"),
            Wait::Launch => f.write_str("for a launching instance"),
            Wait::Turn => f.write_str("for its turn to join"),
            Wait::Start => f.write_str("for its etcd to start"),
            Wait::StartBelow(minor, why) => {
                write!(f, "for its etcd to start; etcd {minor} may not join yet: {why}")
            }
            Wait::CatchUp => f.write_str("for its learner to answer, caught up"),
            Wait::FirstVote(member) => write!(f, "for the new voter {member} to answer once"),
            Wait::Replacement => f.write_str("for its replacement to vote"),
            Wait::Leadership => f.write_str("for leadership to move"),
            Wait::Answer => f.write_str("for its voter to answer"),
            Wait::Gone => f.write_str("until it has been gone for six seconds"),
            Wait::Grace => f.write_str("for the grace period to pass"),
            Wait::OtherHealing(instance) => write!(f, "for {instance} to be replaced first"),
            Wait::Unanswered(change) => write!(f, "for an unanswered change to settle: {change}"),
            Wait::Second => f.write_str("for a second to pass since a removal"),
            Wait::AbandonedToGo => f.write_str("for every instance of the abandoned generation to be gone"),
            Wait::Formation => f.write_str("for the cluster to form"),
            Wait::Completion => f.write_str("for the instance to complete its launch"),
        }
    }
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The ledger is about another group.
    OtherGroup {
        /// What the ledger says.
        ledger: String,
        /// What was seen.
        seen: String,
    },
    /// The operator paused the cluster.
    Paused,
    /// There is no hook that is ours.
    NoHook(String),
    /// An instance is in service, and there is no ledger.
    InServiceWithoutLedger,
    /// There is no ledger, and servers of two clusters answer: this one is not the leader's.
    TwoClusters(ClusterId, ClusterId),
    /// A cluster is to be adopted, and this voter may be on an instance that does not answer.
    VoterUnseen(MemberId),
    /// A cluster is to be adopted, and nobody but this member itself can reach it under its peer URL.
    LocalPeerUrl(String),
    /// A server of another cluster answers.
    OtherCluster(ClusterId),
    /// etcd wants a user.
    AuthenticationNeeded,
    /// A majority of the voters is gone for good.
    QuorumLost {
        /// How many are gone.
        gone: usize,
        /// Of how many.
        voters: usize,
    },
    /// It would cost the proven majority.
    QuorumAtRisk(Change),
    /// A live voter is not removed while another is doubtful.
    DoubtfulVoter(MemberId),
    /// The last voter is held.
    LastVoter,
    /// A member belongs to no instance that is known.
    UnownedMember,
    /// Its address is a living member's.
    AddressInUse(MemberId),
    /// Its hook has too little time left.
    HookTooShort,
    /// It was given up as a joiner.
    GivenUp,
    /// Its lifecycle state is not known to this version.
    UnclearState,
    /// It was retained; the operator has to end it.
    Retained,
    /// Its terminate hook is over and its voter is needed.
    NeededAtDeadline,
    /// The operator ended its cluster, and the group, which may grow again, did not end it.
    EndedAndRuns,
    /// It has no address yet.
    NoAddress,
    /// Its etcd's version may not vote beside the others.
    Version {
        /// As its status tells it.
        version: String,
        /// Why not.
        why: Closed,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::OtherGroup { ledger, seen } => write!(
                f,
                "the ledger is about {ledger}, this is {seen}; to start anew, delete the ledger and the cluster's parameters"
            ),
            Refusal::Paused => f.write_str("the group is paused by its tag etcd-asg:paused"),
            Refusal::NoHook(why) => write!(f, "the group has no lifecycle hook of ours: {why}"),
            Refusal::InServiceWithoutLedger => f.write_str(
                "it is in service and there is no ledger, so nobody can tell whether it holds data; terminate it, or start its etcd so that its cluster is adopted",
            ),
            Refusal::TwoClusters(one, other) => write!(
                f,
                "there is no ledger, and two etcd clusters answer in this group, {one} and {other}: end one of them; neither is adopted, and nothing is founded beside them"
            ),
            Refusal::VoterUnseen(voter) => write!(
                f,
                "no etcd answers here, and it may be voter {voter} of the cluster that is to be adopted: start it, or terminate the instance, or remove that member"
            ),
            Refusal::LocalPeerUrl(url) => write!(
                f,
                "its peer URL {url} leads nobody else to it, so no member could join it: update it (etcdctl member update) before the cluster is adopted"
            ),
            Refusal::OtherCluster(id) => write!(f, "a server of another cluster answers here: {id}"),
            Refusal::AuthenticationNeeded => {
                f.write_str("etcd wants a user for its member list: alive, but it cannot be read")
            }
            Refusal::QuorumLost { gone, voters } => {
                write!(f, "quorum lost: {gone} of {voters} voters are gone for good; recovery is an operator's decision")
            }
            Refusal::QuorumAtRisk(change) => write!(f, "it would cost the proven majority: {change}"),
            Refusal::DoubtfulVoter(member) => write!(f, "no live voter is removed while {member} is doubtful"),
            Refusal::LastVoter => f.write_str(
                "the last voter is held, for its data; set the group's maximum size to 0 to end the cluster",
            ),
            Refusal::UnownedMember => f.write_str("it belongs to no instance that is known; it is left alone"),
            Refusal::AddressInUse(member) => write!(f, "its address belongs to member {member}, which answers"),
            Refusal::HookTooShort => f.write_str("its launch hook has too little time left to join"),
            Refusal::GivenUp => f.write_str("it was given up as a joiner"),
            Refusal::UnclearState => f.write_str("its lifecycle state is not known to this version; it is left alone"),
            Refusal::Retained => f.write_str("it was retained with its voter; end it by hand once it is no longer needed"),
            Refusal::NeededAtDeadline => {
                f.write_str("its time to leave is over, and without its voter the quorum would be lost")
            }
            Refusal::EndedAndRuns => f.write_str(
                "its cluster was ended by the maximum size 0 and it still runs, managed by nobody; terminate it, or delete the ledger, and its cluster is adopted again",
            ),
            Refusal::NoAddress => f.write_str("it has no address yet"),
            Refusal::Version { version, why } => write!(f, "etcd {version} may not vote here: {why}"),
        }
    }
}
