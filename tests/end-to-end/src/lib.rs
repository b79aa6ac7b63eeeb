//! What the end-to-end tests, the demo and the benchmark share: a region of their own, groups on it, a client that
//! writes, and what can be seen from outside.

pub mod account;
pub mod check;
pub mod cluster;
pub mod etcd;
pub mod image;
pub mod load;
pub mod narrator;
pub mod stage;
pub mod wait;
