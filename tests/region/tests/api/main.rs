//! The region's APIs, driven by the official clients. Instances are only records here: no etcd is needed.

mod events;
mod gate;
mod groups;
mod hooks;
mod instances;
mod ledgers;
mod parameters;
mod support;
