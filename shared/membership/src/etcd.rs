//! etcd as its members answer: the member list and each server's own status.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::alarm::Alarm;
use crate::decide::peer_host;
use crate::ids::{ClusterId, MemberId, hexadecimal, hexadecimal_if_any, hexadecimals};
use crate::seen::Seen;
pub use crate::unreadable::{Silence, Unreadable};

/// How many probes in a row must fail in one invocation before silence is recorded, acted on or called a loss.
pub const MISSES: u32 = 3;

/// An entry of etcd's member list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Member {
    /// The member ID.
    #[serde(serialize_with = "hexadecimal")]
    pub id: MemberId,
    /// The name that the member gave itself. Empty until it first started.
    pub name: String,
    /// The URLs at which other members reach it.
    pub peer_urls: Vec<String>,
    /// The URLs that it advertises to clients. Empty until it first started.
    pub client_urls: Vec<String>,
    /// Whether the member is a learner, which does not vote.
    pub learner: bool,
}

impl Member {
    /// Whether the member has ever started: etcd names a member when it first publishes itself.
    pub fn started(&self) -> bool {
        !self.name.is_empty()
    }
}

/// A member list, read linearizably.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MemberList {
    /// The cluster ID in the answer's header.
    #[serde(serialize_with = "hexadecimal")]
    pub cluster: ClusterId,
    /// The member that served the read, by the answer's header.
    #[serde(serialize_with = "hexadecimal")]
    pub served_by: MemberId,
    /// All members, voters and learners, in etcd's order.
    pub members: Vec<Member>,
}

impl MemberList {
    /// The member with this ID.
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
    }

    /// The host names in the members' peer URLs, without those that are addresses.
    pub fn peer_names(&self) -> impl Iterator<Item = &str> {
        let hosts = self.members.iter().flat_map(|m| &m.peer_urls).map(|url| peer_host(url));
        hosts.filter(|host| host.parse::<std::net::IpAddr>().is_err())
    }

    /// The members that vote.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| !m.learner)
    }

    /// The members that do not vote.
    pub fn learners(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.learner)
    }
}

/// What one server says of itself (`/v3/maintenance/status`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Status {
    /// The cluster ID that the server answers with.
    #[serde(serialize_with = "hexadecimal")]
    pub cluster: ClusterId,
    /// The member ID that the server answers with.
    #[serde(serialize_with = "hexadecimal")]
    pub member: MemberId,
    /// The leader that the server follows. `None` during an election.
    #[serde(serialize_with = "hexadecimal_if_any")]
    pub leader: Option<MemberId>,
    /// The raft term.
    pub term: u64,
    /// The applied raft index.
    pub applied: u64,
    /// Whether the server is a learner.
    pub learner: bool,
    /// The etcd version, such as `3.6.16`.
    pub version: String,
    /// The revision of the keys that the server has applied.
    pub revision: u64,
    /// The alarms that stand in the cluster, as this server has applied them. They do not make a voter unproven.
    pub alarms: Vec<Alarm>,
    /// Everything else that the server complains of, in its own words. That it has no leader is in `leader`.
    pub troubles: Vec<String>,
    /// The size of the server's database.
    pub size: DbSize,
    /// The version to which a downgrade is enabled (3.6 and newer).
    pub downgrade: Option<String>,
}

/// The size of a database, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct DbSize {
    /// The size of the file.
    pub file: u64,
    /// What of it is in use: about the size after a defragmentation.
    pub in_use: u64,
    /// The quota, beyond which etcd raises the alarm NOSPACE. Told by 3.6 and newer.
    pub quota: Option<u64>,
}

/// The hash of one member's keys (`HashKV`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct KeysHash {
    /// The cluster ID that the server answers with.
    #[serde(serialize_with = "hexadecimal")]
    pub cluster: ClusterId,
    /// The member ID that the server answers with.
    #[serde(serialize_with = "hexadecimal")]
    pub member: MemberId,
    /// The revision up to which the keys were hashed: the one that was asked for.
    pub revision: u64,
    /// The revision that the member has compacted to. Hashes compare only where it is the same.
    pub compacted: i64,
    /// The hash.
    pub hash: u32,
}

/// A voter may be this many entries behind the leader's applied index and still be proven.
const NEAR: u64 = 1000;

impl Status {
    /// Whether the server has applied nearly all that the leader has applied.
    pub fn is_near(&self, leader: &Status) -> bool {
        self.applied.saturating_add(NEAR) >= leader.applied
    }
}

/// The answer of one server to this round's probe.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Probe {
    /// The server told its status.
    Answered(Status),
    /// The server wants a user: it is alive, and its status cannot be read.
    AuthenticationNeeded,
    /// Something answers there, and it told no status that can be read.
    Unreadable {
        /// What is known of it.
        what: Unreadable,
        /// How many probes in a row brought no status in this invocation.
        misses: u32,
        /// The error of the last probe.
        why: String,
    },
    /// Nothing answered.
    Silent {
        /// How many probes in a row were not answered in this invocation.
        misses: u32,
        /// What the silence was like.
        how: Silence,
        /// The error of the last probe.
        why: String,
    },
}

impl Probe {
    /// The status that the server answered with, if it did.
    pub fn answer(&self) -> Option<&Status> {
        match self {
            Probe::Answered(status) => Some(status),
            Probe::AuthenticationNeeded | Probe::Unreadable { .. } | Probe::Silent { .. } => None,
        }
    }

    /// Whether something is there: it told its status, that it wants a user, or anything else. Beside it nothing is
    /// founded.
    pub fn is_alive(&self) -> bool {
        match self {
            Probe::Answered(_) | Probe::AuthenticationNeeded | Probe::Unreadable { .. } => true,
            Probe::Silent { .. } => false,
        }
    }

    /// Whether something is there whose state cannot be judged from here. Its data may be fine, so it is neither
    /// taken for proven nor for missed. An etcd that says itself that it cannot answer is missed.
    pub fn is_inscrutable(&self) -> bool {
        match self {
            Probe::AuthenticationNeeded => true,
            Probe::Unreadable { what, .. } => !what.is_unready(),
            Probe::Answered(_) | Probe::Silent { .. } => false,
        }
    }
}

/// The leader among these servers: the server that says of itself that it leads, in the highest term. After an
/// election the old leader may still say so, in a lower term.
pub fn leader_among<'a>(statuses: impl Iterator<Item = &'a Status>) -> Option<&'a Status> {
    statuses.filter(|s| s.leader == Some(s.member)).max_by_key(|s| s.term)
}

/// All that etcd's servers said in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct EtcdView {
    /// Each server's answer, by the client URL at which it was asked.
    pub probes: BTreeMap<String, Probe>,
    /// Linearizable member lists, by the client URL that was asked. One answer proves a quorum. While a change is
    /// unanswered, every voter is asked.
    pub lists: BTreeMap<String, Seen<MemberList>>,
    /// How many rounds in a row no list could be had in this invocation.
    pub list_misses: u32,
    /// The members to which the leader is sending a snapshot, by its own metrics. Asked only while a learner is silent.
    #[serde(serialize_with = "hexadecimals")]
    pub sending: BTreeSet<MemberId>,
    /// The hash of each voter's keys, by the client URL that was asked, where a comparison was due.
    pub hashes: BTreeMap<String, Seen<KeysHash>>,
}
