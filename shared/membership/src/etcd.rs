//! etcd as its members answer: the member list and each server's own status.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ids::{ClusterId, MemberId};
use crate::seen::Seen;

/// An entry of etcd's member list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Member {
    /// The member ID.
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
    pub cluster: ClusterId,
    /// The member that served the read, by the answer's header.
    pub served_by: MemberId,
    /// All members, voters and learners, in etcd's order.
    pub members: Vec<Member>,
}

impl MemberList {
    /// The member with this ID.
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
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
    pub cluster: ClusterId,
    /// The member ID that the server answers with.
    pub member: MemberId,
    /// The leader that the server follows. `None` during an election.
    pub leader: Option<MemberId>,
    /// The raft term.
    pub term: u64,
    /// The applied raft index.
    pub applied: u64,
    /// Whether the server is a learner.
    pub learner: bool,
    /// The etcd version, such as `3.6.16`.
    pub version: String,
    /// Alarms in etcd's words. They do not make a voter unhealthy.
    pub alarms: Vec<String>,
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
    /// The server did not answer.
    Silent {
        /// How many probes in a row were not answered in this invocation.
        misses: u32,
        /// The error of the last probe.
        why: String,
    },
}

impl Probe {
    /// The status that the server answered with, if it did.
    pub fn answer(&self) -> Option<&Status> {
        match self {
            Probe::Answered(status) => Some(status),
            Probe::AuthenticationNeeded | Probe::Silent { .. } => None,
        }
    }

    /// Whether a server is there: it told its status, or that it wants a user.
    pub fn is_alive(&self) -> bool {
        match self {
            Probe::Answered(_) | Probe::AuthenticationNeeded => true,
            Probe::Silent { .. } => false,
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
}
