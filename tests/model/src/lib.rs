//! The world that the controller lives in, small enough to be explored wholly.
//!
//! The rules are the real ones: [`membership::invocation::Invocation`] is driven as the controller drives it. What is
//! modelled is everything else: etcd's membership, the ledger's compare-and-swap, the group, the instances, the
//! network, time. `README.md` says what is left out, and why that hides nothing.

pub mod action;
pub mod clock;
pub mod effects;
pub mod etcd;
pub mod explore;
pub mod group;
pub mod hosts;
pub mod invariants;
pub mod invoke;
pub mod mutants;
pub mod observe;
pub mod state;
pub mod step;
pub mod tables;
pub mod world;
pub mod worlds;
