use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use todc_utils::specifications::Specification;

use super::super::register::Effect::*;
use super::super::register::{Effect, Held, Register};
use super::{History, Operation, completed, is_linearizable};

/// When the operation was sent, when it was answered (0: never), both in milliseconds, and the operation.
type Line = (u64, u64, Effect);

fn operations(lines: &[Line]) -> Vec<Operation> {
    let operation = |(client, (began, ended, effect)): (usize, &Line)| Operation {
        client,
        key: "k".to_owned(),
        began: Duration::from_millis(*began),
        ended: (*ended > 0).then(|| Duration::from_millis(*ended)),
        effect: *effect,
    };
    lines.iter().enumerate().map(operation).collect()
}

fn put(value: u64, before: Held) -> Effect {
    Put { value, before }
}

#[track_caller]
fn holds(lines: &[Line]) {
    assert!(is_linearizable(&operations(lines)), "{lines:?}");
}

#[track_caller]
fn is_violated(lines: &[Line]) {
    assert!(!is_linearizable(&operations(lines)), "{lines:?}");
}

#[test]
fn one_after_the_other() {
    holds(&[]);
    holds(&[
        (1, 2, put(1, None)),
        (3, 4, Read(Some(1))),
        (5, 6, Deleted { before: Some(1) }),
        (7, 8, Read(None)),
    ]);
}

#[test]
fn a_stale_read() {
    is_violated(&[(1, 2, put(1, None)), (3, 4, put(2, Some(1))), (5, 6, Read(Some(1)))]);
    holds(&[(1, 2, put(1, None)), (3, 6, put(2, Some(1))), (4, 5, Read(Some(1)))]);
}

#[test]
fn a_lost_write() {
    is_violated(&[(1, 2, put(1, None)), (3, 4, Read(None))]);
    is_violated(&[(1, 2, put(1, None)), (3, 4, put(2, None))]);
}

#[test]
fn a_value_that_no_client_wrote() {
    is_violated(&[(1, 2, put(1, None)), (3, 4, Read(Some(9)))]);
}

#[test]
fn a_write_without_an_answer_may_happen_late_or_never() {
    holds(&[(1, 0, PutUnanswered(1)), (2, 3, Read(None)), (4, 5, Read(Some(1)))]);
    holds(&[(1, 0, PutUnanswered(1)), (2, 3, put(2, None)), (4, 5, Read(Some(2)))]);
    holds(&[(1, 0, PutUnanswered(1)), (2, 3, put(2, Some(1))), (4, 5, Read(Some(2)))]);
}

#[test]
fn an_unanswered_write_happens_once_and_not_before_it_was_sent() {
    is_violated(&[
        (1, 0, PutUnanswered(1)),
        (2, 3, Read(Some(1))),
        (4, 5, put(2, Some(1))),
        (6, 7, Read(Some(1))),
    ]);
    is_violated(&[(1, 2, Read(Some(1))), (3, 0, PutUnanswered(1))]);
}

#[test]
fn a_deletion_without_an_answer() {
    holds(&[(1, 2, put(1, None)), (3, 0, DeleteUnanswered), (4, 5, Read(Some(1))), (6, 7, Read(None))]);
    is_violated(&[(1, 2, put(1, None)), (3, 0, DeleteUnanswered), (4, 5, Read(None)), (6, 7, Read(Some(1)))]);
}

#[test]
fn a_swap_is_made_only_where_it_was_expected() {
    let swapped = |from, to| Swapped { from, to };
    holds(&[
        (1, 2, put(1, None)),
        (3, 4, swapped(Some(1), 2)),
        (5, 6, Kept { from: Some(1), found: Some(2) }),
    ]);
    is_violated(&[(1, 2, put(1, None)), (3, 4, swapped(Some(1), 2)), (5, 6, swapped(Some(1), 3))]);
    is_violated(&[(1, 2, put(1, None)), (3, 4, Kept { from: Some(1), found: Some(1) })]);
    holds(&[(1, 0, SwapUnanswered { from: None, to: 1 }), (2, 3, put(2, None)), (4, 5, Read(Some(2)))]);
    is_violated(&[(1, 2, put(1, None)), (3, 0, SwapUnanswered { from: None, to: 2 }), (4, 5, Read(Some(2)))]);
}

#[test]
fn a_swap_without_an_answer_may_build_on_a_write_without_one() {
    let swap = |from, to| SwapUnanswered { from: Some(from), to };
    holds(&[(1, 0, PutUnanswered(1)), (2, 0, swap(1, 2)), (3, 0, swap(2, 3)), (4, 5, Read(Some(3)))]);
    is_violated(&[(2, 0, swap(1, 2)), (4, 5, Read(Some(2)))]);
}

#[test]
fn a_violation_is_printed_with_what_came_before_it_and_nothing_after() {
    let mut history = History::default();
    let lines = [(1, 2, put(1, None)), (3, 4, put(2, Some(1))), (5, 6, Read(Some(1))), (7, 8, Read(Some(2)))];
    operations(&lines).into_iter().for_each(|o| history.add(o));
    let violations = history.violations();
    let text = violations.get("k").expect("the violation of this key");
    assert!(text.contains("Read(Some(1))") && !text.contains("Read(Some(2))"), "{text}");
}

/// A slow and obvious second checker: it tries every order.
fn by_all_orders(left: &[(Duration, Duration, Effect)], held: Held) -> bool {
    let first_end = left.iter().map(|(_, ended, _)| *ended).min();
    left.is_empty()
        || left.iter().enumerate().any(|(at, (began, _, effect))| {
            let (valid, next) = Register::apply(effect, &held);
            let mut rest = left.to_vec();
            rest.remove(at);
            first_end.is_some_and(|end| *began <= end) && valid && by_all_orders(&rest, next)
        })
}

/// Checks all operations. It keeps the writes whose value was never seen, which the real checker leaves out.
fn second_checker(operations: &[Operation]) -> bool {
    let ended = |o: &Operation| (o.began, o.ended.unwrap_or(Duration::MAX), o.effect);
    by_all_orders(&operations.iter().map(ended).collect::<Vec<_>>(), None)
}

#[test]
fn both_checkers_agree_on_random_histories() {
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let mut below = |bound: u64| chance.next_u64() % bound;
    let mut violated = 0;
    for _ in 0..4_000 {
        let mut lines = Vec::new();
        for value in 1..4 + below(4) {
            let began = 1 + below(12);
            let held = |number: u64| (number > 0).then_some(number);
            let (one, ended) = (held(below(3)), began + below(10));
            lines.push(match below(8) {
                0 => (began, 0, PutUnanswered(value)),
                1 => (began, 0, SwapUnanswered { from: one, to: value }),
                2 => (began, 0, DeleteUnanswered),
                3 => (began, ended, Deleted { before: one }),
                4 | 5 => (began, ended, Read(one)),
                6 => (began, ended, Swapped { from: one, to: value }),
                _ => (began, ended, put(value, one)),
            });
        }
        let history = operations(&lines);
        assert_eq!(
            is_linearizable(&history),
            second_checker(&history),
            "{lines:?} as {:?}",
            completed(&history)
        );
        violated += usize::from(!second_checker(&history));
    }
    assert!(
        (400..3_600).contains(&violated),
        "{violated} of 4,000 histories are impossible: both results must be common"
    );
}
