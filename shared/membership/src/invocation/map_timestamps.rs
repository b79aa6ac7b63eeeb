//! An invocation at another time.

use super::{Held, Invocation, State};
use crate::ids::Timestamp;
use crate::map_timestamps::MapTimestamps;

impl MapTimestamps for Invocation {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        let state = match &self.state {
            State::Free => State::Free,
            State::Claimed(held) => {
                State::Claimed(Held { claim: held.claim.map_timestamps(to), ..held.clone() })
            }
            State::CreatingEnv { claim, recorded } => {
                State::CreatingEnv { claim: claim.map_timestamps(to), recorded: recorded.map_timestamps(to) }
            }
            State::Closing { claim, outcome } => {
                State::Closing { claim: claim.map_timestamps(to), outcome: outcome.map_timestamps(to) }
            }
        };
        let (deadline, seen) = (to(self.deadline), self.seen.map_timestamps(to));
        Self { deadline, state, seen, recent: self.recent.map_timestamps(to), ..self.clone() }
    }
}
