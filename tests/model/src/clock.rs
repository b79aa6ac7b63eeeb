//! Time, counted from the present: it is always [`NOW`], and what is remembered grows older.
//!
//! One step is ten seconds, longer than every short span of the rules (one, two, three, five and six seconds) and as
//! long as every patience of these worlds. So a moment that has passed is either of this step ([`NOW`]), or older than
//! any of them ([`OLD`]), or older than the spans that only an action of the world ends ([`ANCIENT`]): a hook's end,
//! the leave patience, a stalled launch. More is not told apart by any rule, so more is not kept.

use std::time::Duration;

use membership::ids::Timestamp;
use membership::ledger::Ledger;
use membership::ledger::Writer;
use membership::map_timestamps::MapTimestamps;

/// How long a step of time is.
pub const STEP: Duration = Duration::from_secs(10);
/// The present.
pub const NOW: Timestamp = Timestamp(1_000_000_000_000);
/// At least one step ago.
pub const OLD: Timestamp = Timestamp(1_000_000_000_000 - 10_000);
/// Longer ago than any hook lasts.
pub const ANCIENT: Timestamp = Timestamp(1_000_000_000_000 - 10 * 24 * 3_600_000);
/// An invocation is killed so long after its start: it lives through one step of time and dies in the second; with
/// the 5 s for clocks its claim stands until the third.
pub const LIFETIME: Duration = Duration::from_secs(17);

/// What a moment becomes when one step has passed.
pub fn a_step_later(at: Timestamp) -> Timestamp {
    if at > NOW.plus(STEP) {
        at.minus(STEP)
    } else if at <= ANCIENT {
        ANCIENT
    } else {
        OLD
    }
}

/// The ledger without what no rule reads: its history, its writer, its revision (a write that follows another is
/// told by [`crate::state::Stage::Write`]), and when it was written.
pub fn essential(ledger: &Ledger) -> Ledger {
    let mut ledger = ledger.clone();
    ledger.history.clear();
    ledger.revision = 0;
    ledger.writer = Writer { request: "".into(), nonce: "".into() };
    ledger.at = OLD;
    ledger.generation.opened_at = OLD;
    ledger.generation.opened_by = String::new();
    ledger
}

/// The ledger one step later.
pub fn older(ledger: &Ledger) -> Ledger {
    ledger.map_timestamps(&a_step_later)
}
