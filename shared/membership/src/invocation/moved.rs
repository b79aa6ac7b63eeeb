//! An invocation at another time.

use super::{Invocation, State};
use crate::ids::Timestamp;
use crate::moved::Moved;

impl Moved for Invocation {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        let state = match &self.state {
            State::Free => State::Free,
            State::Claimed { claim, sealed, refusals } => {
                State::Claimed { claim: claim.moved(to), sealed: *sealed, refusals: *refusals }
            }
            State::Publishing { claim, recorded } => {
                State::Publishing { claim: claim.moved(to), recorded: recorded.moved(to) }
            }
            State::Closing { claim, outcome } => {
                State::Closing { claim: claim.moved(to), outcome: outcome.moved(to) }
            }
        };
        let (deadline, seen) = (to(self.deadline), self.seen.moved(to));
        Self { deadline, state, seen, recent: self.recent.moved(to), ..self.clone() }
    }
}
