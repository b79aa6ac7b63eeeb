//! What is not done until an operator, or another rule, changes something.

use std::fmt;
use std::time::Duration;

use crate::change::Change;
use crate::codes;
use crate::etcd::Unreadable;
use crate::ids::{ClusterId, ClusterName, MemberId, Timestamp};
use crate::instance::Transition;
use crate::ledger::Failure;
use crate::observation::{END_TAG, SHORTEST_HEARTBEAT};
use crate::settings::{Problem, Scheme};
use crate::version::Closed;
use crate::words::quoted;

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
    /// The instance of a voter is leaving while the copies are in doubt, and the group does not retain it.
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
    /// Auto Scaling reports a lifecycle state that this version does not know.
    UnclearState,
    /// The group retained the instance when its termination was abandoned.
    Retained,
    /// The terminate hook ends, and the quorum needs this instance's voter.
    NeededAtDeadline,
    /// There is no ledger, and an instance leaves that was given an env. It may hold the cluster's data.
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

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::OtherGroup { ledger, seen } => write!(
                f,
                "the ledger says that the cluster's data is on the instances of {ledger}, and this group is {seen}: give this group another cluster name; or end the cluster there ({END_TAG}), and this group begins anew; delete the ledger only if every disk of that group is gone for good"
            ),
            Refusal::OtherVpc { group, deployment } => write!(
                f,
                "the group's instances are in {group}, and this deployment serves {deployment}: it leaves the group alone"
            ),
            Refusal::OtherOwner { owner, this } => write!(
                f,
                "the group belongs to {owner}, and this is {this}; a cluster changes its deployment, bucket or prefix only by a deliberate move"
            ),
            Refusal::ClusterRenamed { owner, tag } => write!(
                f,
                "the group's tag etcd-asg:cluster says {tag}, and the group is on record as cluster {owner}; set the tag back to {owner}: a cluster keeps its name for its whole life"
            ),
            Refusal::LedgerMoved(to) => write!(
                f,
                "the ledger was moved to {to}; the deployment that reads it there manages this group"
            ),
            Refusal::Paused => f.write_str("the group is paused by its tag etcd-asg:paused"),
            Refusal::Setting(problem) => write!(f, "{problem}"),
            Refusal::NoHook(why) => write!(f, "the group has no lifecycle hook for etcd-asg: {why}"),
            Refusal::HookTimeoutShort { transition, timeout } => {
                let (hook, least) = (transition.name(), SHORTEST_HEARTBEAT.as_secs());
                write!(
                    f,
                    "the {hook} hook has a heartbeat timeout of {} s: it can run out between two runs of the schedule; set HeartbeatTimeout to {least} s or more",
                    timeout.as_secs()
                )
            }
            Refusal::GroupName(name) => write!(
                f,
                "the group's name {} cannot be given to its hosts: it may have printable ASCII without quotes, backslashes, dollar signs and backquotes; make a group with another name",
                quoted(name)
            ),
            Refusal::InServiceWithoutLedger(heard) => write!(
                f,
                "it is in service and the cluster has no ledger, so it is not known whether it holds data ({heard}); have its etcd serve clients at the address and port that the functions ask, and its cluster is adopted; end it only after a look at its disks has shown that no etcd ever kept data there"
            ),
            Refusal::TwoClusters(one, other) => write!(
                f,
                "etcd servers of two clusters answer in this group, {one} and {other}, and there is no ledger, so no cluster is adopted or founded; find out whose data is needed, keep a snapshot of both, then stop the etcds of the other"
            ),
            Refusal::VoterUnseen { voter, heard } => write!(
                f,
                "no etcd answers on it ({heard}), and it may run voter {voter} of the cluster that is to be adopted; start that etcd, or have it serve clients at the address and port that the functions ask; remove that member only if all others answer and its data is not needed"
            ),
            Refusal::LocalPeerUrl(url) => write!(
                f,
                "other machines cannot reach it under its peer URL {url}, so no member could join; update the URL (etcdctl member update) before the cluster is adopted"
            ),
            Refusal::OtherCluster(id) => write!(f, "an etcd of another cluster answers on it: {id}"),
            Refusal::AuthenticationNeeded => {
                f.write_str("its etcd runs and wants a user, so its status cannot be read")
            }
            Refusal::Unreadable { what, why } => write!(
                f,
                "{what} answers at its client port; it may be a live member with data, so nothing is done to it, and nothing is founded or adopted beside it ({why})"
            ),
            Refusal::Corrupt { hashes } => write!(
                f,
                "the alarm CORRUPT stands, so members have different data; whom the alarm names need not be the wrong one; every copy is kept until an operator has found the right one and removed the others: {hashes}"
            ),
            Refusal::HashesDiffer { hashes } => write!(
                f,
                "the voters have different data at one revision; every copy is kept until an operator has found the right one and removed the others: {hashes}"
            ),
            Refusal::DiesInDoubt { at } => write!(
                f,
                "it is leaving with its copy of the data while the copies are in doubt, and AWS terminates it at {at}; before that, save a snapshot of its etcd, or set the group's policy that retains it (TerminateHookAbandon: retain)"
            ),
            Refusal::NoSpace { members } => write!(
                f,
                "the alarm NOSPACE stands ({members}), so etcd refuses whatever needs more space; compact, defragment every member one by one, then disarm the alarm"
            ),
            Refusal::UnknownAlarm(alarm) => {
                write!(f, "an alarm stands that this version of etcd-asg does not know: {alarm}")
            }
            Refusal::Trouble(words) => write!(f, "its etcd complains: {words}"),
            Refusal::Downgrade(target) => write!(
                f,
                "a downgrade of etcd to {target} is enabled; etcd-asg upgrades by replacement and never downgrades"
            ),
            Refusal::VersionUnread(version) => write!(
                f,
                "its etcd tells the version {}, which is not understood, so it is not known which versions may join beside it",
                quoted(version)
            ),
            Refusal::QuorumLost { gone, voters } => write!(
                f,
                "quorum lost: {gone} of {voters} voters are gone for good; an operator has to recover the cluster"
            ),
            Refusal::QuorumAtRisk(change) => {
                write!(f, "it would leave no majority of proven voters: {change}")
            }
            Refusal::DoubtfulVoter(member) => {
                write!(f, "voter {member} is doubtful, and no live voter is removed meanwhile")
            }
            Refusal::LastVoter => f.write_str("it is the last voter and is kept for its data"),
            Refusal::UnownedMember => f.write_str("it belongs to no known instance and is left alone"),
            Refusal::AddressInUse(member) => {
                write!(f, "its address belongs to member {member}, which answers")
            }
            Refusal::HookTooShort => f.write_str("its launch hook has too little time left for it to join"),
            Refusal::GivenUp { said } => {
                f.write_str("it was given up as a joiner")?;
                said.iter().try_for_each(|said| write!(f, "; {said}"))
            }
            Refusal::PortsEqual(port) => write!(
                f,
                "clients and peers have the same port {port}, and no etcd can serve both there; set the tag etcd-asg:client-port or etcd-asg:peer-port to another port"
            ),
            Refusal::PortsChanged { set, served } => write!(
                f,
                "the settings say {set}, and the members serve {served}; a running cluster keeps its ports and its scheme: set the tags, or the functions' settings, back"
            ),
            Refusal::PeerScheme { url, scheme } => write!(
                f,
                "a joiner would speak {} to its peers, and this member's peer URL is {url}, so no member could join; let its etcd serve that scheme and update the URL (etcdctl member update) before the cluster is adopted",
                scheme.as_str()
            ),
            Refusal::PeerNameUnknown { url, why } => write!(
                f,
                "the name in its peer URL {url} leads nowhere in the functions' network ({why}), so no joiner could be sure to reach it; update the URL to an address (etcdctl member update) before the cluster is adopted"
            ),
            Refusal::JoinsFail { row, cause, said } => {
                write!(f, "{row} tries to join have failed in a row, the last because {cause}; until the launch template, the image or a tag of the group changes, a try is made every few minutes")?;
                said.iter().try_for_each(|said| write!(f, "; {said}"))
            }
            Refusal::UnclearState => {
                f.write_str("this version does not know its lifecycle state; the instance is left alone")
            }
            Refusal::Retained => {
                f.write_str("the group retained it, and no member of the cluster runs on it any more; end it by hand once the member list has shown that it is out")
            }
            Refusal::NeededAtDeadline => {
                f.write_str("its time to leave is over, and without its voter the quorum would be lost")
            }
            Refusal::EnvWithoutLedger => f.write_str(
                "its termination waits, it was given an env, and the cluster has no ledger, so it may hold the cluster's data; restore the ledger, or start its etcd so that its cluster is adopted; delete its parameter only if it is certain that nobody needs its data",
            ),
            Refusal::PoolTakesBack => f.write_str(
                "the group's warm pool takes instances back on scale-in (ReuseOnScaleIn): a stopped member would come back with old data, so no cluster is founded or adopted, and a voter that goes to the pool is removed; set ReuseOnScaleIn to false",
            ),
            Refusal::CountsUnits(what) => write!(
                f,
                "the group's desired capacity counts {what}, not instances, so it does not say how many members the cluster is to have, and no cluster is founded or adopted; give the group one capacity unit for each instance"
            ),
            Refusal::EndNotMeant { word } => write!(
                f,
                "the group's size is 0, which alone ends no cluster: every voter is kept with its data; to go on, give the group its size again; to end the cluster with all its data, set the group's tag {END_TAG} to {word} beside a maximum size of 0"
            ),
            Refusal::EndTagWrong { says, right } => write!(
                f,
                "the group's tag {END_TAG} says {}, which ends nothing; to end this cluster with all its data at maximum size 0 it has to be {right}; otherwise remove it",
                quoted(says)
            ),
            Refusal::DiesWithItsData { at } => write!(
                f,
                "the group's policy retains no instance, so AWS terminates this voter with its data at {at}; before that, raise the group's desired capacity, so that new instances take the data over, or set the policy (TerminateHookAbandon: retain)"
            ),
            Refusal::EndedAndRuns => f.write_str(
                "its cluster was ended by the tag etcd-asg:end, and it still runs without management; if the end was not meant, delete the ledger, and the cluster is adopted again with its data; terminate it only once a snapshot of its etcd is kept, or it is certain that nobody needs its data",
            ),
            Refusal::NoAddress => f.write_str("it has no private address yet"),
            Refusal::Version { version, why } => write!(f, "etcd {version} may not vote here: {why}"),
        }
    }
}
