//! The clients of the services: one file and one error enum for each service. Types of AWS and HTTP stay in here.

pub mod autoscaling;
mod aws;
pub mod ec2;
mod ended;
pub mod etcd;
pub mod hooks;
pub mod ledger;
pub mod parameters;
pub mod reports;

pub use aws::{AwsFailure, aws_configuration, chain};
pub use ended::Ended;
