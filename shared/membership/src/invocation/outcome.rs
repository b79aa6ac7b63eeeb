//! What the ledger is to say of a claim that ends.

use crate::change::{Change, Proposal};
use crate::guard::{Guard, Guards};
use crate::ids::Timestamp;
use crate::ledger::{Claim, ConditionKey, Edit, UnansweredChange};

/// What is true once a change was made.
pub fn done(change: &Change) -> Vec<Edit> {
    let mut edits = match change {
        Change::Promote { instance, .. } | Change::Seal { instance } => {
            vec![Edit::RecordSealed(instance.clone())]
        }
        Change::Remove { .. } => vec![Edit::ConditionBegan(ConditionKey::Removed)],
        Change::AddLearner { .. }
        | Change::RepairEnv { .. }
        | Change::AbandonLaunch { .. }
        | Change::RetainLeaving { .. }
        | Change::SetUnhealthy { .. } => Vec::new(),
    };
    edits.push(ended(change, "done"));
    edits
}

/// The claim is over, and the history says how it went.
pub fn ended(change: &Change, how: &str) -> Edit {
    Edit::Unclaim(format!("{change}: {how}"))
}

/// What is true of a change that got no answer. A change of the membership may still happen. `sealing` says that the
/// call was only the sealing of an env before a promotion: that may be repeated, and the promotion was not asked yet.
pub fn unanswered(claim: &Claim, why: &str, deadline: Timestamp, sealing: bool, guards: Guards) -> Vec<Edit> {
    let change = &claim.proposal.change;
    let mut edits = Vec::new();
    if change.changes_membership() && !sealing && guards.enforces(Guard::UnansweredIsNoted) {
        edits.push(Edit::NoteUnanswered(UnansweredChange {
            change: change.clone(),
            asked: claim.proposal.asked,
            voters: claim.voters.clone(),
            deadline,
            clean: None,
        }));
    }
    edits.push(ended(change, &format!("unanswered: {why}")));
    edits
}

/// Whether the change, landing late, could undo or kill what a later change made. A late seal only seals again.
pub fn lands_late(change: &Change) -> bool {
    match change {
        Change::RepairEnv { .. }
        | Change::AbandonLaunch { .. }
        | Change::RetainLeaving { .. }
        | Change::SetUnhealthy { .. } => true,
        Change::AddLearner { .. } | Change::Promote { .. } | Change::Remove { .. } | Change::Seal { .. } => {
            false
        }
    }
}

/// What the second look decided instead of the claimed change.
pub fn decided_instead(claimed: &Proposal, now: Option<&Proposal>) -> String {
    match now {
        None => "the second look found nothing to change".to_owned(),
        Some(now) if now.change == claimed.change => "the second look found another leader".to_owned(),
        Some(now) => format!("the second look decided something else: {}", now.change),
    }
}
