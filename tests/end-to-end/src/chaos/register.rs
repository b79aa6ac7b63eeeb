//! How a key behaves if its operations come one after another: the specification that histories are checked
//! against.

use todc_utils::specifications::Specification;

/// What a key holds; `None` if it was deleted or never written. No value is ever written twice.
pub type Held = Option<u64>;

/// An operation on a key, with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A read that found this.
    Read(Held),
    /// A write.
    Put {
        /// The value written.
        value: u64,
        /// What the key held before, by the answer.
        before: Held,
    },
    /// A swap that found what it expected, and wrote.
    Swapped {
        /// What the swap expected and found.
        from: Held,
        /// The value written.
        to: u64,
    },
    /// A swap that found something else, and wrote nothing.
    Kept {
        /// What the swap expected.
        from: Held,
        /// What it found.
        found: Held,
    },
    /// A deletion.
    Deleted {
        /// What the key held before, by the answer.
        before: Held,
    },
    /// A write without an answer: it may have happened, may happen later, or may never happen.
    PutUnanswered(u64),
    /// A swap without an answer.
    SwapUnanswered {
        /// What the swap expects.
        from: Held,
        /// The value to be written.
        to: u64,
    },
    /// A deletion without an answer.
    DeleteUnanswered,
}

impl Effect {
    /// The value that a write or a swap without an answer would write.
    pub fn unanswered_value(&self) -> Option<u64> {
        match *self {
            Self::PutUnanswered(value) | Self::SwapUnanswered { to: value, .. } => Some(value),
            _ => None,
        }
    }

    /// For a swap without an answer: the value that it would write, and the value that it expects.
    pub fn unanswered_swap(&self) -> Option<(u64, u64)> {
        match *self {
            Self::SwapUnanswered { from: Some(from), to } => Some((to, from)),
            _ => None,
        }
    }

    /// The value that the answer shows in the key.
    pub fn seen(&self) -> Held {
        match *self {
            Self::Read(held)
            | Self::Put { before: held, .. }
            | Self::Swapped { from: held, .. }
            | Self::Kept { found: held, .. }
            | Self::Deleted { before: held } => held,
            Self::PutUnanswered(_) | Self::SwapUnanswered { .. } | Self::DeleteUnanswered => None,
        }
    }

    /// The same operation without its answer; `None` if it changes nothing.
    pub fn unanswered(&self) -> Option<Self> {
        match *self {
            Self::Read(_) | Self::Kept { .. } => None,
            Self::Put { value, .. } => Some(Self::PutUnanswered(value)),
            Self::Swapped { from, to } => Some(Self::SwapUnanswered { from, to }),
            Self::Deleted { .. } => Some(Self::DeleteUnanswered),
            unanswered => Some(unanswered),
        }
    }
}

/// One key of etcd.
pub struct Register;

impl Specification for Register {
    type State = Held;
    type Operation = Effect;

    fn init() -> Held {
        None
    }

    /// An operation without an answer is valid in every place: it may have happened there, or after
    /// everything else, where no read sees it.
    fn apply(effect: &Effect, held: &Held) -> (bool, Held) {
        match *effect {
            Effect::Read(read) => (read == *held, *held),
            Effect::Put { value, before } => (before == *held, Some(value)),
            Effect::Swapped { from, to } => (from == *held, Some(to)),
            Effect::Kept { from, found } => (found == *held && found != from, *held),
            Effect::Deleted { before } => (before == *held, None),
            Effect::PutUnanswered(value) => (true, Some(value)),
            Effect::SwapUnanswered { from, to } => (true, if from == *held { Some(to) } else { *held }),
            Effect::DeleteUnanswered => (true, None),
        }
    }
}
