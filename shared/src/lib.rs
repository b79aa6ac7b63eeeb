//! The imperative shell around the pure core `membership`: observe, decide, claim, act, close.
//!
//! [`controller::Controller`] drives [`membership::invocation::Invocation`] with the real clients. Nothing here
//! decides anything about a cluster. Nothing in the core knows of AWS, HTTP or a clock.

pub mod adapters;
pub mod config;
pub mod controller;
pub mod event;
pub mod execute;
pub mod function;
mod naming;
mod observe;
pub mod services;
pub mod telemetry;
