//! The result of a run, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::clients::Outcomes;
use super::kind::Kind;
use super::plan::Plan;

/// For each kind of fault, how often it was injected, and how often it was skipped because it was not
/// possible then.
pub type Tally = BTreeMap<Kind, (usize, usize)>;

/// A run and its result.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The plan's seed.
    pub seed: u64,
    /// How many faults the plan has.
    pub faults: usize,
    /// The desired capacity.
    pub size: usize,
    /// How long the faults took.
    pub chaos: Duration,
    /// How long the cluster took to settle after them.
    pub settling: Duration,
    /// The faults that were injected and skipped.
    pub tally: Tally,
    /// The clients' operations, by how they ended.
    pub outcomes: Outcomes,
    /// How many keys the clients used.
    pub keys: usize,
    /// How many writes of the load were acknowledged, and how many of these were lost.
    pub acknowledged: (usize, usize),
    /// The longest time between two acknowledged writes.
    pub longest_gap: Duration,
    /// How many changes were claimed in the ledger, by kind.
    pub changes: BTreeMap<&'static str, usize>,
    /// How many versions of the ledger were checked.
    pub ledgers: usize,
    /// The etcd revision at which all members have the same hash; `None` if they differ.
    pub same_at: Option<i64>,
    /// Every promise that did not hold, with the reason.
    pub violations: Vec<String>,
}

impl Report {
    /// The report of a plan that has not run yet.
    pub fn new(plan: &Plan) -> Self {
        Self { seed: plan.seed, faults: plan.steps.len(), size: plan.size, ..Self::default() }
    }

    /// How many faults were injected.
    pub fn injected(&self) -> usize {
        self.tally.values().map(|(done, _)| done).sum()
    }

    /// The command that repeats the run.
    pub fn again(&self) -> String {
        format!("make chaos FAULTS={} SEED={} SIZE={}", self.faults, self.seed, self.size)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<38} {:>8} {:>8}", "fault", "injected", "skipped")?;
        for kind in Kind::ALL {
            let (done, skipped) = self.tally.get(&kind).copied().unwrap_or_default();
            writeln!(f, "{:<38} {done:>8} {skipped:>8}", kind.name())?;
        }
        let skipped: usize = self.tally.values().map(|(_, skipped)| skipped).sum();
        writeln!(f, "{:<38} {:>8} {skipped:>8}\n", "all", self.injected())?;
        let Outcomes { answered, unsent, unread, unknown } = self.outcomes;
        let mut line = |what: &str, value: String| writeln!(f, "{what:<38} {value}");
        line("seed, size", format!("{}, {}", self.seed, self.size))?;
        line(
            "faults lasted, then settled within",
            format!("{} s, {} s", self.chaos.as_secs(), self.settling.as_secs()),
        )?;
        line("client operations answered", format!("{answered}, on {} keys", self.keys))?;
        line("  not answered", format!("{unknown} changes, {unread} reads; {unsent} never sent"))?;
        let (acknowledged, lost) = self.acknowledged;
        line("writes acknowledged, lost", format!("{acknowledged}, {lost}"))?;
        line("longest gap between two of these", format!("{} ms", self.longest_gap.as_millis()))?;
        let changes: Vec<_> = self.changes.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        line("changes claimed in the ledger", changes.join(", "))?;
        line("ledger versions checked", self.ledgers.to_string())?;
        let same = self.same_at.map_or("NO".to_owned(), |revision| format!("at revision {revision}"));
        line("all members have the same data", same)?;
        line("promises broken", self.violations.len().to_string())
    }
}
