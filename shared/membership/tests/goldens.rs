//! Goldens: a scene, and the whole decision that follows from it. Every rule, refusal and story has its own.
//!
//! `REWRITE=1 cargo test -p membership --test goldens` writes the decisions anew. Read the difference.
#![allow(missing_docs)]

mod common;

use common::render::render;
use common::scene::{NOW, Scene};
use membership::decide::decide;

#[test]
fn goldens() {
    datadriven::walk("tests/goldens", |file| {
        file.run(|case| {
            assert_eq!(case.directive, "decide");
            let scene = Scene::parse(&case.input);
            let decision = decide(&scene.obs, NOW, scene.me.as_ref());
            assert_eq!(decision, decide(&scene.obs, NOW, scene.me.as_ref()), "I11: the same answer");
            render(&decision)
        });
    });
}
