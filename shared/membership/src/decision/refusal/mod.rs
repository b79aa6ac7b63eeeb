//! What is not done until an operator, or another rule, changes something.

mod sentence;

use std::time::Duration;

use crate::change::Change;
use crate::codes;
use crate::etcd::Unreadable;
use crate::ids::{ClusterId, ClusterName, MemberId, Timestamp};
use crate::instance::Transition;
use crate::ledger::Failure;
use crate::settings::{Problem, Scheme};
use crate::version::Closed;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The ledger is about another group than the one that was seen.
    OtherGroup {
        /// The group in the ledger: name, ARN and VPC.
        ledger: String,
        /// The group that was seen: name, ARN and VPC.
        seen: String,
    },
    /// The group's instances are in a VPC that this deployment does not serve.
    OtherVpc {
        /// The VPC of the group's instances.
        group: String,
        /// The VPC that the deployment serves.
        deployment: String,
    },
    /// The group belongs to another deployment of the functions.
    OtherOwner {
        /// The owner on record.
        owner: String,
        /// This deployment.
        this: String,
    },
    /// The group's tag names another cluster than the record of its owner.
    ClusterRenamed {
        /// The cluster on record.
        owner: ClusterName,
        /// The value of the tag.
        tag: ClusterName,
    },
    /// The ledger was moved away by an operator. The text says where to.
    LedgerMoved(String),
    /// An operator paused the cluster.
    Paused,
    /// Something in the settings was not understood.
    Setting(Problem),
    /// The group has no usable hook of one of the two transitions. The text says which, and what to do.
    NoHook(String),
    /// The heartbeat timeout of this hook is shorter than the heartbeats can be trusted with.
    HookTimeoutShort {
        /// Which hook.
        transition: Transition,
        /// Its heartbeat timeout.
        timeout: Duration,
    },
    /// The group's name has a character that an env file cannot hold.
    GroupName(String),
    /// An instance is in service, there is no ledger, and no etcd answers. The text says what was heard of it.
    InServiceWithoutLedger(String),
    /// There is no ledger, and servers of two clusters answer. The first is the leader's cluster, where there is a
    /// leader.
    TwoClusters(ClusterId, ClusterId),
    /// A cluster is to be adopted, and this voter may be on an instance whose etcd does not answer.
    VoterUnseen {
        /// The voter.
        voter: MemberId,
        /// What was heard of the instance.
        heard: String,
    },
    /// A cluster is to be adopted, and this peer URL leads other machines to themselves.
    LocalPeerUrl(String),
    /// A server of this other cluster answers on the instance.
    OtherCluster(ClusterId),
    /// The etcd on the instance wants a user, so its status cannot be read.
    AuthenticationNeeded,
    /// Something answers at the instance's client port, and it is no status of etcd that can be read.
    Unreadable {
        /// What answers there.
        what: Unreadable,
        /// The error of the probe.
        why: String,
    },
    /// The alarm CORRUPT stands.
    Corrupt {
        /// Each voter with the hash of its keys.
        hashes: String,
    },
    /// The voters' copies differ.
    HashesDiffer {
        /// Each voter with the hash of its keys.
        hashes: String,
    },
    /// The instance of a voter is leaving, or gets a new root volume, while the copies are in doubt, and nothing keeps
    /// its disk.
    DiesInDoubt {
        /// When the hook is over, however often it is kept alive.
        at: Timestamp,
    },
    /// The alarm NOSPACE stands.
    NoSpace {
        /// The members that it names, with their sizes.
        members: String,
    },
    /// An alarm stands that this version does not know.
    UnknownAlarm(String),
    /// The server complains of something, in its own words.
    Trouble(String),
    /// An operator has enabled a downgrade of etcd to this version.
    Downgrade(String),
    /// The server tells a version that this version cannot read.
    VersionUnread(String),
    /// A majority of the voters is gone for good.
    QuorumLost {
        /// How many voters are gone.
        gone: usize,
        /// How many voters the cluster had.
        voters: usize,
    },
    /// The change would leave the proven voters without a majority.
    QuorumAtRisk(Change),
    /// This other voter is not proven, so no live voter is removed.
    DoubtfulVoter(MemberId),
    /// The last voter is kept.
    LastVoter,
    /// The member belongs to no known instance.
    UnownedMember,
    /// The joiner's address is listed under this member, which is proven.
    AddressInUse(MemberId),
    /// The joiner's launch hook ends too soon.
    HookTooShort,
    /// The joiner was given up.
    GivenUp {
        /// What its host said last, quoted.
        said: Option<String>,
    },
    /// The settings give clients and peers the same port.
    PortsEqual(u16),
    /// The settings say other ports, or another scheme, than the members of the formed cluster serve.
    PortsChanged {
        /// What the settings say.
        set: String,
        /// What the members serve.
        served: String,
    },
    /// A cluster is to be adopted, and this peer URL has another scheme than the joiners would have.
    PeerScheme {
        /// The peer URL.
        url: String,
        /// The scheme of the settings.
        scheme: Scheme,
    },
    /// A cluster is to be adopted, and the name in this peer URL leads nowhere.
    PeerNameUnknown {
        /// The peer URL.
        url: String,
        /// What became of the look-up.
        why: String,
    },
    /// Joins or foundings fail in a row, and nothing that could cure it has changed since.
    JoinsFail {
        /// How many have failed.
        row: u32,
        /// How the last one failed.
        cause: Failure,
        /// What the host of the last one said, quoted.
        said: Option<String>,
    },
    /// AWS refuses a call that the cluster needs, until an operator changes something.
    CallRefused {
        /// What the call does.
        call: String,
        /// AWS's words.
        why: String,
    },
    /// Something cannot be read until an operator changes something.
    ReadRefused {
        /// What cannot be read.
        part: String,
        /// Why.
        why: String,
    },
    /// Auto Scaling reports a lifecycle state that this version does not know.
    UnclearState,
    /// The group retained the instance when its termination was abandoned.
    Retained,
    /// The terminate hook ends, and the quorum needs this instance's voter.
    NeededAtDeadline,
    /// There is no ledger, and an instance leaves or launches that was given an env. It may hold the cluster's data.
    EnvWithoutLedger,
    /// The group's warm pool takes instances back on scale-in.
    PoolTakesBack,
    /// The group's desired capacity does not count instances. The text says what it counts.
    CountsUnits(String),
    /// The group wants no instance, and nobody has said that the cluster may end with its data.
    EndNotMeant {
        /// What the tag `etcd-asg:end` has to say for this generation to end.
        word: String,
    },
    /// The tag `etcd-asg:end` has a value that ends no generation.
    EndTagWrong {
        /// The tag's value.
        says: String,
        /// What it has to say for this generation to end.
        right: String,
    },
    /// The voter is kept, and the group retains no instance, so AWS ends this voter's instance when its hook is over.
    DiesWithItsData {
        /// When the hook is over, however often it is kept alive.
        at: Timestamp,
    },
    /// The operator ended the cluster, the maximum size was raised again, and this instance still runs.
    EndedAndRuns,
    /// EC2 has not told the instance's private address.
    NoAddress,
    /// The etcd on the instance has a version that may not vote beside the others.
    Version {
        /// The version, as the server's status tells it.
        version: String,
        /// Why it may not vote.
        why: Closed,
    },
}

codes!(Refusal {
    Refusal::OtherGroup { .. } => "other-group",
    Refusal::OtherVpc { .. } => "other-vpc",
    Refusal::OtherOwner { .. } => "other-owner",
    Refusal::ClusterRenamed { .. } => "cluster-renamed",
    Refusal::LedgerMoved(_) => "ledger-moved",
    Refusal::Paused => "paused",
    Refusal::NoHook(_) => "no-hook",
    Refusal::HookTimeoutShort { .. } => "hook-timeout-too-short",
    Refusal::GroupName(_) => "group-name-unusable",
    Refusal::InServiceWithoutLedger(_) => "no-ledger",
    Refusal::TwoClusters(..) => "two-clusters",
    Refusal::VoterUnseen { .. } => "voter-unseen",
    Refusal::LocalPeerUrl(_) => "peer-url-unreachable",
    Refusal::OtherCluster(_) => "other-cluster",
    Refusal::AuthenticationNeeded => "authentication-needed",
    Refusal::Unreadable { .. } => "unreadable",
    Refusal::Corrupt { .. } => "corrupt",
    Refusal::HashesDiffer { .. } => "hashes-differ",
    Refusal::DiesInDoubt { .. } => "copy-will-be-lost",
    Refusal::NoSpace { .. } => "nospace",
    Refusal::UnknownAlarm(_) => "unknown-alarm",
    Refusal::Trouble(_) => "etcd-complains",
    Refusal::Downgrade(_) => "downgrade-enabled",
    Refusal::VersionUnread(_) => "version-unread",
    Refusal::QuorumLost { .. } => "quorum-lost",
    Refusal::QuorumAtRisk(_) => "quorum-at-risk",
    Refusal::DoubtfulVoter(_) => "doubtful-voter",
    Refusal::LastVoter => "last-voter",
    Refusal::UnownedMember => "unowned-member",
    Refusal::AddressInUse(_) => "address-in-use",
    Refusal::HookTooShort => "hook-too-short",
    Refusal::GivenUp { .. } => "given-up",
    Refusal::PortsEqual(_) => "ports-equal",
    Refusal::PortsChanged { .. } => "ports-changed",
    Refusal::PeerScheme { .. } => "peer-scheme",
    Refusal::PeerNameUnknown { .. } => "peer-name-unknown",
    Refusal::JoinsFail { .. } => "joins-fail",
    Refusal::CallRefused { .. } => "call-refused",
    Refusal::ReadRefused { .. } => "read-refused",
    Refusal::UnclearState => "unknown-state",
    Refusal::Retained => "retained",
    Refusal::NeededAtDeadline => "needed-at-deadline",
    Refusal::EnvWithoutLedger => "env-without-ledger",
    Refusal::PoolTakesBack => "pool-takes-back",
    Refusal::CountsUnits(_) => "counts-units",
    Refusal::EndNotMeant { .. } => "end-not-meant",
    Refusal::EndTagWrong { .. } => "end-tag-wrong",
    Refusal::DiesWithItsData { .. } => "voter-will-die",
    Refusal::EndedAndRuns => "ended-but-running",
    Refusal::NoAddress => "no-address",
    Refusal::Version { .. } => "version-may-not-vote",
    ; Refusal::Setting(problem) => problem,
});
