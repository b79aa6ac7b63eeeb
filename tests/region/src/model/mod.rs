//! The state of a region: its options, groups, instances, faults and timeline. Nothing here does I/O.

pub mod activity;
pub mod addresses;
pub mod faults;
pub mod group;
pub mod hook;
pub mod instance;
pub mod launch;
pub mod lifecycle;
pub mod maintenance;
pub mod options;
pub mod refresh;
pub mod site;
pub mod template;
pub mod time;
pub mod timeline;
pub mod world;
