//! A local region for development, tests and the demo: the wire protocols of the AWS APIs that etcd-asg uses,
//! spoken on loopback to the real clients, with real processes behind them. Linux only.
//!
//! [`Region::start`] brings one up; several can run in one process or in many at once, each on a port and a
//! network of its own.

#[cfg(not(target_os = "linux"))]
compile_error!("the local region runs on Linux only: it relies on 127.0.0.0/8 and on /proc");

mod model;
mod region;
mod router;
mod services;
mod wire;

pub use model::launch::LaunchSpec;
pub use model::options::{self, Options};
pub use model::site;
pub use region::Region;
pub use services::machines;
pub use services::network::Network;
pub use services::parts::Parts;
