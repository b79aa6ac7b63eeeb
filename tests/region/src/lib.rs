//! A local region for development, tests and the demo: the wire protocols of the AWS APIs that etcd-asg uses,
//! spoken on loopback to the real clients, with real processes behind them. Linux only.
//!
//! [`Region::start`] brings one up; several can run in one process or in many at once, each on a port and a
//! network of its own.

#[cfg(not(target_os = "linux"))]
compile_error!("the local region runs on Linux only: it relies on 127.0.0.0/8 and on /proc");

mod autoscaling;
mod ec2;
pub mod events;
pub mod faults;
mod http;
pub mod lambda;
pub mod machines;
pub mod network;
pub mod options;
mod page;
pub mod proxy;
mod region;
mod s3;
pub mod site;
mod ssm;
mod state;
pub mod timeline;
mod world;

pub use network::Network;
pub use options::Options;
pub use region::{Parts, Region};
pub use site::Site;
pub use timeline::Timeline;
