//! Facts derived from one observation and the ledger as it will stand: the vocabulary of the rules.

mod held;
mod instances;
mod members;
mod pace;
mod patience;
mod servers;
pub mod versions;
mod voters;

use std::time::Duration;

pub use self::instances::{heard, probe_of};
pub use self::members::reached_at;
pub use self::pace::LONGEST_PAUSE;
pub use self::servers::Servers;
pub use self::voters::{QuorumGone, recorded_voters};
pub use crate::etcd::MISSES;
use crate::guard::{Guard, Guards};
use crate::ids::Timestamp;
use crate::ledger::{Ledger, Phase};
use crate::observation::{Group, Observation};

/// How long a machine must have been gone before its member is removed. When a member that vanished without a reset
/// is removed, all writes stall until it has been silent for 5 s (etcd#2888).
pub const GONE_FOR: Duration = Duration::from_secs(6);
/// How far apart the two looks must be that miss an instance in EC2 and in the group, where EC2 does not say
/// `terminated`: 6 s between the two answers. A look reads its clock when it is over, which is up to 5 s after those
/// answers where servers are silent, and two clocks may differ by 5 s.
pub const ABSENT_FOR: Duration = Duration::from_secs(16);
/// How much of a hook's time is kept in reserve.
pub const HOOK_MARGIN: Duration = Duration::from_secs(30);

/// One observation, read in the light of a ledger.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub obs: &'a Observation,
    pub group: &'a Group,
    pub ledger: &'a Ledger,
    pub now: Timestamp,
    pub guards: Guards,
}

impl View<'_> {
    /// Whether the guard is in force.
    pub fn enforces(&self, guard: Guard) -> bool {
        self.guards.enforces(guard)
    }

    /// Whether a test took the guard away.
    pub fn mutant(&self, guard: Guard) -> bool {
        self.guards.mutant(guard)
    }

    /// Whether the guard lets a step pass.
    pub fn allows(&self, guard: Guard, condition: bool) -> bool {
        self.guards.allows(guard, condition)
    }

    /// A precondition of a step, and what stands against the step where it does not hold.
    pub fn require<E>(&self, guard: Guard, condition: bool, otherwise: impl FnOnce() -> E) -> Result<(), E> {
        self.guards.require(guard, condition, otherwise)
    }

    /// Where the generation's life stands.
    pub fn phase(&self) -> Phase {
        self.ledger.generation.phase
    }
}
