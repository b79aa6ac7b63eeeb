//! The shared parts of the end-to-end tests, the chaos runs, the demo and the benchmark: a local region with
//! the real functions and real etcd, groups on it, clients that write, and checks of everything that can be
//! seen from outside.

pub mod account;
pub mod chaos;
pub mod check;
pub mod cluster;
pub mod etcd;
pub mod hold;
pub mod image;
mod instances;
pub mod load;
pub mod narrator;
pub mod operator;
pub mod stage;
pub mod wait;
pub mod witness;

/// Prints a line to a reader who may have left, as in `demo | head -3`. `println!` panics then, and what was
/// started would not be ended.
#[macro_export]
macro_rules! outln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}
