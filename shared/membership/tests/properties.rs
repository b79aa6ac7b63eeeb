//! The invariants of the pure core (`docs/SAFETY.md`), checked on a simulated world.
//!
//! `SEEDS=n` runs n seeds, from `FIRST` on; `SEED=x` runs seed x and prints its whole story.
#![allow(missing_docs)]

mod long;
mod world;

use membership::guard::{Guard, Guards};
use world::{Outcome, run, run_contested, run_corrupt};

/// How many seeds an ordinary run takes.
const SEEDS: u64 = 100;
/// How many lines of a story are printed when an invariant breaks.
const LINES: usize = 100;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn tell(outcome: &Outcome, lines: usize) -> String {
    let skipped = outcome.story.len().saturating_sub(lines);
    let story = outcome.story[skipped..].join("\n");
    let seed = outcome.seed;
    format!("seed {seed}, {skipped} lines left out (SEED={seed} prints all)\n{story}")
}

#[test]
fn every_invariant_holds_on_every_seed() {
    if let Some(seed) = number("SEED") {
        let outcome = run(seed, Guards::all());
        println!("{}", tell(&outcome, usize::MAX));
        assert_eq!(outcome.broken, None, "seed {seed}");
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let first = number("FIRST").unwrap_or(0);
    let outcomes: Vec<Outcome> = (first..first + seeds).map(|seed| run(seed, Guards::all())).collect();
    let broken: Vec<&Outcome> = outcomes.iter().filter(|o| o.broken.is_some()).collect();
    for outcome in &broken {
        println!("seed {} breaks {:?}", outcome.seed, outcome.broken);
    }
    if let Some(shortest) = broken.iter().min_by_key(|o| o.story.len()) {
        panic!(
            "{} of {seeds} seeds break an invariant; the shortest:\n{}",
            broken.len(),
            tell(shortest, LINES)
        );
    }
    let applied: u64 = outcomes.iter().map(|o| o.tally.applied).sum();
    assert!(applied > 5 * seeds, "only {applied} changes were applied: too few to prove anything");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in [1, 2] {
        let (one, two) = (run(seed, Guards::all()), run(seed, Guards::all()));
        assert_eq!(one.story, two.story);
    }
}

/// How many seeds of a contested world an ordinary run takes.
const CONTESTED: u64 = 40;

#[test]
fn of_two_deployments_one_founds_and_the_other_never_acts() {
    if let Some(seed) = number("SEED") {
        let outcome = run_contested(seed, Guards::all());
        println!("{}", tell(&outcome, usize::MAX));
        assert_eq!(outcome.broken, None, "seed {seed}");
        return;
    }
    let seeds = number("SEEDS").unwrap_or(CONTESTED);
    let first = number("FIRST").unwrap_or(0);
    for seed in first..first + seeds {
        let outcome = run_contested(seed, Guards::all());
        assert_eq!(outcome.broken, None, "{}", tell(&outcome, LINES));
        assert!(outcome.tally.applied > 0 || outcome.tally.lived > 0);
    }
}

#[test]
fn without_a_guard_of_the_owner_both_deployments_act() {
    for (guard, found) in
        [(Guard::OwnerIsThis, 0), (Guard::OwnerSettled, 1346), (Guard::AdoptionAnnounced, 59)]
    {
        let breaks = |seed: &u64| run_contested(*seed, Guards::without(guard)).broken == Some("I2");
        let seed = std::iter::once(found).chain(0..TRIES * 5).find(breaks);
        println!("without {guard:?}: seed {seed:?}");
        assert!(seed.is_some(), "without {guard:?}, no seed breaks I2");
    }
}

/// How many seeds of a world with a wrong copy an ordinary run takes.
const CORRUPT: u64 = 40;
/// Seeds of these worlds that once broke something.
const CORRUPT_ONCE: [u64; 4] = [105, 310, 818, 1399];

#[test]
fn a_wrong_copy_costs_no_right_one_and_the_operator_ends_it() {
    if let Some(seed) = number("SEED") {
        let outcome = run_corrupt(seed, Guards::all());
        println!("{}", tell(&outcome, usize::MAX));
        assert_eq!(outcome.broken, None, "seed {seed}");
        return;
    }
    let seeds = number("SEEDS").unwrap_or(CORRUPT);
    let first = number("FIRST").unwrap_or(0);
    let outcomes: Vec<Outcome> =
        (first..first + seeds).chain(CORRUPT_ONCE).map(|seed| run_corrupt(seed, Guards::all())).collect();
    for outcome in outcomes.iter().filter(|o| o.broken.is_some()) {
        println!("seed {} breaks {:?}", outcome.seed, outcome.broken);
    }
    if let Some(shortest) = outcomes.iter().filter(|o| o.broken.is_some()).min_by_key(|o| o.story.len()) {
        panic!("{}", tell(shortest, LINES));
    }
    let told =
        |what: &str| outcomes.iter().filter(|o| o.story.iter().any(|line| line.contains(what))).count();
    let by_hand = told("the operator removes member");
    println!(
        "{} of {seeds} worlds had a wrong copy, an operator ended {by_hand}",
        told("is wrong from now on")
    );
    assert!(by_hand * 2 > outcomes.len(), "too few to prove anything");
}

#[test]
fn without_the_doubt_wrong_copies_outlive_the_right_ones() {
    let breaks = |seed: &u64| run_corrupt(*seed, Guards::without(Guard::CopiesAgree)).broken == Some("I4");
    let seed = (0..TRIES).find(breaks);
    println!("without CopiesAgree: seed {seed:?}");
    assert!(seed.is_some(), "without CopiesAgree, none of {TRIES} seeds breaks I4");
}

/// Guards; invariants, one of which breaks on some seed without the guard; and the seed that is tried first.
const SERVES: [(Guard, &[&str], u64); 9] = [
    (Guard::MajorityKept, &["I3"], 50),
    (Guard::ReplacementFirst, &["I12"], 8),
    (Guard::GoneIsProven, &["I2", "I9"], 40),
    (Guard::ClaimIsFree, &["I10"], 13),
    (Guard::AllGoneBeforeNext, &["I2"], 9),
    (Guard::SealedBeforePromote, &["I5"], 164),
    (Guard::LookAgain, &["I3"], 3),
    (Guard::EndIsMeant, &["I4"], 29),
    (Guard::VotersHeld, &["I12"], 29),
];
/// How many other seeds are tried: what happens in a seed changes with every rule.
const TRIES: u64 = 400;

#[test]
fn without_a_guard_the_invariant_that_it_serves_breaks() {
    for (guard, invariants, found) in SERVES {
        let breaks =
            |seed: &u64| run(*seed, Guards::without(guard)).broken.is_some_and(|i| invariants.contains(&i));
        let seed = std::iter::once(found).chain(0..TRIES).find(breaks);
        println!("without {guard:?}: seed {seed:?}");
        assert!(seed.is_some(), "without {guard:?}, none of {TRIES} seeds breaks {invariants:?}");
    }
}
