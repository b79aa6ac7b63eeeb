//! Every guard taken away in turn: at least one golden must come out differently.
#![allow(missing_docs)]

mod common;

use common::golden::{self, Golden};
use common::render::render;
use common::scene::{NOW, Scene};
use membership::decide::decide_with;
use membership::guard::{Guard, Guards};

fn outcome(golden: &Golden, guards: Guards) -> String {
    let scene = Scene::parse(&golden.input);
    render(&decide_with(&scene.obs, NOW, scene.me.as_ref(), guards))
}

fn killer(guard: Guard, goldens: &[Golden]) -> Option<String> {
    let differs = |g: &&Golden| outcome(g, Guards::without(guard)) != g.expected;
    goldens.iter().find(differs).map(Golden::name)
}

#[test]
fn every_mutant_is_killed() {
    let goldens = golden::all("goldens");
    let mut survivors = Vec::new();
    for guard in Guard::ALL {
        match killer(*guard, &goldens) {
            Some(name) => println!("{} -> {name}", guard.name()),
            None => survivors.push(guard.name()),
        }
    }
    assert!(survivors.is_empty(), "no golden misses these guards: {survivors:?}");
}
