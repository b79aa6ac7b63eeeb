//! The region's APIs, driven by the official clients. Instances are only records here: no etcd is needed.

// Clippy does not recognise the helper functions that only tests call.
#![allow(clippy::expect_used, clippy::panic)]

mod events;
mod gate;
mod groups;
mod hooks;
mod instances;
mod ledgers;
mod page;
mod parameters;
mod processes;
mod refresh;
mod replacement;
mod root_volume;
mod support;
mod templates;
mod warm_pool;
