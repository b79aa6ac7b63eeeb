//! What the end-to-end tests, the demo and the benchmark share: a region of their own, groups on it, a client that
//! writes, and what can be seen from outside.

pub mod account;
mod cast;
pub mod chaos;
pub mod check;
pub mod cluster;
pub mod etcd;
pub mod hold;
pub mod image;
pub mod load;
pub mod narrator;
pub mod operator;
pub mod stage;
pub mod wait;
pub mod witness;
