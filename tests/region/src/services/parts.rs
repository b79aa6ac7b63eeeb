//! All services of one region, for those who serve them.

use std::sync::Arc;

use super::events::Events;
use super::gate::Faults;
use super::lambda::Functions;
use super::machines::Machines;
use super::network::Network;
use super::network::links::Links;
use super::s3::Storage;
use super::ssm::Parameters;
use crate::model::site::Site;
use crate::model::world::World;

/// All parts of one region. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// Options, addresses, chance, timeline.
    pub site: Site,
    /// The loopback network of the instances.
    pub network: Arc<Network>,
    /// The links between the instances.
    pub links: Links,
    /// The gate that every call passes.
    pub faults: Faults,
    /// The instances' processes.
    pub machines: Machines,
    /// Lambda.
    pub functions: Functions,
    /// EventBridge.
    pub events: Events,
    /// Auto Scaling groups and EC2 instances.
    pub world: World,
    /// SSM Parameter Store.
    pub parameters: Parameters,
    /// S3.
    pub storage: Storage,
}
