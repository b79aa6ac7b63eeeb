//! The mutants: each is a guard taken away, and what breaks then.

use membership::guard::Guard;

use crate::explore::Found;
use crate::state::{Faults, Invariant, State};
use crate::world::Second;
use crate::worlds::Begin::{self, Formed, Launching};
use crate::worlds::{NONE, PLAIN, Plan};

/// A guard taken away, the world that shows what the guard prevents, and the invariant that breaks there.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The guard that is taken away.
    pub guard: Guard,
    /// The number of the story that the mutant brings back (`docs/STORIES.md`), if there is one.
    pub story: Option<u8>,
    /// The invariant that breaks; `None` if a dead end appears instead.
    pub breaks: Option<Invariant>,
    /// The world to explore.
    pub plan: Plan,
}

impl Mutant {
    /// Whether the search found what the guard prevents.
    pub fn caught(&self, found: &Found<State>) -> bool {
        match (self.breaks, &found.broken) {
            (Some(wanted), Some((broken, _))) => *broken == format!("{wanted:?}"),
            (None, None) => found.dead_ends > 0,
            _ => false,
        }
    }

    /// Whether the mutant was caught, as a phrase for the report.
    pub fn word(&self, caught: bool) -> String {
        let wanted = self.breaks.map_or("a dead end".to_owned(), |i| format!("{i:?}"));
        if caught { format!("caught, as {wanted}") } else { format!("NOT caught: {wanted} was expected") }
    }
}

const fn mutant(
    guard: Guard,
    story: u8,
    breaks: Invariant,
    begin: Begin,
    runs: usize,
    faults: Faults,
) -> Mutant {
    let story = if story == 0 { None } else { Some(story) };
    Mutant {
        guard,
        story,
        breaks: Some(breaks),
        plan: Plan { name: "a mutant's world", begin, runs, faults, short: true, ..PLAIN },
    }
}

/// A mutant in a world with two deployments.
const fn contested(guard: Guard, breaks: Invariant, begin: Begin, second: Second, faults: Faults) -> Mutant {
    let mutant = mutant(guard, 0, breaks, begin, 2, faults);
    Mutant { plan: Plan { second, ..mutant.plan }, ..mutant }
}

/// A mutant in a group whose warm pool takes back.
const fn pooled(guard: Guard, breaks: Option<Invariant>, begin: Begin, faults: Faults) -> Mutant {
    let mutant = mutant(guard, 0, Invariant::I8, begin, 1, faults);
    Mutant { breaks, plan: Plan { reuses: true, ..mutant.plan }, ..mutant }
}

/// The record of the owner is deleted once.
const DELETED: Faults = Faults { deletions: 1, ..NONE };

/// A mutant that only `make model` explores.
const fn long(mutant: Mutant) -> Mutant {
    Mutant { plan: Plan { short: false, ..mutant.plan }, ..mutant }
}

/// The guards whose loss the model notices, each with the smallest world that shows it. These worlds are also explored
/// with every guard in place: then nothing may break.
pub const MUTANTS: &[Mutant] = &[
    mutant(Guard::AllGoneBeforeNext, 1, Invariant::I2, Launching(2), 1, Faults { freezes: 1, ..NONE }),
    mutant(Guard::GoneIsProven, 1, Invariant::I2, Launching(2), 1, Faults { hidden: 1, ..NONE }),
    mutant(Guard::SealedBeforePromote, 3, Invariant::I5, Launching(2), 1, Faults { disks: 1, ..NONE }),
    mutant(Guard::LookAgain, 6, Invariant::I3, Formed(3), 1, Faults { scales: 1, freezes: 1, ..NONE }),
    mutant(Guard::ClaimIsFree, 5, Invariant::I10, Formed(3), 2, Faults { terminations: 1, late: 1, ..NONE }),
    mutant(Guard::ClaimStands, 5, Invariant::I10, Formed(3), 2, Faults { terminations: 1, late: 1, ..NONE }),
    long(mutant(
        Guard::ExpiredClaimMayHaveHappened,
        5,
        Invariant::I10,
        Formed(3),
        1,
        Faults { scales: 1, freezes: 1, deaths: 1, ..NONE },
    )),
    mutant(
        Guard::UnansweredIsNoted,
        7,
        Invariant::I10,
        Formed(3),
        1,
        Faults { scales: 1, freezes: 1, ..NONE },
    ),
    mutant(
        Guard::UnansweredIsNoted,
        8,
        Invariant::I10,
        Formed(2),
        1,
        Faults { terminations: 1, patience: 1, late: 1, ..NONE },
    ),
    mutant(Guard::LapsedByAll, 7, Invariant::I3, Formed(3), 1, Faults { scales: 1, freezes: 1, ..NONE }),
    mutant(Guard::LapsedTwice, 7, Invariant::I10, Formed(3), 1, Faults { scales: 1, freezes: 1, ..NONE }),
    long(mutant(
        Guard::LapsedUnderOneLeader,
        20,
        Invariant::I10,
        Formed(3),
        1,
        Faults { scales: 1, freezes: 2, ..NONE },
    )),
    mutant(Guard::UnansweredCount, 9, Invariant::I3, Formed(3), 1, Faults { scales: 1, freezes: 1, ..NONE }),
    mutant(
        Guard::KillKeepsMajority,
        9,
        Invariant::I3,
        Formed(3),
        1,
        Faults { scales: 1, freezes: 1, ..NONE },
    ),
    long(mutant(
        Guard::MajorityKept,
        0,
        Invariant::I3,
        Formed(3),
        1,
        Faults { scales: 1, freezes: 1, patience: 1, ..NONE },
    )),
    long(mutant(
        Guard::NoDoubtfulVoter,
        0,
        Invariant::I12,
        Formed(3),
        1,
        Faults { terminations: 1, freezes: 1, ..NONE },
    )),
    mutant(Guard::ReplacementFirst, 13, Invariant::I12, Formed(3), 1, Faults { terminations: 1, ..NONE }),
    mutant(Guard::MemberIsOut, 0, Invariant::I8, Formed(3), 1, Faults { terminations: 1, ..NONE }),
    mutant(
        Guard::NeverAMember,
        0,
        Invariant::I8,
        Formed(2),
        1,
        Faults { terminations: 1, freezes: 1, ..NONE },
    ),
    long(mutant(
        Guard::AbandonRetains,
        0,
        Invariant::I8,
        Formed(3),
        1,
        Faults { terminations: 1, freezes: 1, patience: 1, ..NONE },
    )),
    mutant(Guard::EndpointsOnceFormed, 1, Invariant::I8, Launching(2), 1, NONE),
    mutant(Guard::PublishedBeforeContinue, 0, Invariant::I8, Launching(2), 1, Faults { patience: 1, ..NONE }),
    contested(Guard::OwnerIsThis, Invariant::I2, Launching(1), Second::Bare, NONE),
    contested(Guard::OwnerSettled, Invariant::I2, Launching(1), Second::Bare, NONE),
    contested(
        Guard::AdoptionAnnounced,
        Invariant::I2,
        Formed(1),
        Second::Bare,
        Faults { delays: 1, ..DELETED },
    ),
    contested(
        Guard::OwnerByIdentity,
        Invariant::I10,
        Formed(2),
        Second::Stranger,
        Faults { terminations: 1, ..DELETED },
    ),
    contested(
        Guard::LedgerStays,
        Invariant::I10,
        Formed(2),
        Second::Moved,
        Faults { terminations: 1, ..DELETED },
    ),
    contested(Guard::SameClusterName, Invariant::I2, Formed(1), Second::Renamed, NONE),
    mutant(Guard::EndIsMeant, 0, Invariant::I4, Formed(1), 1, Faults { nights: 1, ..NONE }),
    mutant(Guard::VotersHeld, 0, Invariant::I12, Formed(2), 1, Faults { nights: 1, ..NONE }),
    mutant(Guard::CopiesAgree, 0, Invariant::I4, Formed(2), 1, Faults { alarms: 1, terminations: 1, ..NONE }),
    pooled(Guard::PooledIsLeaving, Some(Invariant::I8), Formed(2), Faults { scales: 1, ..NONE }),
];
