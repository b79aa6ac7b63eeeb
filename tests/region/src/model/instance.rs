//! Instances as EC2 sees them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Instant, SystemTime};

use super::group::Zone;

/// The state of an instance in EC2. A warm pool and StopInstances stop an instance without ending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

/// An EC2 instance. It stays listed for an hour after its end.
#[derive(Clone, Debug)]
pub struct Instance {
    pub id: String,
    pub address: Ipv4Addr,
    /// The ID of its image, which decides which etcd is installed.
    pub image: String,
    pub state: InstanceState,
    pub since: Instant,
    pub launched: SystemTime,
    pub zone: Zone,
    pub tags: BTreeMap<String, String>,
    /// The code and the message of its last change of state.
    pub reason: Option<(&'static str, &'static str)>,
    /// Whether its processes are known to be gone.
    pub killed: bool,
}

/// A root-volume replacement that was asked for.
#[derive(Clone, Debug)]
pub struct RootVolumeTask {
    pub id: String,
    pub instance: String,
    /// Whether the instance's group asked for it and waits for it.
    pub for_group: bool,
    pub started: SystemTime,
    pub succeeded: Option<SystemTime>,
}

impl InstanceState {
    /// EC2's number of the state.
    pub fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// Whether the instance runs, or will: it can be in service.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    /// Whether the instance has ended or is ending: it never runs again.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        })
    }
}
