//! What a key is, one operation after another: the specification that histories are checked against.

use todc_utils::specifications::Specification;

/// What a key holds; nothing where it was deleted or never written. No value is ever written twice.
pub type Held = Option<u64>;

/// What was done to a key, and what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was read.
    Read(Held),
    /// It was written.
    Put {
        /// The value.
        value: u64,
        /// What it held before, as the answer says.
        before: Held,
    },
    /// It held what was expected, and was written.
    Swapped {
        /// What was expected.
        from: Held,
        /// The value.
        to: u64,
    },
    /// It held something else, and was left.
    Kept {
        /// What was expected.
        from: Held,
        /// What it held.
        found: Held,
    },
    /// It was deleted.
    Deleted {
        /// What it held before, as the answer says.
        before: Held,
    },
    /// A write without an answer: it may have happened, may still happen, or never.
    MaybePut(u64),
    /// The same of a write that expected something.
    MaybeSwapped {
        /// What was expected.
        from: Held,
        /// The value.
        to: u64,
    },
    /// The same of a deletion.
    MaybeDeleted,
}

impl Effect {
    /// The value of a write that has no answer.
    pub fn maybe_written(&self) -> Option<u64> {
        match *self {
            Self::MaybePut(value) | Self::MaybeSwapped { to: value, .. } => Some(value),
            _ => None,
        }
    }

    /// Of a swap that has no answer: the value, and the one that it expected.
    pub fn maybe_swapped(&self) -> Option<(u64, u64)> {
        match *self {
            Self::MaybeSwapped { from: Some(from), to } => Some((to, from)),
            _ => None,
        }
    }

    /// The value that somebody saw here, which therefore was there.
    pub fn seen(&self) -> Held {
        match *self {
            Self::Read(held)
            | Self::Put { before: held, .. }
            | Self::Swapped { from: held, .. }
            | Self::Kept { found: held, .. }
            | Self::Deleted { before: held } => held,
            Self::MaybePut(_) | Self::MaybeSwapped { .. } | Self::MaybeDeleted => None,
        }
    }

    /// The same, had its answer been lost; nothing where it changes nothing.
    pub fn unanswered(&self) -> Option<Self> {
        match *self {
            Self::Read(_) | Self::Kept { .. } => None,
            Self::Put { value, .. } => Some(Self::MaybePut(value)),
            Self::Swapped { from, to } => Some(Self::MaybeSwapped { from, to }),
            Self::Deleted { .. } => Some(Self::MaybeDeleted),
            maybe => Some(maybe),
        }
    }
}

/// A key of etcd.
pub struct Register;

impl Specification for Register {
    type State = Held;
    type Operation = Effect;

    fn init() -> Held {
        None
    }

    /// What has no answer may come last of all, where nobody sees what it does: so it is allowed everywhere.
    fn apply(effect: &Effect, held: &Held) -> (bool, Held) {
        match *effect {
            Effect::Read(read) => (read == *held, *held),
            Effect::Put { value, before } => (before == *held, Some(value)),
            Effect::Swapped { from, to } => (from == *held, Some(to)),
            Effect::Kept { from, found } => (found == *held && found != from, *held),
            Effect::Deleted { before } => (before == *held, None),
            Effect::MaybePut(value) => (true, Some(value)),
            Effect::MaybeSwapped { from, to } => (true, if from == *held { Some(to) } else { *held }),
            Effect::MaybeDeleted => (true, None),
        }
    }
}
