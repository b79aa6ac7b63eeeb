//! Joins and foundings that failed in a row: what tells bad luck from a fault that no retry can cure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// So many different origins are remembered. A group launches from a few templates and images at once at most.
const ORIGINS: usize = 8;

/// How a join or a founding failed. It is the controller's own class: what a host says of itself is only quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The learner was added, and its etcd never started.
    NotStarted,
    /// The learner started, and did not catch up.
    NotCaughtUp,
    /// The learner runs a version that can never vote beside the others.
    WrongVersion,
    /// The joiner was promoted, and never answered as a voter.
    NoFirstVote,
    /// The joiner voted, and fell silent before it was in service.
    FellSilent,
    /// The machine ended while it was joining.
    MachineEnded,
    /// The seed never answered.
    SeedSilent,
    /// The cluster fell silent before it had formed.
    NeverFormed,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::NotStarted => "its etcd never started",
            Failure::NotCaughtUp => "its etcd started and never caught up",
            Failure::WrongVersion => "its version of etcd may not vote here",
            Failure::NoFirstVote => "its etcd was promoted and never answered",
            Failure::FellSilent => "its etcd fell silent before the instance was in service",
            Failure::MachineEnded => "its machine ended before it voted",
            Failure::SeedSilent => "the seed's etcd never answered",
            Failure::NeverFormed => "the cluster fell silent before it had formed",
        })
    }
}

/// What an instance was launched from, and under which settings it joined. An operator who corrects a fault changes
/// one of the two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Launch template and image ([`crate::instance::Instance::origin`]). Empty where they were not known.
    pub launch: String,
    /// The cluster's settings that a joiner depends on.
    pub settings: String,
}

impl Origin {
    /// Whether the two are the same, as far as is known. Where it is not known what one was launched from, only the
    /// settings tell.
    pub fn matches(&self, other: &Origin) -> bool {
        let unknown = self.launch.is_empty() || other.launch.is_empty();
        self.settings == other.settings && (self.launch == other.launch || unknown)
    }
}

/// The failures since the last success.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failures {
    /// How the last one failed.
    pub cause: Failure,
    /// How many have failed in this way, without another way in between.
    pub same: u32,
    /// How many have failed, in whatever way.
    pub row: u32,
    /// When the last one failed, by the clock of the invocation that gave it up.
    pub last: Timestamp,
    /// What those that failed were launched from, the last at the end.
    pub origins: Vec<Origin>,
    /// What the host of the last one said, quoted. No rule reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

impl Failures {
    /// One more failure after these.
    pub fn after(
        before: Option<Failures>,
        cause: Failure,
        origin: &Origin,
        said: Option<&String>,
        now: Timestamp,
    ) -> Failures {
        let (same, row, mut origins) = match before {
            Some(before) if before.cause == cause => (before.same, before.row, before.origins),
            Some(before) => (0, before.row, before.origins),
            None => (0, 0, Vec::new()),
        };
        origins.retain(|o| o != origin);
        origins.push(origin.clone());
        origins.drain(..origins.len().saturating_sub(ORIGINS));
        let (same, row) = (same.saturating_add(1), row.saturating_add(1));
        Failures { cause, same, row, last: now, origins, said: said.cloned() }
    }

    /// Whether a first vote shows that joins succeed again. A cluster that never forms may have voters each time.
    pub fn end_with_a_vote(&self) -> bool {
        !matches!(self.cause, Failure::SeedSilent | Failure::NeverFormed)
    }

    /// Whether an answer of the seed shows that founding succeeds again.
    pub fn end_with_a_seed(&self) -> bool {
        matches!(self.cause, Failure::SeedSilent | Failure::MachineEnded)
    }
}
