//! The world that the controller lives in, small enough to be explored wholly.
//!
//! The rules are the real ones: [`membership::invocation::Invocation`] is driven as the controller drives it.
//! Everything else is a model: etcd's membership, the ledger's compare-and-swap, the group, the instances, the
//! network, time. `docs/decisions/0004` lists what the model leaves out, and why that hides nothing.

mod action;
mod clock;
mod effects;
mod etcd;
pub mod explore;
mod group;
mod hosts;
mod invariants;
mod invoke;
pub mod mutants;
mod observe;
mod owners;
pub mod plans;
pub mod state;
mod step;
mod tables;
mod world;
pub mod worlds;

/// Prints a line. Where nobody reads on, as in `model | head -3`, it ends the program as SIGPIPE would: there is
/// nothing to tidy.
#[macro_export]
macro_rules! outln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        if writeln!(std::io::stdout(), $($text)*).is_err() {
            std::process::exit(141);
        }
    }};
}
