//! The short form of the exploration; `make model` runs the whole.
#![allow(missing_docs, clippy::panic)]

use membership::guard::Guards;
use model::explore::{Bounds, explore};
use model::mutants::MUTANTS;
use model::plans::WORLDS;
use model::worlds::{Beginnings, every};
use stateright::{Checker, Model};

const ALL: Bounds = Bounds { states: 2_000_000, until_settled: false };

#[test]
fn nothing_breaks_and_everything_settles() {
    let mut beginnings = Beginnings::default();
    for plan in every().iter().filter(|p| p.short) {
        let found = explore(&beginnings.world(plan, Guards::all()), ALL);
        println!("{}: {} states, depth {}", plan.summary(), found.states, found.depth);
        if let Some((what, story)) = found.broken {
            panic!("{}: {what} is broken:\n{}", plan.summary(), story.join("\n"));
        }
        assert!(found.exhausted, "{}: more than {} states", plan.summary(), ALL.states);
        if let Some(story) = found.dead_end {
            panic!("{}: {} dead ends; the nearest:\n{}", plan.summary(), found.dead_ends, story.join("\n"));
        }
        // With its guard, a mutant's world may be at rest from the start: the group is somebody else's.
        let at_rest = plan.summary().starts_with("a mutant's world");
        assert!(found.settled > 0 && (at_rest || found.states > 10), "{}: nothing happens", plan.summary());
    }
}

#[test]
fn without_a_guard_what_it_prevents_happens() {
    let mut beginnings = Beginnings::default();
    for mutant in MUTANTS.iter().filter(|m| m.plan.short) {
        let found = explore(&beginnings.world(&mutant.plan, Guards::without(mutant.guard)), ALL);
        let caught = mutant.caught(&found);
        println!("without {}: {}", mutant.guard.name(), mutant.word(caught));
        assert!(caught, "without {}: {}, found {:?}", mutant.guard.name(), mutant.word(caught), found.broken);
    }
}

/// The search is the project's own, because stateright finds no dead ends. Both must find the same states.
#[test]
fn stateright_finds_the_same_states() {
    let mut beginnings = Beginnings::default();
    let plan = &WORLDS[0];
    let ours = explore(&beginnings.world(plan, Guards::all()), ALL);
    let theirs = beginnings.world(plan, Guards::all()).checker().spawn_bfs().join();
    assert_eq!(ours.states, theirs.unique_state_count());
    theirs.assert_properties();
}
