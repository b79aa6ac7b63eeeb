//! The ledger: the one document per cluster in which the functions coordinate.

mod apply;
mod conditions;
mod document;
mod edit;
mod failures;
mod refused;

pub use apply::apply;
pub use conditions::{Condition, ConditionKey, Conditions};
pub use document::{
    Claim, CleanRound, EnvState, FORMAT, Generation, GroupIdentity, HistoryEntry, HookNames, Identity,
    InstanceRecord, Ledger, LedgerError, Phase, Seed, Source, UnansweredChange, Writer,
};
pub use edit::{Adoption, Edit};
pub use failures::{Failure, Failures, Origin};
pub use refused::{RefusedCall, RefusedCalls};
