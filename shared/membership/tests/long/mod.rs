//! Long histories: years of virtual time for clusters of 3, 5 and 7, thousands of short hostile histories, and the
//! seeds that once broke an invariant. `make sim` runs the long form.

mod table;

use std::time::{Duration, Instant};

use membership::guard::{Guard, Guards};

use crate::number;
use crate::world::tally::Tally;
use crate::world::years::{Life, live, live_with, living_after_an_unattended_night, unattended_is_noticed};
use crate::world::{Outcome, run};
use table::Table;

const SIZES: [usize; 3] = [3, 5, 7];
/// How many days an ordinary `cargo test` lives with a cluster of each size.
const DAYS: u64 = 10;
/// The longest life of one cluster: a fault that grows with age shows by then.
const YEARS_OF_A_LIFE: u64 = 5;
/// The defaults of `make sim`: years for each size, and short hostile histories.
const YEARS: u64 = 10;
const SEEDS: u64 = 2_000;
/// How often a long run says how far it is.
const SAID_EVERY: Duration = Duration::from_secs(15);
/// How many lines of a story are printed.
const LINES: usize = 150;

fn end_of(story: &[String]) -> String {
    story[story.len().saturating_sub(LINES)..].join("\n")
}

fn assert_well(life: &Life, days: u64) {
    let (seed, size) = (life.seed, life.size);
    assert_eq!(
        life.broken,
        None,
        "{}\nto repeat this life: LIFE={seed} SIZE={size} DAYS={days} make sim",
        end_of(&life.story)
    );
}

fn assert_holds(outcome: &Outcome) {
    let seed = outcome.seed;
    assert_eq!(outcome.broken, None, "{}\nto repeat this seed: SEED={seed} make sim", end_of(&outcome.story));
}

#[test]
fn clusters_of_every_size_live_some_days() {
    for size in SIZES {
        let life = live(1, size, DAYS);
        assert_well(&life, DAYS);
        assert!(life.tally.applied > 2 * size as u64, "too few changes were applied: {:?}", life.tally);
    }
}

#[test]
fn the_same_seed_lives_the_same_life() {
    let (one, two) = (live(2, 3, DAYS), live(2, 3, DAYS));
    assert_eq!((one.trace, &one.tally, one.story), (two.trace, &two.tally, two.story));
    assert_ne!(one.trace, live(3, 3, DAYS).trace, "another seed lives another life");
}

#[test]
fn a_cluster_that_never_settles_is_noticed() {
    for size in SIZES {
        assert!(unattended_is_noticed(1, size), "a group of {size} never formed, and nothing said so");
    }
}

/// The world is no worse than the promise allows, even where every hook runs out in the same moment.
#[test]
fn a_majority_lives_when_all_hooks_run_out_at_once() {
    for size in SIZES {
        let (living, voters) = living_after_an_unattended_night(1, size);
        assert!(living > voters / 2, "{living} of {voters} voters live");
        assert!(living < voters, "no hook ran out: {living} of {voters} voters live");
    }
}

/// Each line has `short SEED` or `life SEED SIZE DAYS`, and what the seed found.
#[test]
fn seeds_that_once_broke_an_invariant_hold() {
    let lines = include_str!("regressions.txt").lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    for line in lines {
        let (seed, what) = line.split_once(": ").expect("a seed, a colon, and what the seed found");
        assert!(what.len() > 10, "the line does not say what the seed found: {line}");
        let numbers: Vec<u64> = seed.split(' ').filter_map(|n| n.parse().ok()).collect();
        match (seed.split(' ').next(), numbers.as_slice()) {
            (Some("short"), [seed]) => assert_holds(&run(*seed, Guards::all())),
            (Some("life"), [seed, size, days]) => assert_well(&live(*seed, *size as usize, *days), *days),
            _ => panic!("the line begins with neither `short SEED` nor `life SEED SIZE DAYS`: {line}"),
        }
    }
}

#[test]
#[ignore = "minutes: make sim"]
fn long_histories() {
    if let Some(seed) = number("SEED") {
        let outcome = run(seed, Guards::all());
        println!("{}", outcome.story.join("\n"));
        return assert_holds(&outcome);
    }
    if let Some(seed) = number("LIFE") {
        let days = number("DAYS").unwrap_or(365);
        let life = live(seed, number("SIZE").unwrap_or(3) as usize, days);
        println!("{:?}", life.tally);
        return assert_well(&life, days);
    }
    let mut table = Table::default();
    years(&mut table);
    short(&mut table);
    println!("{table}");
    assert!(table.failures.is_empty(), "{} violations", table.failures.len());
    without_the_pause();
}

/// How many days a cluster lives at most until it meets a broken template, and the life that did.
const DAYS_WITHOUT_PAUSE: u64 = 200;
const BROKEN_TEMPLATE: u64 = 9;

/// Without the pause between tries, the joiners of a broken template are tried too fast.
fn without_the_pause() {
    let breaks = |seed: &u64| {
        let guards = Guards::without(Guard::PausedAfterFailures);
        let life = live_with(*seed, 3, DAYS_WITHOUT_PAUSE, guards);
        life.broken == Some("I9")
            && life.story.iter().any(|line| line.contains("joiners of a broken template"))
    };
    let seed = std::iter::once(BROKEN_TEMPLATE).chain(0..20).find(breaks);
    println!("without PausedAfterFailures, a broken template is tried too fast: life {seed:?}");
    assert!(seed.is_some(), "no life notices that the pause is missing");
}

fn years(table: &mut Table) {
    let (years, first) = (number("YEARS").unwrap_or(YEARS), number("FIRST").unwrap_or(0));
    let mut said = Instant::now();
    for size in SIZES {
        let mut sum = Tally::default();
        let mut left = years;
        for seed in first.. {
            if left == 0 {
                break;
            }
            let days = left.min(YEARS_OF_A_LIFE) * 365;
            left -= left.min(YEARS_OF_A_LIFE);
            let life = live(seed, size, days);
            sum.add(&life.tally);
            if let Some(broken) = life.broken {
                let repeat = format!("LIFE={seed} SIZE={size} DAYS={days} make sim");
                table.fails(broken, &repeat, &end_of(&life.story));
            }
            if said.elapsed() > SAID_EVERY {
                said = Instant::now();
                println!("clusters of {size}: {} of {years} years", years - left);
            }
        }
        table.row(format!("years, clusters of {size}"), sum);
    }
}

fn short(table: &mut Table) {
    let (seeds, first) = (number("SEEDS").unwrap_or(SEEDS), number("FIRST").unwrap_or(0));
    let (mut said, mut sum) = (Instant::now(), Tally::default());
    for seed in first..first + seeds {
        let outcome = run(seed, Guards::all());
        sum.add(&outcome.tally);
        if let Some(broken) = outcome.broken {
            table.fails(broken, &format!("SEED={seed} make sim"), &end_of(&outcome.story));
        }
        if said.elapsed() > SAID_EVERY {
            said = Instant::now();
            println!("short hostile histories: {} of {seeds}", seed - first);
        }
    }
    table.row(format!("{seeds} hostile histories"), sum);
}
