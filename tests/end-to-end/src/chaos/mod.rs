//! Chaos: a bounded run of faults from a seed, under a load whose every operation is kept account of.
//!
//! The same seed gives the same schedule of faults. Whom each strikes, and what comes of it, depends on the moment:
//! that is what the many seeds are for.

mod cast;
mod clients;
mod deal;
pub mod fault;
pub mod history;
mod injector;
pub mod kind;
mod kv;
pub mod plan;
pub mod register;
pub mod report;
mod run;
mod verdict;

pub use run::{Watch, arrange, run};
