//! The pure core of etcd-asg: what is seen, what is written down, and the next safe step.
//!
//! Nothing here awaits, logs, reads a clock or the environment. [`decide`](decide::decide) takes an
//! [`Observation`](observation::Observation) and the time and returns data; [`Invocation`](invocation::Invocation)
//! is the protocol of one function invocation (claim, look again, act, close) as a state machine over the same
//! data. Whatever performs the effects lives elsewhere.

pub mod alarm;
pub mod change;
pub mod compare;
pub mod decide;
pub mod decision;
pub mod env;
pub mod etcd;
pub mod guard;
pub mod ids;
pub mod instance;
pub mod invocation;
pub mod ledger;
pub mod map_timestamps;
pub mod observation;
pub mod owner;
pub mod quorum;
mod recent;
pub mod report;
pub mod seen;
pub mod settings;
pub mod summary;
mod unreadable;
pub mod version;
mod view;
pub mod words;
