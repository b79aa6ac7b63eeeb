//! What must hold of everything that is parsed from outside, whatever it is: nothing panics, what was read reads back
//! as written, and a refusal is one sentence of a length that a log can bear.
//!
//! Each target takes bytes and asserts. libFuzzer drives them (`make fuzz`, in `libfuzzer/`), and so does an ordinary
//! test with a seeded mutator. The parsers of the shell are compiled here by their path: the crate that they live in
//! depends on the AWS SDKs, and an instrumented build of those takes longer than the fuzzing.
#![allow(clippy::panic, clippy::expect_used, reason = "a finding is a panic")]

mod adapters;
#[path = "../../../shared/src/config.rs"]
#[allow(dead_code, reason = "only what reads text from outside is driven")]
mod config;
mod etcd;
#[path = "../../../shared/src/event.rs"]
#[allow(dead_code, reason = "what the functions do with an event is theirs")]
mod event;
mod events;
mod ledger;
mod settings;
mod texts;

/// A target: it panics on a finding.
pub type Target = fn(&[u8]);

/// All targets, by the names of their corpora.
pub const ALL: [(&str, Target); 6] = [
    ("events", events::events),
    ("etcd-answers", etcd::answers),
    ("ledger", ledger::ledger),
    ("settings", settings::settings),
    ("env", texts::env),
    ("versions", texts::versions),
];

/// Gives the bytes to the target of this name.
pub fn drive(name: &str, data: &[u8]) {
    let (_, target) = ALL.iter().find(|(n, _)| *n == name).expect("a target of this name");
    target(data);
}

/// Longer than this, a refusal drowns what it is about.
const SENTENCE: usize = 1_000;

/// A refusal is one sentence: one line, without control characters, and not the input all over again.
fn one_sentence(text: &str) {
    assert!(!text.is_empty(), "a refusal without words");
    assert!(!text.chars().any(char::is_control), "a refusal of more than one line: {text:?}");
    assert!(text.len() <= SENTENCE, "a refusal of {} bytes: {:?}…", text.len(), text.get(..200));
}
