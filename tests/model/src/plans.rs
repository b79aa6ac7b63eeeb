//! The list of the worlds that are explored with every guard in place, beside the mutants' worlds.

use crate::state::Faults;
use crate::world::Second;
use crate::worlds::Begin::{Formed, Launching};
use crate::worlds::{NONE, PLAIN, Plan};

/// The worlds that are explored with every guard in place.
pub const WORLDS: &[Plan] = &[
    Plan { name: "formation of 3", begin: Launching(3), runs: 2, faults: NONE, short: true, ..PLAIN },
    Plan {
        name: "formation of 3, an invocation dies, an answer is lost",
        begin: Launching(3),
        runs: 2,
        faults: Faults { deaths: 1, answers: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "the seed, or another, dies before it formed",
        begin: Launching(3),
        runs: 1,
        faults: Faults { kills: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "the seed, or its joiner, dies before it formed",
        begin: Launching(2),
        runs: 2,
        faults: Faults { kills: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "replacement of 1 of 3, an etcd crashes",
        begin: Formed(3),
        runs: 2,
        faults: Faults { terminations: 1, crashes: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "replacement of 1 of 3, an invocation dies",
        begin: Formed(3),
        runs: 2,
        faults: Faults { terminations: 1, deaths: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "2 terminations of 3 at once",
        begin: Formed(3),
        runs: 2,
        faults: Faults { terminations: 2, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "a machine dies, its address is used again",
        begin: Formed(3),
        runs: 2,
        faults: Faults { kills: 1, reuse: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 1, the half-formed pair: a joiner dies, the seed freezes",
        begin: Launching(2),
        runs: 1,
        faults: Faults { kills: 1, freezes: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 10, after you, and 19, the silent new voter: one freezes, another leaves",
        begin: Formed(3),
        runs: 1,
        faults: Faults { terminations: 1, freezes: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 14, nobody's claim: a claimant dies, its generation is abandoned",
        begin: Launching(2),
        runs: 1,
        faults: Faults { freezes: 1, deaths: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 20, the letter handed on: two freeze, one after the other",
        begin: Formed(3),
        runs: 1,
        faults: Faults { scales: 1, freezes: 2, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 21, the slow image: a machine boots more slowly than anybody's patience",
        begin: Launching(2),
        runs: 1,
        faults: Faults { delays: 2, ..NONE },
        short: true,
        ..PLAIN
    },
    Plan {
        name: "story 2, the race to a verdict: the seed dies while another invocation writes that it formed",
        begin: Launching(1),
        runs: 2,
        faults: Faults { kills: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 4, the late publisher: a call arrives late, a disk is lost",
        begin: Launching(2),
        runs: 1,
        faults: Faults { late: 1, disks: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 8, the replacement removed: one is given up, its removal lands late, another leaves",
        begin: Formed(2),
        runs: 1,
        faults: Faults { terminations: 1, patience: 1, late: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 11, in and out: a joiner's hook runs out, its patience is over",
        begin: Launching(2),
        runs: 1,
        faults: Faults { timeouts: 1, patience: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 12, the undead launch: one hangs for longer than its patience",
        begin: Launching(2),
        runs: 1,
        faults: Faults { freezes: 1, patience: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 15, seven silent seconds: a joiner does not answer the functions for a while",
        begin: Launching(2),
        runs: 2,
        faults: Faults { deaf: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "story 18, the abandoned who waits: one freezes and another is terminated before it formed",
        begin: Launching(2),
        runs: 1,
        faults: Faults { freezes: 1, terminations: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "two deployments see one group that launches, the seed, or its joiner, dies",
        begin: Launching(2),
        runs: 2,
        faults: Faults { kills: 1, stale: 1, delays: 1, ..NONE },
        second: Second::Bare,
        ..PLAIN
    },
    Plan {
        name: "two deployments see one group that launches, the record is deleted, an invocation dies",
        begin: Launching(2),
        runs: 2,
        faults: Faults { stale: 1, deaths: 1, deletions: 1, ..NONE },
        second: Second::Bare,
        ..PLAIN
    },
    Plan {
        name: "the record is deleted beside a deployment without a ledger, one freezes",
        begin: Formed(2),
        runs: 2,
        faults: Faults { deletions: 1, stale: 1, freezes: 1, delays: 1, ..NONE },
        second: Second::Bare,
        ..PLAIN
    },
    Plan {
        name: "the size is 0 for a night, an invocation dies",
        begin: Formed(2),
        runs: 2,
        faults: Faults { nights: 1, deaths: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "the size is 0 for a night, a machine dies",
        begin: Formed(2),
        runs: 1,
        faults: Faults { nights: 1, kills: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "the size is 0 for a night that is longer than two hooks, which retain",
        begin: Formed(2),
        runs: 1,
        faults: Faults { nights: 1, patience: 2, ..NONE },
        retains: true,
        ..PLAIN
    },
    Plan {
        name: "the size is 0 and the end is meant, after a night and before another",
        begin: Formed(1),
        runs: 1,
        faults: Faults { nights: 2, ends: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "the alarm CORRUPT stands, a machine dies, another is terminated",
        begin: Formed(3),
        runs: 1,
        faults: Faults { alarms: 1, kills: 1, terminations: 1, ..NONE },
        ..PLAIN
    },
    Plan {
        name: "the alarm CORRUPT stands, one freezes, another is terminated",
        begin: Formed(3),
        runs: 1,
        faults: Faults { alarms: 1, freezes: 1, terminations: 1, ..NONE },
        retains: true,
        ..PLAIN
    },
    Plan {
        name: "a voter goes to the warm pool and comes back",
        begin: Formed(3),
        runs: 2,
        faults: Faults { scales: 2, ..NONE },
        reuses: true,
        ..PLAIN
    },
    Plan {
        name: "a voter goes to the warm pool, its hook times out, another dies",
        begin: Formed(3),
        runs: 1,
        faults: Faults { scales: 1, timeouts: 1, kills: 1, ..NONE },
        reuses: true,
        ..PLAIN
    },
];
