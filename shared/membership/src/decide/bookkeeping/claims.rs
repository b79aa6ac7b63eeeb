//! Claims whose claimant is dead.

use crate::guard::Guard;
use crate::ids::Nonce;
use crate::ledger::{Claim, Edit, Phase, UnansweredChange};
use crate::view::View;

/// An expired claim is closed by the next invocation that writes. The claimant may have sent its change before it
/// died, so a change of the membership becomes an unanswered change. In a generation that is over, or that has no
/// identity yet, no such change can matter any more.
pub fn close_expired(v: View<'_>, me: Option<&Nonce>) -> Vec<Edit> {
    let over = |c: &&Claim| v.allows(Guard::ClaimUntilExpiry, v.now >= c.expires);
    let Some(claim) = v.ledger.claim.as_ref().filter(|c| Some(&c.nonce) != me).filter(over) else {
        return Vec::new();
    };
    let change = claim.proposal.change.clone();
    let lives = claim.generation == v.ledger.generation.number
        && matches!(v.phase(), Phase::Opened | Phase::Formed)
        && v.ledger.generation.identity.is_some();
    let mut edits = Vec::new();
    if change.changes_membership() && lives && v.enforces(Guard::ExpiredClaimMayHaveHappened) {
        edits.push(Edit::NoteUnanswered(UnansweredChange {
            change: change.clone(),
            asked: claim.proposal.asked,
            voters: claim.voters.clone(),
            deadline: claim.expires,
            clean: None,
        }));
    }
    edits.push(Edit::Unclaim(format!("{change}: the claim of request {} expired", claim.request)));
    edits
}
