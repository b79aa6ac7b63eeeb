//! What an observation proves, edited into the ledger before any rule looks at it.

mod claims;
mod compared;
mod conditions;
mod forget;
mod hook_names;
mod identity;
mod joining;
mod phase;
mod refused;
mod unanswered;

pub use self::hook_names::remember;
use crate::ids::Nonce;
use crate::ledger::{Edit, Ledger};
use crate::view::View;

type Stage<'a> = &'a dyn Fn(View<'_>) -> Vec<Edit>;

/// All edits that this observation calls for, and the ledger with the edits applied. An edit that opens a generation
/// comes last and alone decides the round; it is not applied here.
pub fn bring_up_to_date(read: View<'_>, me: Option<&Nonce>) -> (Vec<Edit>, Ledger) {
    let stages: [Stage<'_>; 11] = [
        &|v| claims::close_expired(v, me),
        &identity::identity,
        &identity::foreigners,
        &unanswered::settle,
        &identity::first_votes,
        &conditions::conditions,
        &compared::compared,
        &phase::phase,
        &forget::forget,
        &hook_names::hook_names,
        &refused::refused,
    ];
    let mut all = Vec::new();
    let mut ledger = read.ledger.clone();
    for stage in stages {
        let edits = stage(View { ledger: &ledger, ..read });
        ledger = ledger.edited(&edits, read.now);
        all.extend(edits);
    }
    let v = View { ledger: &ledger, ..read };
    all.extend(phase::next_generation(v, me));
    (all, ledger)
}
