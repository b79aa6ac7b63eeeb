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

/// How long a line of the region's log may be, in characters.
const LINE: usize = 240;

/// The text for the log, which a person reads line by line: a dry run's answer alone has kilobytes. The entry itself
/// keeps the whole text.
fn brief(text: &str) -> String {
    let line = text.replace(char::is_control, " ");
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}… ({} characters)", &line[..end], line.chars().count()),
        None => line,
    }
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
        tracing::info!(kind, who, "{}", brief(&text));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_one_short_line_in_the_log_and_whole_in_the_entry() {
        let long = format!("answered {{\n{}\u{1b}[2m}}", "ü".repeat(5_000));
        let line = brief(&long);
        assert!(line.chars().count() < LINE + 30 && !line.contains(char::is_control), "{line}");
        assert!(line.ends_with("… (5016 characters)"), "{line}");
        assert_eq!(brief("InService"), "InService");
        let timeline = Timeline::default();
        timeline.note("function", "reconcile", long.clone());
        assert_eq!(timeline.entries()[0].text, long);
    }
}
