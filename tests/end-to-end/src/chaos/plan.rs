//! The schedule of a run. The same seed, number of faults and size give the same plan on every machine.
//!
//! The plan keeps every fault within what etcd tolerates: at no moment do its faults keep more than a
//! minority of the members from voting. The exception is a frozen majority, during which no other fault
//! touches a member: frozen members lose no data.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::deal::{deck, draw, millis};
use super::fault::{Fault, Step};

/// The faults of a run, each with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed that the plan was made from.
    pub seed: u64,
    /// The group's desired capacity.
    pub size: usize,
    /// The faults, in the order in which they begin.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Plans this many faults from a seed, against a cluster of this size.
    pub fn new(seed: u64, faults: usize, size: usize) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let (mut plan, mut hand) = (Self { seed, size, steps: Vec::new() }, Vec::new());
        let mut now = Duration::ZERO;
        for _ in 0..faults {
            if hand.is_empty() {
                hand = deck(&mut chance);
            }
            let Some(kind) = hand.pop() else { break };
            let (fault, lasts) = draw(kind, &mut chance);
            now = plan.free_from(now + millis(&mut chance, 400, 2_500), &fault);
            plan.steps.push(Step { start: now, lasts, fault });
        }
        plan
    }

    /// How many members may be kept from voting while the others are still a majority.
    pub fn minority(&self) -> usize {
        self.size.saturating_sub(1) / 2
    }

    /// The steps that last at this moment.
    pub fn lasting(&self, at: Duration) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.start <= at && at < step.end())
    }

    /// How many members this fault may keep from voting.
    pub fn silenced_by(&self, fault: &Fault) -> usize {
        fault.silences().unwrap_or(self.minority())
    }

    /// The first moment, not before `at`, at which the fault may begin.
    fn free_from(&self, mut at: Duration, fault: &Fault) -> Duration {
        while let Some(step) =
            self.lasting(at).filter(|s| self.excludes(s, at, fault)).min_by_key(|s| s.end())
        {
            at = step.end();
        }
        at
    }

    /// Whether `fault` must not begin at this moment because `step` lasts.
    fn excludes(&self, step: &Step, at: Duration, fault: &Fault) -> bool {
        let silenced: usize = self.lasting(at).map(|s| self.silenced_by(&s.fault)).sum();
        let too_many = silenced + self.silenced_by(fault) > self.minority();
        let one_of_them = self.silenced_by(fault) > 0 && self.silenced_by(&step.fault) > 0;
        (too_many && one_of_them) || fault.excludes(&step.fault)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::kind::Kind;
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan() {
        assert_eq!(Plan::new(7, 200, 3), Plan::new(7, 200, 3));
        assert_ne!(Plan::new(7, 200, 3), Plan::new(8, 200, 3));
    }

    #[test]
    fn a_longer_plan_begins_as_a_shorter_one() {
        assert_eq!(Plan::new(7, 200, 3).steps[..40], Plan::new(7, 40, 3).steps);
    }

    #[test]
    fn every_kind_occurs_in_every_deck() {
        for seed in 0..50 {
            let plan = Plan::new(seed, 27, 3);
            let kinds: BTreeSet<_> = plan.steps.iter().map(|step| step.fault.kind()).collect();
            assert_eq!(kinds, BTreeSet::from(Kind::ALL), "seed {seed}");
        }
    }

    /// Checked at each beginning, because only a fault that begins can silence more members.
    #[test]
    fn a_majority_can_vote_at_every_moment_unless_it_is_frozen_on_purpose() {
        for (seed, size) in (0..50).flat_map(|seed| [(seed, 3), (seed, 5)]) {
            let plan = Plan::new(seed, 300, size);
            for step in &plan.steps {
                let lasting: Vec<_> = plan.lasting(step.start).collect();
                let silenced: usize = lasting.iter().map(|s| plan.silenced_by(&s.fault)).sum();
                assert!(silenced <= plan.minority(), "seed {seed}, {size}: {lasting:?}");
                let frozen = lasting.iter().any(|s| s.fault == Fault::FreezeMajority);
                let others = lasting.iter().filter(|s| s.fault.silences() == Some(1)).count();
                assert!(!frozen || others == 0, "seed {seed}, {size}: {lasting:?}");
            }
        }
    }

    #[test]
    fn a_single_fault_never_lasts_beside_another_of_its_kind() {
        for seed in 0..50 {
            let plan = Plan::new(seed, 300, 5);
            for step in plan.steps.iter().filter(|step| step.fault.is_single()) {
                let same = plan.lasting(step.start).filter(|s| s.fault.kind() == step.fault.kind());
                assert_eq!(same.count(), 1, "seed {seed}");
            }
        }
    }
}
