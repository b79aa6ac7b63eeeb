//! Every lifecycle state of AWS, and what is done about an instance in it: one table.
//!
//! The states are those of the EC2 Auto Scaling user guide: "Amazon EC2 Auto Scaling instance lifecycle", "Use lifecycle
//! hooks with a warm pool" and "Replace root volumes during instance refresh"; origins and destinations are those of its
//! page "Warm pool example events and patterns". A case names a state, the hook that waits there and between which places
//! the instance moves. Below stands the decision for an instance that was never a member, for a learner, for a voter, and
//! for a voter that is stopped.
//!
//! `REWRITE=1 cargo test -p membership --test lifecycle` writes the decisions anew. Read the difference.
#![allow(missing_docs)]

mod common;

use std::fmt::Write as _;

use common::render::render;
use common::scene::{NOW, Scene};
use membership::decide::decide;

/// What the instance is to the cluster, and how the scene words it.
const ROLES: [(&str, &str); 4] = [
    ("never a member", ""),
    ("learner", "learner=4"),
    ("voter", "voter=4"),
    ("stopped voter", "voter=4 ec2=stopping silent"),
];

fn scene(state: &str, role: &str, reuses: bool) -> String {
    let group = if reuses { "group reuses\n" } else { "" };
    format!(
        "{group}i-1 InService voter=1 leader\ni-2 InService voter=2\ni-3 InService voter=3\ni-4 {state} {role}\n\
         condition unproven/i-4 ago=30\n"
    )
}

#[test]
fn every_state_has_a_row_for_each_role() {
    datadriven::walk("tests/lifecycle", |file| {
        file.run(|case| {
            assert_eq!(case.directive, "state");
            let mut words = case.input.split_whitespace();
            let state = words.next().expect("a state");
            let reuses = words.any(|word| word == "to=WarmPool");
            let mut table = String::new();
            for (name, role) in ROLES {
                let scene = Scene::parse(&scene(state, role, reuses));
                let decision = render(&decide(&scene.obs, NOW, None));
                let quiet = |line: &&str| !line.contains("[pool-takes-back]");
                let lines: Vec<&str> = decision.lines().filter(quiet).collect();
                let _ = writeln!(table, "{name}:");
                for line in lines {
                    let _ = writeln!(table, "  {line}");
                }
            }
            table
        });
    });
}
