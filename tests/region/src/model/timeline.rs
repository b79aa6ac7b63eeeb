//! What happened in the region, in order, for people and for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::time::timestamp;

/// How many entries are kept; older entries are dropped.
const CAPACITY: usize = 5_000;

/// One event in the region.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Grows by one with every entry; the numbers of dropped entries are not used again.
    pub number: u64,
    /// RFC 3339 with milliseconds, UTC.
    pub at: String,
    /// The kind of event: `lifecycle`, `ec2`, `event`, `function`, `fault`, …
    pub kind: String,
    /// The instance, group or function that it concerns.
    pub who: String,
    /// A sentence that says what happened.
    pub text: String,
}

#[derive(Default)]
struct Entries {
    next: u64,
    kept: VecDeque<Entry>,
}

/// A ring buffer of [`Entry`]; cheap to clone, all clones share the entries.
#[derive(Clone, Default)]
pub struct Timeline {
    entries: Arc<Mutex<Entries>>,
}

impl Timeline {
    /// Appends an entry with the present time.
    pub fn note(&self, kind: &str, who: &str, text: impl Into<String>) {
        let text = text.into();
        tracing::info!(kind, who, "{text}");
        let mut entries = self.lock();
        let entry = Entry {
            number: entries.next,
            at: timestamp(std::time::SystemTime::now()),
            kind: kind.to_owned(),
            who: who.to_owned(),
            text,
        };
        entries.next += 1;
        if entries.kept.len() == CAPACITY {
            entries.kept.pop_front();
        }
        entries.kept.push_back(entry);
    }

    /// All entries still kept, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries_after(None)
    }

    /// The kept entries with a greater number, oldest first; all of them for `None`.
    pub fn entries_after(&self, number: Option<u64>) -> Vec<Entry> {
        let entries = self.lock();
        let first = entries.kept.front().map_or(0, |entry| entry.number);
        let known = number.map_or(0, |number| (number + 1).saturating_sub(first));
        entries.kept.iter().skip(usize::try_from(known).unwrap_or(usize::MAX)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
