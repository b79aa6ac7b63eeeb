//! The worlds that are explored: where each begins, how many invocations, what may go wrong.

use membership::guard::{Guard, Guards};

use crate::explore::{Bounds, Found, explore};
use crate::state::{Faults, Invariant, State};
use crate::tables::Tables;
use crate::world::World;

/// Where a world begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// So many instances are launching, and there is nothing else.
    Launching(u8),
    /// A cluster of so many has formed and settled.
    Formed(u8),
}

/// A world, before it is built.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What is explored.
    pub name: &'static str,
    /// Where it begins.
    pub begin: Begin,
    /// How many invocations at once.
    pub runs: usize,
    /// How often each thing may go wrong.
    pub faults: Faults,
    /// Part of the short form, which `make test` runs.
    pub short: bool,
}

/// What a settled cluster of a size is, and the tables that name its parts: worked out once.
#[derive(Debug, Default)]
pub struct Beginnings {
    formed: Vec<(u8, State, Tables)>,
}

impl Beginnings {
    /// The world of this plan.
    pub fn world(&mut self, plan: &Plan, guards: Guards) -> World {
        let (mut start, tables) = match plan.begin {
            Begin::Launching(desired) => (World::launching(desired), Tables::default()),
            Begin::Formed(desired) => self.formed(desired),
        };
        start.faults = plan.faults;
        World::new(plan.name, start, plan.runs, guards, tables)
    }

    fn formed(&mut self, desired: u8) -> (State, Tables) {
        if let Some((_, state, tables)) = self.formed.iter().find(|(d, ..)| *d == desired) {
            return (*state, tables.clone());
        }
        let start = World::launching(desired);
        let world = World::new("formation", start, 1, Guards::all(), Tables::default());
        let found = explore(&world, Bounds { states: 1_000_000, until_settled: true });
        let settled = found.first_settled.unwrap_or(start);
        let tables = world.tables().clone();
        self.formed.push((desired, settled, tables.clone()));
        (settled, tables)
    }
}

/// Nothing goes wrong.
const NONE: Faults = Faults {
    kills: 0,
    freezes: 0,
    deaf: 0,
    crashes: 0,
    disks: 0,
    terminations: 0,
    answers: 0,
    late: 0,
    deaths: 0,
    delays: 0,
    hidden: 0,
    timeouts: 0,
    patience: 0,
    reuse: 0,
    scales: 0,
};

use Begin::{Formed, Launching};

/// All worlds that are explored with every guard in its place.
pub const WORLDS: &[Plan] = &[
    Plan { name: "formation of 3", begin: Launching(3), runs: 2, faults: NONE, short: true },
    Plan {
        name: "formation of 3, an invocation dies, an answer is lost",
        begin: Launching(3),
        runs: 2,
        faults: Faults { deaths: 1, answers: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "the seed, or another, dies before it formed",
        begin: Launching(3),
        runs: 2,
        faults: Faults { kills: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "replacement of 1 of 3, an etcd crashes",
        begin: Formed(3),
        runs: 2,
        faults: Faults { terminations: 1, crashes: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "replacement of 1 of 3, an invocation dies",
        begin: Formed(3),
        runs: 2,
        faults: Faults { terminations: 1, deaths: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "2 terminations of 3 at once",
        begin: Formed(3),
        runs: 2,
        faults: Faults { terminations: 2, ..NONE },
        short: false,
    },
    Plan {
        name: "a machine dies, its address is used again",
        begin: Formed(3),
        runs: 2,
        faults: Faults { kills: 1, reuse: 1, ..NONE },
        short: false,
    },
];

/// A guard taken away, the world that shows what it was for, and the invariants that break there.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The guard.
    pub guard: Guard,
    /// The story of the design's section 6a, if it is one.
    pub story: Option<u8>,
    /// What breaks; none for a dead end.
    pub breaks: Option<Invariant>,
    /// The world.
    pub plan: Plan,
}

impl Mutant {
    /// Whether what was found is what the guard keeps from happening.
    pub fn caught(&self, found: &Found<State>) -> bool {
        match (self.breaks, &found.broken) {
            (Some(wanted), Some((broken, _))) => *broken == format!("{wanted:?}"),
            (None, None) => found.dead_ends > 0,
            _ => false,
        }
    }

    /// That, in a word.
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
        plan: Plan { name: "its own world", begin, runs, faults, short: true },
    }
}

/// The guards whose loss the model notices, each in a world as small as will do.
pub const MUTANTS: &[Mutant] = &[
    mutant(Guard::AllGoneBeforeNext, 1, Invariant::I2, Launching(2), 1, Faults { freezes: 1, ..NONE }),
    mutant(Guard::SeedSealedFirst, 3, Invariant::I1, Launching(2), 1, Faults { disks: 1, ..NONE }),
    mutant(Guard::SealedBeforePromote, 3, Invariant::I5, Launching(2), 1, Faults { disks: 1, ..NONE }),
    mutant(Guard::LookAgain, 6, Invariant::I3, Launching(2), 1, Faults { freezes: 1, ..NONE }),
    mutant(Guard::ClaimIsFree, 5, Invariant::I10, Formed(3), 2, Faults { terminations: 1, late: 1, ..NONE }),
    mutant(Guard::ReplacementFirst, 0, Invariant::I12, Formed(3), 1, Faults { terminations: 1, ..NONE }),
    mutant(Guard::MemberIsOut, 0, Invariant::I8, Formed(3), 1, Faults { terminations: 1, ..NONE }),
];
