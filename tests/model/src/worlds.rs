//! The worlds that are explored: where each begins, how many invocations run at once, what may go wrong.

use membership::guard::Guards;

use crate::explore::{Bounds, explore};
use crate::mutants::MUTANTS;
use crate::state::{Faults, State};
use crate::tables::Tables;
use crate::world::World;

/// Where a world begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// This many instances are launching, and there is nothing else.
    Launching(u8),
    /// A cluster of this many members has formed and settled.
    Formed(u8),
}

/// A world, before it is built.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The name that is printed and by which a world can be selected.
    pub name: &'static str,
    /// The state in which the world begins.
    pub begin: Begin,
    /// The most invocations at once.
    pub runs: usize,
    /// How often each fault may happen.
    pub faults: Faults,
    /// Whether `make test` explores this world too, and not only `make model`.
    pub short: bool,
}

impl Plan {
    /// The whole plan in a line.
    pub fn summary(&self) -> String {
        let faults = match self.faults.budget() {
            empty if empty.is_empty() => "nothing goes wrong".to_owned(),
            budget => budget,
        };
        let at_once = if self.runs == 1 { "one invocation" } else { "two invocations at once" };
        format!("{} ({:?}, {at_once}, {faults})", self.name, self.begin)
    }

    fn same(&self, other: &Plan) -> bool {
        (self.begin, self.runs, self.faults) == (other.begin, other.runs, other.faults)
    }
}

/// Every world in which nothing may break: [`WORLDS`], and the mutants' worlds, each once.
pub fn every() -> Vec<Plan> {
    let mut all: Vec<Plan> = WORLDS.to_vec();
    for mutant in MUTANTS {
        if !all.iter().any(|plan| plan.same(&mutant.plan)) {
            all.push(mutant.plan);
        }
    }
    all
}

/// The settled clusters in which worlds begin, by size, each with the tables of its indices: computed once.
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
        World::new(start, plan.runs, guards, tables)
    }

    fn formed(&mut self, desired: u8) -> (State, Tables) {
        if let Some((_, state, tables)) = self.formed.iter().find(|(d, ..)| *d == desired) {
            return (*state, tables.clone());
        }
        let start = World::launching(desired);
        let world = World::new(start, 1, Guards::all(), Tables::default());
        let found = explore(&world, Bounds { states: 1_000_000, until_settled: true });
        let settled = found.first_settled.unwrap_or(start);
        let tables = world.tables().clone();
        self.formed.push((desired, settled, tables.clone()));
        (settled, tables)
    }
}

/// Nothing goes wrong.
pub(crate) const NONE: Faults = Faults {
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

/// The worlds that are explored with every guard in place.
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
        runs: 1,
        faults: Faults { kills: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "the seed, or its joiner, dies before it formed",
        begin: Launching(2),
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
    Plan {
        name: "story 1, the half-formed pair: a joiner dies, the seed freezes",
        begin: Launching(2),
        runs: 1,
        faults: Faults { kills: 1, freezes: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 10, after you, and 19, the silent new voter: one freezes, another leaves",
        begin: Formed(3),
        runs: 1,
        faults: Faults { terminations: 1, freezes: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 14, nobody's claim: a claimant dies, its generation is abandoned",
        begin: Launching(2),
        runs: 1,
        faults: Faults { freezes: 1, deaths: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 20, the letter handed on: two freeze, one after the other",
        begin: Formed(3),
        runs: 1,
        faults: Faults { scales: 1, freezes: 2, ..NONE },
        short: false,
    },
    Plan {
        name: "story 21, the slow image: a machine boots more slowly than anybody's patience",
        begin: Launching(2),
        runs: 1,
        faults: Faults { delays: 2, ..NONE },
        short: true,
    },
    Plan {
        name: "story 2, the race to a verdict: the seed dies while another invocation writes that it formed",
        begin: Launching(1),
        runs: 2,
        faults: Faults { kills: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 4, the late publisher: a call arrives late, a disk is lost",
        begin: Launching(2),
        runs: 1,
        faults: Faults { late: 1, disks: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 8, the replacement removed: one is given up, its removal lands late, another leaves",
        begin: Formed(2),
        runs: 1,
        faults: Faults { terminations: 1, patience: 1, late: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 11, in and out: a joiner's hook runs out, its patience is over",
        begin: Launching(2),
        runs: 1,
        faults: Faults { timeouts: 1, patience: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 12, the undead launch: one hangs for longer than its patience",
        begin: Launching(2),
        runs: 1,
        faults: Faults { freezes: 1, patience: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 15, seven silent seconds: a joiner does not answer the functions for a while",
        begin: Launching(2),
        runs: 2,
        faults: Faults { deaf: 1, ..NONE },
        short: false,
    },
    Plan {
        name: "story 18, the abandoned who waits: one freezes and another is terminated before it formed",
        begin: Launching(2),
        runs: 1,
        faults: Faults { freezes: 1, terminations: 1, ..NONE },
        short: false,
    },
];
