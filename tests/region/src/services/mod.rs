//! The services of a region: the APIs that calls go to, and the machines, functions and networks behind them.

pub mod autoscaling;
pub mod ec2;
pub mod effects;
pub mod events;
pub mod gate;
pub mod lambda;
pub mod machines;
pub mod network;
pub mod parts;
pub mod proxy;
pub mod s3;
pub mod ssm;
