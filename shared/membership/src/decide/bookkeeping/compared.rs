//! What became of a comparison of the voters' copies.

use crate::compare::{self, Said};
use crate::ledger::{ConditionKey, Edit, Phase};
use crate::view::View;

/// Records that the copies are equal, that they differ, or that nothing could be told. A difference stands until a
/// comparison of all voters finds none.
pub fn compared(v: View<'_>) -> Vec<Edit> {
    if let Some(revision) = alone(v) {
        return vec![Edit::Compared(Some(revision))];
    }
    let Some(hashes) = compare::hashes(v).filter(|_| v.phase() == Phase::Formed) else { return Vec::new() };
    let differed = v.holds(&ConditionKey::HashesDiffer);
    match compare::said(v, &hashes) {
        Said::Agree(revision) if differed || compare::is_due(v) => vec![Edit::Compared(Some(revision))],
        Said::Differ if !differed => vec![Edit::HashesDiffer(compare::told(v))],
        Said::Nothing if compare::is_due(v) && !differed => vec![Edit::Compared(None)],
        Said::Agree(_) | Said::Differ | Said::Nothing => Vec::new(),
    }
}

/// The revision of the only voter that is left, where copies differed before: no other copy differs from it.
fn alone(v: View<'_>) -> Option<u64> {
    let mut voters = v.list()?.voters();
    let status = v.status(voters.next()?)?;
    (voters.next().is_none() && v.holds(&ConditionKey::HashesDiffer)).then_some(status.revision)
}
