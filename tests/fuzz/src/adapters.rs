//! What the parsers refer to of the crate that they were taken from.

/// As in `shared/src/adapters/autoscaling.rs`.
pub mod autoscaling {
    /// The tag that makes a group ours.
    pub const CLUSTER_TAG: &str = "etcd-asg:cluster";
}
