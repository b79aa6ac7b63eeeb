//! etcd as its members answer: the member list and each server's own status.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ids::{ClusterId, MemberId};
use crate::seen::Seen;

/// An entry of etcd's member list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Member {
    /// Its ID.
    pub id: MemberId,
    /// Its name; empty until it first started.
    pub name: String,
    /// The URLs that its peers use.
    pub peer_urls: Vec<String>,
    /// The URLs that it advertises to clients; none until it first started.
    pub client_urls: Vec<String>,
    /// A learner does not vote.
    pub learner: bool,
}

impl Member {
    /// Whether it has ever started: etcd names a member when it first publishes itself.
    pub fn started(&self) -> bool {
        !self.name.is_empty()
    }
}

/// A member list, read linearizably.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MemberList {
    /// The cluster that answered.
    pub cluster: ClusterId,
    /// The member that served the read.
    pub served_by: MemberId,
    /// All members.
    pub members: Vec<Member>,
}

impl MemberList {
    /// The member with this ID.
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
    }

    /// All voters.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| !m.learner)
    }

    /// All learners.
    pub fn learners(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.learner)
    }
}

/// What one server says of itself (`/v3/maintenance/status`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Status {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its own member ID.
    pub member: MemberId,
    /// The leader it follows; `None` during an election.
    pub leader: Option<MemberId>,
    /// Its raft term.
    pub term: u64,
    /// Its applied raft index.
    pub applied: u64,
    /// Whether it is a learner.
    pub learner: bool,
    /// Its etcd version, such as `3.6.16`.
    pub version: String,
    /// Alarms, as etcd words them; they do not make a voter unhealthy.
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
    /// It answered.
    Answered(Status),
    /// It answered that it wants a user: alive, and unreadable for us.
    AuthenticationNeeded,
    /// No answer; `misses` in a row within this invocation.
    Silent {
        /// How many of this invocation's probes in a row were not answered.
        misses: u32,
        /// What the last one ran into.
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

/// The leader among these servers: the server that says of itself that it leads, in the highest term. After an election
/// the old leader may still say so, in a lower term.
pub fn leader_among<'a>(statuses: impl Iterator<Item = &'a Status>) -> Option<&'a Status> {
    statuses.filter(|s| s.leader == Some(s.member)).max_by_key(|s| s.term)
}

/// All that etcd's servers said in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct EtcdView {
    /// By client URL.
    pub probes: BTreeMap<String, Probe>,
    /// Linearizable member lists, by the client URL that was asked. One answer proves a quorum; answers of
    /// every voter are asked for while a change is unsettled.
    pub lists: BTreeMap<String, Seen<MemberList>>,
    /// How many rounds in a row, in this invocation, no list could be had.
    pub list_misses: u32,
}
