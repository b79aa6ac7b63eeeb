//! The sentence of each refusal, for an operator.

use std::fmt;

use super::Refusal;
use crate::observation::{END_TAG, SHORTEST_HEARTBEAT};
use crate::words::quoted;

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
                "it is leaving with its copy of the data while the copies are in doubt, and AWS destroys that copy at {at}; before that, save a snapshot of its etcd, or, unless it only gets a new root volume, set the group's policy that retains it (TerminateHookAbandon: retain)"
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
            Refusal::CallRefused { call, why } => write!(
                f,
                "AWS refuses to {call}, and will until an operator changes something; it is tried again every minute: {why}"
            ),
            Refusal::ReadRefused { part, why } => {
                write!(f, "{part} cannot be read until an operator changes something: {why}")
            }
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
                "it was given an env, and the cluster has no ledger, so it may hold the cluster's data; restore the ledger, or start its etcd so that its cluster is adopted; delete its parameter only if it is certain that nobody needs its data",
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
