//! All operations of all clients, and whether one order explains their answers: linearizability, key by key.
//!
//! The checker is that of `todc-utils`: the algorithm of Wing and Gong with Lowe's memory, as in porcupine.
//! It needs complete histories, so an operation without an answer is completed:
//!
//! - A write or swap whose value was seen had happened by then: it ends at the first answer that shows the
//!   value.
//! - A write or swap whose value was never seen is left out, as if it never happened.
//! - A deletion ends after everything else, because it may still happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History as Complete};

use super::register::{Effect, Register};

/// How many operations before a violation are printed.
const SHOWN: usize = 25;

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The number of the client.
    pub client: usize,
    /// The key.
    pub key: String,
    /// When it was sent, since the clients started.
    pub began: Duration,
    /// When its answer came, since the clients started; `None` without an answer.
    pub ended: Option<Duration>,
    /// What was done, and what was answered.
    pub effect: Effect,
}

/// All operations of all clients, in any order.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
}

impl History {
    /// Adds an operation.
    pub fn add(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// The number of operations, and how many of these were answered.
    pub fn count(&self) -> (usize, usize) {
        (self.operations.len(), self.operations.iter().filter(|o| o.ended.is_some()).count())
    }

    /// All keys of the operations.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.operations.iter().map(|operation| operation.key.as_str()).collect()
    }

    /// The keys whose operations no order explains. Each comes with its operations up to the first that
    /// cannot be explained.
    pub fn violations(&self) -> BTreeMap<&str, String> {
        let mut keys: BTreeMap<&str, Vec<Operation>> = BTreeMap::new();
        for operation in &self.operations {
            keys.entry(&operation.key).or_default().push(operation.clone());
        }
        keys.into_iter().filter_map(|(key, all)| Some((key, explain(&all)?))).collect()
    }
}

/// `None` if the operations of one key are linearizable; else the operations up to the first that cannot be
/// explained.
fn explain(operations: &[Operation]) -> Option<String> {
    if is_linearizable(operations) {
        return None;
    }
    let mut ends: Vec<Duration> = operations.iter().filter_map(|o| o.ended).collect();
    ends.sort_unstable();
    let first = ends.partition_point(|end| is_linearizable(&until(operations, *end)));
    let end = ends.get(first).or(ends.last()).copied().unwrap_or_default();
    let mut known = until(operations, end);
    known.sort_by_key(|o| (o.ended.unwrap_or(Duration::MAX), o.began));
    let answered = known.iter().filter(|o| o.ended.is_some()).count();
    let mut text = String::new();
    for operation in &known[answered.saturating_sub(SHOWN)..] {
        let ended = operation.ended.map_or("never".to_owned(), |at| format!("{:.4}", at.as_secs_f64()));
        let _into_a_string = writeln!(
            text,
            "  {:>10.4} to {ended:>10}  client {}  {:?}",
            operation.began.as_secs_f64(),
            operation.client,
            operation.effect
        );
    }
    Some(text)
}

/// The operations as they were known at a moment: answers that came later are removed.
fn until(operations: &[Operation], moment: Duration) -> Vec<Operation> {
    let begun = operations.iter().filter(|o| o.began <= moment);
    let known = begun.filter_map(|o| match o.ended {
        Some(ended) if ended <= moment => Some(o.clone()),
        _ => Some(Operation { ended: None, effect: o.effect.unanswered()?, ..o.clone() }),
    });
    known.collect()
}

fn is_linearizable(operations: &[Operation]) -> bool {
    let complete = completed(operations);
    // Each operation is a process of its own: the operations of one client do not overlap, so their times
    // already order them.
    let mut actions: Vec<(Duration, bool, usize, Effect)> = Vec::new();
    for (process, (began, ended, effect)) in complete.into_iter().enumerate() {
        actions.push((began, false, process, effect));
        actions.push((ended, true, process, effect));
    }
    // At the same moment, calls come before answers: then the operations overlap, which allows more orders.
    actions.sort_by_key(|(at, answer, process, _)| (*at, *answer, *process));
    let action = |(_, answer, process, effect): (Duration, bool, usize, Effect)| {
        (process, if answer { Action::Response(effect) } else { Action::Call(effect) })
    };
    let actions: Vec<_> = actions.into_iter().map(action).collect();
    actions.is_empty() || WGLChecker::<Register>::is_linearizable(Complete::from_actions(actions))
}

/// Every operation with an end, as the head of this file describes.
fn completed(operations: &[Operation]) -> Vec<(Duration, Duration, Effect)> {
    let first_seen = first_seen(operations);
    let complete = operations.iter().filter_map(|o| {
        let ended = match (o.ended, o.effect.unanswered_value()) {
            (Some(ended), _) => ended,
            (None, Some(value)) => *first_seen.get(&value)?,
            (None, None) => Duration::MAX,
        };
        Some((o.began, ended.max(o.began), o.effect))
    });
    complete.collect()
}

/// By when each value was in the key: the first answer that shows it. If the value of a swap without an
/// answer was seen, the swap happened, so the value that it expected was in the key by then, too.
fn first_seen(operations: &[Operation]) -> BTreeMap<u64, Duration> {
    let mut seen: BTreeMap<u64, Duration> = BTreeMap::new();
    let mut fresh: Vec<(u64, Duration)> =
        operations.iter().filter_map(|o| Some((o.effect.seen()?, o.ended?))).collect();
    let swaps: BTreeMap<u64, u64> = operations.iter().filter_map(|o| o.effect.unanswered_swap()).collect();
    while let Some((value, by)) = fresh.pop() {
        if seen.get(&value).is_none_or(|at| by < *at) {
            seen.insert(value, by);
            fresh.extend(swaps.get(&value).map(|from| (*from, by)));
        }
    }
    seen
}

#[cfg(test)]
mod tests;
