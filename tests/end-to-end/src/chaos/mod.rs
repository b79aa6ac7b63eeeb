//! Chaos: a bounded run of faults from a seed, under clients whose every operation is recorded.
//!
//! The same seed gives the same schedule of faults. Which instance each fault hits, and what it leads to,
//! depends on the moment. That is why many seeds are run.

mod clients;
mod deal;
mod fault;
mod history;
mod injector;
mod kind;
mod kv;
mod plan;
mod register;
mod report;
mod roles;
mod run;
mod verdict;

pub use plan::Plan;
pub use report::Report;
pub use run::{Watch, arrange, run};
