//! What a round comes to: what to write, what to do, and why nothing is done about the rest.

mod code;
mod note;
mod refusal;
mod severity;
mod wait;

use std::collections::BTreeSet;
use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use self::code::Coded;
pub(crate) use self::note::Unread;
pub use self::note::{Note, Subject, Verdict};
pub use self::refusal::Refusal;
pub use self::severity::{Graded, Severity};
pub use self::wait::Wait;
use crate::change::{Change, Effect, Proposal};
use crate::ids::{InstanceId, MemberId};
use crate::instance::Transition;
use crate::ledger::Edit;
pub use crate::quorum::QuorumCount;

/// The decision of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What has become known. It is written before anything else, by compare-and-swap.
    #[serde(serialize_with = "sentences")]
    pub edits: Vec<Edit>,
    /// The next change, by the order of the rules. It needs the claim.
    #[serde(serialize_with = "proposed")]
    pub proposal: Option<Proposal>,
    /// The calls that the proposal comes to.
    #[serde(skip)]
    pub calls: Calls,
    /// Calls that need no claim: each is right however late it comes.
    #[serde(serialize_with = "sentences")]
    pub effects: Vec<Effect>,
    /// Why nothing is done about an object.
    pub notes: Vec<Note>,
    /// The pending lifecycle actions whose hooks must not run out.
    pub keep_alive: Vec<KeepAlive>,
    /// The calls that AWS refused so lately that they are not made again yet, as [`Effect::call`] names them.
    #[serde(skip)]
    pub waiting_calls: BTreeSet<String>,
}

impl Decision {
    /// Whether nothing is to be done and nothing is waited for.
    pub fn is_settled(&self) -> bool {
        !self.has_urgent_edits()
            && self.proposal.is_none()
            && self.effects.is_empty()
            && self.notes.is_empty()
    }

    /// Whether edits must be written even if nothing else is.
    pub fn has_urgent_edits(&self) -> bool {
        self.edits.iter().any(|e| !e.tidies())
    }

    pub(crate) fn note(&mut self, about: impl Into<Subject>, verdict: Verdict) {
        self.notes.push(Note { about: about.into(), verdict });
    }

    pub(crate) fn wait(&mut self, about: impl Into<Subject>, on: Wait) {
        self.note(about, Verdict::Waiting(on));
    }

    pub(crate) fn refuse(&mut self, about: impl Into<Subject>, reason: Refusal) {
        self.note(about, Verdict::Refused(reason));
    }

    /// Proposes a change, unless an earlier rule has proposed one, or its call has to wait.
    pub(crate) fn propose(&mut self, change: Change, asked: Option<MemberId>) {
        let waits = change.call().is_some_and(|call| self.waiting_calls.contains(&call));
        if self.proposal.is_none() && !waits {
            self.proposal = Some(Proposal { change, asked });
        }
    }
}

/// The calls that a proposal comes to, on the observation that was decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// A fact that a call needs is missing, so nothing can be asked. Also where nothing is proposed.
    #[default]
    Missing,
    /// One call.
    One(Effect),
    /// The env is sealed first. The change itself is asked after another look, under the same claim.
    SealFirst {
        /// The overwriting of the env. `None` where a fact that it needs is missing.
        seal: Option<Effect>,
        /// The change itself. `None` where a fact that it needs is missing.
        then: Option<Effect>,
    },
}

impl Calls {
    /// The next call, for a claim that has sealed the env already or has not.
    pub fn next(self, sealed: bool) -> Option<Effect> {
        match self {
            Calls::Missing => None,
            Calls::One(call) => Some(call),
            Calls::SealFirst { seal, then } => {
                if sealed {
                    then
                } else {
                    seal
                }
            }
        }
    }
}

/// A lifecycle action whose hook must not run out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeepAlive {
    /// The instance whose action waits.
    pub instance: InstanceId,
    /// Which of the two hooks holds the action.
    pub transition: Transition,
}

/// Operators read sentences. No program reads edits and effects back.
fn sentences<T: fmt::Display, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(ToString::to_string))
}

/// The change as a sentence, and the member that is asked as etcdctl shows it.
fn proposed<S: Serializer>(proposal: &Option<Proposal>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(proposal) = proposal else { return serializer.serialize_none() };
    let mut told = serializer.serialize_struct("Proposal", 2)?;
    told.serialize_field("change", &proposal.change.to_string())?;
    told.serialize_field("asked", &proposal.asked.map(|member| member.to_string()))?;
    told.end()
}
