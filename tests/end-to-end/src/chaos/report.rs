//! What came of a run, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::clients::Outcomes;
use super::kind::Kind;
use super::plan::Plan;

/// How often a fault of each kind was carried out, and how often it could not be.
pub type Tally = BTreeMap<Kind, (usize, usize)>;

/// A run and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The plan's seed.
    pub seed: u64,
    /// How many faults it has.
    pub faults: usize,
    /// The cluster's size.
    pub size: usize,
    /// How long the faults took.
    pub chaos: Duration,
    /// How long it took to settle after them.
    pub settling: Duration,
    /// The faults.
    pub tally: Tally,
    /// The clients' operations.
    pub outcomes: Outcomes,
    /// On how many keys.
    pub keys: usize,
    /// Writes of the load that were acknowledged, and how many of these were lost.
    pub acknowledged: (usize, usize),
    /// The longest time between two acknowledged writes.
    pub longest_gap: Duration,
    /// How many changes of the membership were claimed, by their kind.
    pub changes: BTreeMap<&'static str, usize>,
    /// How many versions of the ledger were checked.
    pub ledgers: usize,
    /// The revision at which all members have the same hash.
    pub same_at: Option<i64>,
    /// Every promise that did not hold, in one sentence or more.
    pub violations: Vec<String>,
}

impl Report {
    /// Of a plan that was not carried out yet.
    pub fn new(plan: &Plan) -> Self {
        Self { seed: plan.seed, faults: plan.steps.len(), size: plan.size, ..Self::default() }
    }

    /// How many faults were carried out.
    pub fn carried_out(&self) -> usize {
        self.tally.values().map(|(done, _)| done).sum()
    }

    /// The command that repeats it.
    pub fn again(&self) -> String {
        format!("make chaos FAULTS={} SEED={} SIZE={}", self.faults, self.seed, self.size)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<38} {:>6} {:>8}", "fault", "done", "not then")?;
        for kind in Kind::ALL {
            let (done, not) = self.tally.get(&kind).copied().unwrap_or_default();
            writeln!(f, "{:<38} {done:>6} {not:>8}", kind.name())?;
        }
        let skipped: usize = self.tally.values().map(|(_, not)| not).sum();
        writeln!(f, "{:<38} {:>6} {skipped:>8}\n", "all", self.carried_out())?;
        let Outcomes { answered, unsent, unread, unknown } = self.outcomes;
        let mut line = |what: &str, value: String| writeln!(f, "{what:<38} {value}");
        line("seed, size", format!("{}, {}", self.seed, self.size))?;
        line(
            "faults for, settled after",
            format!("{} s, {} s", self.chaos.as_secs(), self.settling.as_secs()),
        )?;
        line("operations answered", format!("{answered}, on {} keys", self.keys))?;
        line("  without an answer", format!("{unknown} changes, {unread} reads; never sent {unsent}"))?;
        let (acknowledged, lost) = self.acknowledged;
        line("writes acknowledged, lost", format!("{acknowledged}, {lost}"))?;
        line("longest gap between two of these", format!("{} ms", self.longest_gap.as_millis()))?;
        let changes: Vec<_> = self.changes.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        line("changes claimed", changes.join(", "))?;
        line("ledger versions checked", self.ledgers.to_string())?;
        let same = self.same_at.map_or("NO".to_owned(), |revision| format!("at revision {revision}"));
        line("all members hold the same", same)?;
        line("promises broken", self.violations.len().to_string())
    }
}
