//! Time, counted from the present: the present is always [`NOW`], and remembered moments grow older.
//!
//! One step is ten seconds, longer than every short span of the rules (one, two, three, five and six seconds) and as
//! long as every patience of these worlds. So a past moment is of this step ([`NOW`]), or older than all of these
//! spans ([`OLD`]), or older than the spans that only an action of the world ends ([`ANCIENT`]): a hook's end, the
//! leave patience, a stalled launch. No rule distinguishes more, so nothing more is kept.

use std::time::Duration;

use membership::ids::Timestamp;
use membership::ledger::Ledger;
use membership::ledger::Writer;
use membership::map_timestamps::MapTimestamps;

/// How long a step of time is.
pub const STEP: Duration = Duration::from_secs(10);
/// The present.
pub const NOW: Timestamp = Timestamp(1_000_000_000_000);
/// A moment at least one step ago.
const OLD: Timestamp = Timestamp(1_000_000_000_000 - 10_000);
/// A moment longer ago than any hook lasts.
pub const ANCIENT: Timestamp = Timestamp(1_000_000_000_000 - 10 * 24 * 3_600_000);
/// Lambda ends an invocation this long after its start: it lives through one step of time and dies in the second. Its
/// claim holds until the third, because an expiry allows 5 s for clocks that differ.
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

/// The ledger without what no rule reads: its history, its writer, its time, and its revision
/// ([`crate::state::Stage::Write`] notices a write in between). Failures are counted as far as they differ.
pub fn essential(ledger: &Ledger) -> Ledger {
    let mut ledger = ledger.clone();
    ledger.history.clear();
    ledger.revision = 0;
    ledger.writer = Writer { request: "".into(), nonce: "".into() };
    ledger.at = OLD;
    ledger.generation.opened_at = OLD;
    ledger.generation.opened_by = String::new();
    if let Some(failures) = &mut ledger.failures {
        failures.same = failures.same.min(3);
        failures.row = failures.row.min(6);
    }
    ledger
}

/// The ledger one step later. A pause between two tries ends with the step.
pub fn older(ledger: &Ledger) -> Ledger {
    let mut older = ledger.map_timestamps(&a_step_later);
    if let Some(failures) = &mut older.failures {
        failures.last = ANCIENT;
    }
    older
}
