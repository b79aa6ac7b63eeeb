//! A local region for development, tests and the demo: the wire protocols of the AWS APIs that etcd-asg uses,
//! spoken on loopback to the real clients, with real processes behind them. Linux only.
//!
//! [`Region::start`] starts a region. Several can run at once, in one process or in many, each on its own
//! port and network.
//!
//! The modules form layers, and imports only go down: `router` → `services` → `model` → `wire`.

#[cfg(not(target_os = "linux"))]
compile_error!("the local region runs on Linux only: it relies on 127.0.0.0/8 and on /proc");

mod model;
mod region;
mod router;
mod services;
mod wire;

pub use model::launch::LaunchSpec;
pub use model::options::{self, Options};
pub use region::Region;
pub use services::machines;
pub use services::network::Network;
pub use services::parts::Parts;

/// What a client of the region needs to sign its calls.
pub mod site {
    pub use crate::model::site::{REGION, SECRET_ACCESS_KEY};
}
