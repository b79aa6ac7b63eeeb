//! A local region for development, tests and the demo: the wire protocols of the AWS APIs that etcd-asg uses,
//! spoken on loopback to the real clients, with real processes behind them. Linux only.
//!
//! [`Region::start`] brings one up; several can run in one process or in many at once, each on a port and a
//! network of its own.

#[cfg(not(target_os = "linux"))]
compile_error!("the local region runs on Linux only: it relies on 127.0.0.0/8 and on /proc");

pub mod autoscaling;
pub mod ec2;
pub mod events;
pub mod faults;
pub mod http;
pub mod lambda;
pub mod machines;
mod network;
pub mod options;
pub mod proxy;
mod region;
pub mod s3;
pub mod site;
pub mod ssm;
pub mod state;
pub mod timeline;
pub mod world;

pub use network::Network;
pub use options::Options;
pub use region::Region;
pub use site::Site;
pub use timeline::Timeline;
