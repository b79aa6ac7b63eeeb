//! Refused calls that nobody tries any more.

use crate::ledger::Edit;
use crate::view::View;

/// A call that is still needed is tried every minute, so one that was not tried for long is not needed any more.
pub fn refused(v: View<'_>) -> Vec<Edit> {
    let over = v.ledger.refused.not_needed(v.now).into_iter();
    over.map(|call| Edit::CallNotRefused(call, "it is not needed any more")).collect()
}
