//! The schedule of a run, from its seed alone: the same seed, number and size give the same plan, here and elsewhere.
//!
//! The safety envelope is in it: at no moment do the faults that last keep more than a minority from voting, except
//! where a majority is frozen, which then is all that happens to members. Frozen members lose nothing.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::deal::{deck, draw, millis};
use super::fault::{Fault, Step};

/// What a run does, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where all of it comes from.
    pub seed: u64,
    /// The group's desired capacity.
    pub size: usize,
    /// In the order of their beginnings.
    pub steps: Vec<Step>,
}

impl Plan {
    /// So many faults from this seed, against a cluster of this size.
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

    /// How many members may be kept from voting and leave a majority.
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

    /// The first moment, not before this one, at which a fault keeps the envelope.
    fn free_from(&self, mut at: Duration, fault: &Fault) -> Duration {
        while let Some(step) =
            self.lasting(at).filter(|s| self.stands_against(s, at, fault)).min_by_key(|s| s.end())
        {
            at = step.end();
        }
        at
    }

    fn stands_against(&self, step: &Step, at: Duration, fault: &Fault) -> bool {
        let silenced: usize = self.lasting(at).map(|s| self.silenced_by(&s.fault)).sum();
        let too_many = silenced + self.silenced_by(fault) > self.minority();
        let one_of_them = self.silenced_by(fault) > 0 && self.silenced_by(&step.fault) > 0;
        let same = fault.is_single() && step.fault.kind() == fault.kind();
        (too_many && one_of_them) || same
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
            let plan = Plan::new(seed, 25, 3);
            let kinds: BTreeSet<_> = plan.steps.iter().map(|step| step.fault.kind()).collect();
            assert_eq!(kinds, BTreeSet::from(Kind::ALL), "seed {seed}");
        }
    }

    /// At each beginning, for more can only be silenced where something begins.
    #[test]
    fn a_majority_may_vote_at_every_moment_unless_all_are_frozen_on_purpose() {
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
    fn what_must_be_single_is() {
        for seed in 0..50 {
            let plan = Plan::new(seed, 300, 5);
            for step in plan.steps.iter().filter(|step| step.fault.is_single()) {
                let same = plan.lasting(step.start).filter(|s| s.fault.kind() == step.fault.kind());
                assert_eq!(same.count(), 1, "seed {seed}");
            }
        }
    }
}
