//! What must hold for every input from outside: no parser panics, what was read reads back as written, and a refusal
//! is one short sentence.
//!
//! Each target takes bytes and asserts. libFuzzer drives the targets (`make fuzz`, in `libfuzzer/`), and so does an
//! ordinary test with a seeded mutator. The parsers of the shell are compiled here by their path: their own crate
//! depends on the AWS SDKs, and an instrumented build of the SDKs takes longer than the fuzzing.
#![allow(clippy::panic, clippy::expect_used, reason = "a finding is a panic")]

mod adapters;
#[path = "../../../shared/src/config.rs"]
#[allow(dead_code, reason = "only the parts that read text from outside are driven")]
mod config;
mod etcd;
#[path = "../../../shared/src/event.rs"]
#[allow(dead_code, reason = "only the parsers are driven")]
mod event;
mod events;
mod ledger;
#[path = "../../../shared/src/naming.rs"]
#[allow(dead_code, reason = "only the parts that read text from outside are driven")]
mod naming;
mod settings;
mod texts;

/// A target. It panics on a finding.
pub type Target = fn(&[u8]);

/// All targets, by the names of their corpora.
pub const ALL: [(&str, Target); 7] = [
    ("events", events::events),
    ("etcd-answers", etcd::answers),
    ("ledger", ledger::ledger),
    ("settings", settings::settings),
    ("env", texts::env),
    ("versions", texts::versions),
    ("reports", texts::reports),
];

/// Gives the bytes to the target of this name.
pub fn drive(name: &str, data: &[u8]) {
    let (_, target) = ALL.iter().find(|(n, _)| *n == name).expect("a target of this name");
    target(data);
}

/// The longest refusal, in bytes. A longer text hides what it is about.
const SENTENCE: usize = 1_000;

/// A refusal is one line without control characters, and it does not repeat the whole input.
fn one_sentence(text: &str) {
    assert!(!text.is_empty(), "a refusal without words");
    assert!(!text.chars().any(char::is_control), "a refusal of more than one line: {text:?}");
    assert!(text.len() <= SENTENCE, "a refusal of {} bytes: {:?}…", text.len(), text.get(..200));
}
