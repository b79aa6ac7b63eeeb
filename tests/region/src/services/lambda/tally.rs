//! Counts of the asynchronous invocations.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// How many asynchronous invocations were accepted, answered, retried and dead-lettered.
#[derive(Default)]
pub struct Tally {
    pub accepted: AtomicU64,
    pub answered: AtomicU64,
    pub retried: AtomicU64,
    pub dead_lettered: AtomicU64,
}

impl Tally {
    /// The counts for `/_region/state`.
    pub fn state(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "accepted": read(&self.accepted),
            "answered": read(&self.answered),
            "retried": read(&self.retried),
            "deadLettered": read(&self.dead_lettered),
        })
    }
}
