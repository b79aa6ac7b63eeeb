//! What the region does: the services that its calls go to, and what runs behind them.

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
