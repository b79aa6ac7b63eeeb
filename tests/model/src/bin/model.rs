//! Explores the worlds and prints what was found: `model [short | search] [name…]`.
//!
//! Without `short` or `search` it explores all worlds, then all mutants; `short` limits both to what `make test`
//! explores. `search` takes each guard away in every world and prints what breaks; the environment variable `IN`
//! limits it to worlds whose names contain its value. Names select the worlds, mutants and guards that contain one of
//! them. The environment variable `STATES` bounds the states of each search.

use std::process::ExitCode;
use std::time::Instant;

use membership::guard::{Guard, Guards};
use model::explore::{Bounds, Found, explore};
use model::mutants::{MUTANTS, Mutant};
use model::outln;
use model::state::State;
use model::worlds::{Beginnings, Plan, every};

/// So many states fit into 6 GB of memory.
const STATES: usize = 20_000_000;

fn bounds() -> Bounds {
    let states = std::env::var("STATES").ok().and_then(|n| n.parse().ok());
    Bounds { states: states.unwrap_or(STATES), until_settled: false }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = words.first().map(String::as_str);
    let (short, search) = (word == Some("short"), word == Some("search"));
    let names = &words[usize::from(short || search)..];
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| name.contains(n.as_str()));
    let mut beginnings = Beginnings::default();
    if search {
        return search_all(&mut beginnings, &wanted);
    }
    let plans = every().into_iter().filter(|p| (p.short || !short) && wanted(&p.summary()));
    let sound = plans.map(|plan| whole(&mut beginnings, &plan)).fold(true, |all, one| all & one);
    let mutants = MUTANTS.iter().filter(|m| (m.plan.short || !short) && wanted(m.guard.name()));
    let caught = mutants.map(|mutant| breaks(&mut beginnings, mutant)).fold(true, |all, one| all & one);
    if sound && caught { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn figures(name: &str, found: &Found<State>, began: Instant) {
    let whole = match (&found.broken, found.exhausted) {
        (Some(_), _) => "until it broke",
        (None, true) => "all",
        (None, false) => "not all",
    };
    outln!(
        "{name}: {} states ({whole}), {} steps, depth {}, {} settled, {} dead ends, {:.1} s",
        found.states,
        found.edges,
        found.depth,
        found.settled,
        found.dead_ends,
        began.elapsed().as_secs_f64()
    );
}

/// Explores a world wholly. Returns whether no invariant breaks and every state can reach a settled state.
fn whole(beginnings: &mut Beginnings, plan: &Plan) -> bool {
    let began = Instant::now();
    let world = beginnings.world(plan, Guards::all());
    let found = explore(&world, bounds());
    figures(&plan.summary(), &found, began);
    if let Some((what, story)) = &found.broken {
        outln!("{what} is broken:\n{}", story.join("\n"));
    }
    if let Some(story) = &found.dead_end {
        outln!("a dead end:\n{}", story.join("\n"));
    }
    found.broken.is_none() && found.dead_ends == 0 && found.settled > 0
}

/// Explores a world with a guard taken away. Returns whether what the guard prevents happened.
fn breaks(beginnings: &mut Beginnings, mutant: &Mutant) -> bool {
    let began = Instant::now();
    let world = beginnings.world(&mutant.plan, Guards::without(mutant.guard));
    let found = explore(&world, bounds());
    let name = format!("without {}, {}", mutant.guard.name(), mutant.plan.summary());
    figures(&name, &found, began);
    let caught = mutant.caught(&found);
    match &found.broken {
        Some((what, story)) => {
            outln!("  {what}, in {} steps: {}\n{}", story.len(), mutant.word(caught), story.join("\n"));
        }
        None => outln!("  {}", mutant.word(caught)),
    }
    caught
}

/// Takes each guard away in every world and prints what breaks.
fn search_all(beginnings: &mut Beginnings, wanted: &dyn Fn(&str) -> bool) -> ExitCode {
    let (bounds, within) = (bounds(), std::env::var("IN").unwrap_or_default());
    for guard in Guard::ALL.iter().filter(|g| wanted(g.name())) {
        for plan in every().into_iter().filter(|plan| plan.summary().contains(&within)) {
            let began = Instant::now();
            let world = beginnings.world(&plan, Guards::without(*guard));
            let found = explore(&world, bounds);
            if let Some((what, story)) = &found.broken {
                figures(&format!("without {}, {}", guard.name(), plan.summary()), &found, began);
                outln!("  {what}:\n{}", story.join("\n"));
            } else if found.dead_ends > 0 {
                figures(&format!("without {}, {}", guard.name(), plan.summary()), &found, began);
                outln!("  dead end:\n{}", found.dead_end.unwrap_or_default().join("\n"));
            }
        }
    }
    ExitCode::SUCCESS
}
