//! The ledger: the one document per cluster in which the functions coordinate.

mod document;
mod edit;
mod marks;

pub use document::{
    Claim, CleanRound, EnvState, FORMAT, Generation, GroupIdentity, Identity, Ledger, LedgerError, Maybe,
    Outcome, Phase, Recorded, Seed, Source, Writer,
};
pub use edit::{Adoption, Edit, apply};
pub use marks::{Mark, MarkKey, Marks};
