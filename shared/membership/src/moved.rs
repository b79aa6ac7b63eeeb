//! The same value at another time. The rules compare moments with each other and with patiences, never with a
//! calendar: a model checker may count all time from the present.

use crate::change::Effect;
use crate::ids::Timestamp;
use crate::ledger::{Claim, CleanRound, Edit, Ledger, Mark, Maybe};

/// Every moment in it moved.
pub trait Moved {
    /// A copy, with each moment replaced by what `to` says of it.
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self;
}

impl<T: Moved> Moved for Option<T> {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        self.as_ref().map(|value| value.moved(to))
    }
}

impl<T: Moved> Moved for Vec<T> {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        self.iter().map(|value| value.moved(to)).collect()
    }
}

impl Moved for (Effect, Timestamp) {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        (self.0.clone(), to(self.1))
    }
}

impl Moved for Claim {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        Self { expires: to(self.expires), ..self.clone() }
    }
}

impl Moved for Maybe {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        let clean = self.clean.map(|c| CleanRound { at: to(c.at), ..c });
        Self { deadline: to(self.deadline), clean, ..self.clone() }
    }
}

impl Moved for Edit {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        match self {
            Edit::Claim(claim) => Edit::Claim(claim.moved(to)),
            Edit::AddMaybe(maybe) => Edit::AddMaybe(maybe.moved(to)),
            other => other.clone(),
        }
    }
}

impl Moved for Ledger {
    fn moved(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        let mut ledger = self.clone();
        ledger.at = to(ledger.at);
        ledger.generation.opened_at = to(ledger.generation.opened_at);
        ledger.claim = ledger.claim.moved(to);
        ledger.maybes = ledger.maybes.moved(to);
        for mark in ledger.marks.values_mut() {
            *mark = Mark { since: to(mark.since), ..*mark };
        }
        for outcome in &mut ledger.history {
            outcome.at = to(outcome.at);
        }
        ledger
    }
}
