//! What became of a comparison of the voters' copies.

use crate::compare::{self, Said};
use crate::ledger::{ConditionKey, Edit, Phase};
use crate::view::View;

/// Records that the copies are equal, that they differ, or that nothing could be told. A difference stands until a
/// comparison of all voters finds none.
pub fn compared(v: View<'_>) -> Vec<Edit> {
    if let Some(revision) = alone(v) {
        return doubt_ends(v, revision);
    }
    let Some(hashes) = compare::hashes(v).filter(|_| v.phase() == Phase::Formed) else { return Vec::new() };
    let differed = v.holds(&ConditionKey::HashesDiffer);
    match compare::said(v, &hashes) {
        Said::Agree(revision) if differed => doubt_ends(v, revision),
        Said::Agree(revision) if compare::is_due(v) => vec![Edit::Compared(Some(revision))],
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

/// The voters' copies are equal again. A learner that is listed took its copy while they were not, perhaps from a leader
/// with a wrong copy, and a learner tells no hash. It is given up as a joiner: it has nothing that no voter has.
fn doubt_ends(v: View<'_>, revision: u64) -> Vec<Edit> {
    let learners = v.list().into_iter().flat_map(|list| list.learners());
    let joiners = learners.filter_map(|m| v.learner_owner(m)).filter(|id| !v.given_up(id));
    let why = "it took its copy of the data while the voters' copies differed";
    let given_up = joiners.map(|id| Edit::GiveUp(id, why.to_owned()));
    std::iter::once(Edit::Compared(Some(revision))).chain(given_up).collect()
}
