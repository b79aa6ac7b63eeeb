//! The same value at another time. The rules compare moments with each other and with patiences, never with a
//! calendar. So a model checker may count all time from the present.

use crate::change::Effect;
use crate::ids::Timestamp;
use crate::ledger::{Claim, CleanRound, Condition, Edit, Ledger, UnansweredChange};

/// A value that holds moments in time.
pub trait MapTimestamps {
    /// A copy with every moment mapped by `to`.
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self;
}

impl<T: MapTimestamps> MapTimestamps for Option<T> {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        self.as_ref().map(|value| value.map_timestamps(to))
    }
}

impl<T: MapTimestamps> MapTimestamps for Vec<T> {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        self.iter().map(|value| value.map_timestamps(to)).collect()
    }
}

impl MapTimestamps for (Effect, Timestamp) {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        (self.0.clone(), to(self.1))
    }
}

impl MapTimestamps for Claim {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        Self { expires: to(self.expires), ..self.clone() }
    }
}

impl MapTimestamps for UnansweredChange {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        let clean = self.clean.map(|c| CleanRound { at: to(c.at), ..c });
        Self { deadline: to(self.deadline), clean, ..self.clone() }
    }
}

impl MapTimestamps for Edit {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        match self {
            Edit::Claim(claim) => Edit::Claim(claim.map_timestamps(to)),
            Edit::NoteUnanswered(unanswered) => Edit::NoteUnanswered(unanswered.map_timestamps(to)),
            other => other.clone(),
        }
    }
}

impl MapTimestamps for Ledger {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        let mut ledger = self.clone();
        ledger.at = to(ledger.at);
        ledger.generation.opened_at = to(ledger.generation.opened_at);
        ledger.claim = ledger.claim.map_timestamps(to);
        ledger.unanswered = ledger.unanswered.map_timestamps(to);
        for condition in ledger.conditions.values_mut() {
            *condition = Condition { since: to(condition.since), ..*condition };
        }
        for refused in ledger.refused.0.values_mut() {
            (refused.since, refused.last) = (to(refused.since), to(refused.last));
        }
        if let Some(failures) = &mut ledger.failures {
            failures.last = to(failures.last);
        }
        for outcome in &mut ledger.history {
            outcome.at = to(outcome.at);
        }
        ledger
    }
}
