//! All services of one region together.

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
    /// Options, addresses, randomness and timeline.
    pub site: Site,
    /// The loopback network of the instances.
    pub network: Arc<Network>,
    /// The links between the instances.
    pub links: Links,
    /// The gate that every call passes.
    pub faults: Faults,
    /// The instances' processes.
    pub machines: Machines,
    /// Lambda's functions.
    pub functions: Functions,
    /// The event bus of EventBridge.
    pub events: Events,
    /// Auto Scaling groups and EC2 instances.
    pub world: World,
    /// The parameters of SSM Parameter Store.
    pub parameters: Parameters,
    /// The buckets and objects of S3.
    pub storage: Storage,
}
