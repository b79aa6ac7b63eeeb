//! What a machine is started with.

use std::net::Ipv4Addr;
use std::time::Duration;

/// A machine to be started.
#[derive(Clone, Debug)]
pub struct LaunchSpec {
    /// The instance's ID.
    pub instance: String,
    /// Its address, from [`Addresses::allocate`](super::addresses::Addresses::allocate).
    pub address: Ipv4Addr,
    /// Its image: which etcd is on it.
    pub image: String,
    /// The group's name.
    pub group: String,
    /// The value of the group's tag `etcd-asg:cluster`.
    pub cluster: Option<String>,
    /// The parameters' prefix.
    pub prefix: String,
    /// From the launch to the boot script's start.
    pub boot_delay: Duration,
}
