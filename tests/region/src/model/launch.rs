//! The description of a machine to start.

use std::net::Ipv4Addr;
use std::time::Duration;

/// A machine to be started.
#[derive(Clone, Debug)]
pub struct LaunchSpec {
    /// The instance's ID.
    pub instance: String,
    /// The instance's private address, from `Addresses::allocate`.
    pub address: Ipv4Addr,
    /// The ID of its image, which decides which etcd is installed.
    pub image: String,
    /// The name of its Auto Scaling group.
    pub group: String,
    /// The value of the group's tag `etcd-asg:cluster`.
    pub cluster: Option<String>,
    /// The parameters' prefix.
    pub prefix: String,
    /// From the launch to the boot script's start.
    pub boot_delay: Duration,
}
