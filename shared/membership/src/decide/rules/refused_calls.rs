//! The rule `refused_calls`: reports calls that AWS refuses until an operator changes something.

use crate::decision::{Decision, Refusal, Subject};
use crate::guard::Guard;
use crate::view::View;

/// Reports each refused call, and keeps a call that was refused lately from being proposed again.
pub fn refused_calls(v: View<'_>, d: &mut Decision) {
    for (call, refused) in &v.ledger.refused.0 {
        let refusal = Refusal::CallRefused { call: call.clone(), why: refused.why.clone() };
        d.refuse(Subject::Cluster, refusal);
        if !v.allows(Guard::RefusedCallsWait, !v.ledger.refused.waits(call, v.now)) {
            d.waiting_calls.insert(call.clone());
        }
    }
}

/// Leaves out the calls that have to wait. An open claim's own call is not among them: its claim ends with a refusal.
pub fn not_yet_again(d: &mut Decision) {
    let waiting = &d.waiting_calls;
    d.effects.retain(|effect| !waiting.contains(&effect.call()));
}
