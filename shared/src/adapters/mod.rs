//! The outside world, one file and one error enum for each service. AWS and HTTP types stop here.

pub mod autoscaling;
mod aws;
pub mod ec2;
pub mod etcd;
pub mod ledger;
pub mod parameters;

pub use aws::{AwsFailure, aws_configuration, chain};
