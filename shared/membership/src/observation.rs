//! All that one round saw.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::etcd::EtcdView;
use crate::ids::{ClusterName, InstanceId};
use crate::instance::{Instance, Transition};
use crate::ledger::{GroupIdentity, Ledger};
use crate::owner::Ownership;
use crate::report::HostReport;
use crate::settings::Settings;

pub use crate::seen::{Seen, Unseen};

/// No lifecycle action waits longer, whatever its hook says (EC2 Auto Scaling user guide, lifecycle hooks).
pub const LONGEST_WAIT: Duration = Duration::from_secs(48 * 3600);

/// The shortest heartbeat timeout that can be kept alive. The schedule's ticks are a minute apart and precise to the
/// minute (Amazon EventBridge user guide), and the invocations between them renew a hook until eight seconds before
/// they end. With 60 s a tick may then be 40 s late.
pub const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(60);

/// The tag with which an operator means the end of a cluster.
pub const END_TAG: &str = "etcd-asg:end";

/// What the tag `etcd-asg:end` has to say for this generation to end. It names the generation, so that it is spent
/// with it.
pub fn end_word(generation: u32) -> String {
    format!("destroy-{generation}")
}

/// A lifecycle hook of the group that belongs to etcd-asg.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Hook {
    /// The hook's name.
    pub name: String,
    /// The heartbeat timeout.
    pub heartbeat: Duration,
}

impl Hook {
    /// The longest that heartbeats can keep an action waiting: the smaller of 48 hours and 100 heartbeats
    /// (EC2 Auto Scaling user guide, lifecycle hooks).
    pub fn cap(&self) -> Duration {
        (self.heartbeat * 100).min(LONGEST_WAIT)
    }
}

/// The group and its instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Group {
    /// Name, ARN and VPC. The VPC is empty while no instance tells it.
    pub identity: GroupIdentity,
    /// The desired capacity.
    pub desired: usize,
    /// The maximum size. 0 ends the cluster where `end` means it, and nothing else does.
    pub max: usize,
    /// The value of the tag `etcd-asg:end`: the operator's word that the cluster may end with its data.
    pub end: Option<String>,
    /// The launch hook of etcd-asg, or why the group has none that can be used.
    pub launch_hook: Result<Hook, String>,
    /// The terminate hook of etcd-asg, or why the group has none that can be used.
    pub terminate_hook: Result<Hook, String>,
    /// Whether the group retains an instance whose terminate hook is abandoned.
    pub retains: bool,
    /// Whether the group's warm pool takes instances back on scale-in (`InstanceReusePolicy`).
    pub reuses: bool,
    /// What the desired capacity counts, in words, where it does not count instances.
    pub units: Option<String>,
    /// How many units of the desired capacity an instance counts for, where it is not one.
    pub weights: BTreeMap<InstanceId, usize>,
    /// Every instance of the group, and every instance that the ledger names and EC2 still lists.
    pub instances: Vec<Instance>,
    /// The settings of this cluster.
    #[serde(skip)]
    pub settings: Settings,
}

impl Group {
    /// The hook of this transition, or why the group has none that can be used.
    pub fn hook(&self, transition: Transition) -> Result<&Hook, &str> {
        match transition {
            Transition::Launch => self.launch_hook.as_ref().map_err(String::as_str),
            Transition::Terminate => self.terminate_hook.as_ref().map_err(String::as_str),
        }
    }

    /// How much of the desired capacity these instances make up.
    pub fn capacity_of<'a>(&self, instances: impl Iterator<Item = &'a InstanceId>) -> usize {
        instances.map(|id| self.weights.get(id).copied().unwrap_or(1)).sum()
    }

    /// The hooks of etcd-asg whose heartbeat timeout is shorter than can be kept alive.
    pub fn hooks_too_short(&self) -> impl Iterator<Item = (Transition, Duration)> {
        let timeouts =
            [Transition::Launch, Transition::Terminate].map(|t| (t, self.hook(t).map(|h| h.heartbeat)));
        let known =
            timeouts.into_iter().filter_map(|(transition, timeout)| Some((transition, timeout.ok()?)));
        known.filter(|(_, timeout)| *timeout < SHORTEST_HEARTBEAT)
    }

    /// The instance with this ID.
    pub fn instance(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.iter().find(|i| i.id == *id)
    }
}

/// What stands in the Parameter Store for one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Parameters {
    /// The value of `initial-cluster`.
    pub initial_cluster: Option<String>,
    /// The client URLs in `endpoints`.
    pub endpoints: Option<Vec<String>>,
    /// The env file of each instance that has one.
    pub envs: BTreeMap<InstanceId, String>,
}

/// What came of looking up a host's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Resolved {
    /// The addresses that it has.
    Addresses(Vec<IpAddr>),
    /// It has none, or nothing answered. The text says why.
    Nowhere(String),
}

/// All that one round saw. The instances are read first, then ledger and parameters, then etcd.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Observation {
    /// The cluster that was looked at.
    pub cluster: ClusterName,
    /// The group and its instances.
    pub group: Seen<Group>,
    /// Whose group it is.
    pub owner: Seen<Ownership>,
    /// The ledger. `Known(None)` when there certainly is none.
    pub ledger: Seen<Option<Ledger>>,
    /// What stands in the Parameter Store.
    pub parameters: Seen<Parameters>,
    /// What etcd's servers said.
    pub etcd: EtcdView,
    /// What the names in peer URLs mean where the functions run. Looked up only where a cluster may be adopted.
    pub names: BTreeMap<String, Resolved>,
    /// The last words of hosts that are waited for, or were given up. They are only quoted.
    pub reports: BTreeMap<InstanceId, HostReport>,
}

impl Observation {
    /// Whether the services told everything that they were asked for. What etcd told is another matter.
    pub fn is_whole(&self) -> bool {
        let documents = self.ledger.known().is_some() && self.parameters.known().is_some();
        documents && self.group.known().is_some() && self.owner.known().is_some()
    }
}
