//! The worlds that are explored: where each begins, how many invocations run at once, what may go wrong.

use membership::guard::Guards;

use crate::explore::{Bounds, explore};
use crate::mutants::MUTANTS;
use crate::owners::second_ledger;
use crate::plans::WORLDS;
use crate::state::{Faults, Record, State};
use crate::tables::Tables;
use crate::world::{Second, World};

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
    /// The second deployment that sees the group.
    pub second: Second,
    /// Whether the group retains an instance whose termination is abandoned.
    pub retains: bool,
    /// Whether the group takes instances back into its warm pool on scale-in.
    pub reuses: bool,
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
        let at_once = match (self.second, self.runs) {
            (Second::None, 1) => "one invocation",
            (Second::None, _) => "two invocations at once",
            _ => "one invocation of each deployment",
        };
        let retains = if self.retains { ", the group retains" } else { "" };
        let reuses = if self.reuses { ", the group's pool takes back" } else { "" };
        format!("{} ({:?}, {at_once}{retains}{reuses}, {faults})", self.name, self.begin)
    }

    fn same(&self, other: &Plan) -> bool {
        let group = |p: &Plan| (p.second, p.retains, p.reuses);
        (self.begin, self.runs, self.faults, group(self))
            == (other.begin, other.runs, other.faults, group(other))
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
        let (mut start, mut tables) = match plan.begin {
            Begin::Launching(desired) => (World::launching(desired), Tables::default()),
            Begin::Formed(desired) => self.formed(desired),
        };
        start.faults = plan.faults;
        if plan.second != Second::None && start.ledger != 0 {
            start.owner = Some(Record { deployment: 0, without_ledger: false, age: 3 });
            let ledger = tables.ledgers.get(start.ledger);
            let other = (*ledger).as_ref().and_then(|l| second_ledger(plan.second, l));
            start.other = tables.ledgers.number(other);
        }
        let mut world = World::new(start, plan.runs, guards, tables);
        (world.second, world.retains, world.reuses) = (plan.second, plan.retains, plan.reuses);
        world
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
    nights: 0,
    ends: 0,
    alarms: 0,
    deletions: 0,
    stale: 0,
};

/// A world in which one deployment sees a group that retains nothing and has no warm pool.
pub(crate) const PLAIN: Plan = Plan {
    name: "",
    begin: Begin::Launching(1),
    runs: 1,
    faults: NONE,
    second: Second::None,
    retains: false,
    reuses: false,
    short: false,
};
