//! The rule `joins_fail`: reports joins that fail in a row, and what the hosts of joiners say.

use crate::decision::{Decision, Subject, Wait};
use crate::view::View;

/// Refuses the cluster while joins or foundings fail in a row. The tries go on, with pauses between them.
pub fn joins_fail(v: View<'_>, d: &mut Decision) {
    if let Some(refusal) = v.joins_fail() {
        d.refuse(Subject::Cluster, refusal);
    }
}

/// Quotes the host of each joiner that has not voted. A joiner that was given up is quoted where it is refused.
pub fn host_says(v: View<'_>, d: &mut Decision) {
    for id in v.ledger.instances.iter().filter(|(_, r)| !r.voted).map(|(id, _)| id) {
        if let Some(said) = v.said(id).filter(|_| !v.given_up(id)) {
            d.wait(id, Wait::HostSays(said));
        }
    }
}
