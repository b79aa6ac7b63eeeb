//! Lambda: runs the real function binaries, one process for each concurrent invocation.

mod asynchronous;
mod deployments;
mod functions;
mod log;
mod routes;
mod sandbox;
mod tally;

pub use functions::Functions;
pub use routes::routes;
