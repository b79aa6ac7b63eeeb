//! Instance refreshes: what was asked for, and how far each has come.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use serde_json::Value;

use super::maintenance::Maintenance;

/// How outdated instances are brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Each is replaced by a new instance.
    Rolling,
    /// Each keeps its ID and address and gets a new root volume.
    ReplaceRootVolume,
}

/// An instance refresh.
#[derive(Clone, Debug)]
pub struct Refresh {
    pub id: String,
    pub strategy: Strategy,
    pub status: &'static str,
    pub maintenance: Maintenance,
    /// Seconds from `InService` until an instance counts as ready.
    pub warmup: u32,
    /// The desired configuration's launch template, where there is one: the group's own once this is successful.
    pub template: Option<Value>,
    /// The preferences as they were given.
    pub preferences: Value,
    pub total: usize,
    /// The instances that are still the old ones.
    pub to_replace: BTreeSet<String>,
    pub began: Instant,
    pub started: SystemTime,
    pub ended: Option<SystemTime>,
    pub reason: Option<String>,
}

impl Refresh {
    /// Whether it is under way: no other may be started.
    pub fn is_active(&self) -> bool {
        matches!(self.status, "Pending" | "InProgress" | "Cancelling")
    }

    /// Whether it has instances terminated now.
    pub fn replaces_instances(&self) -> bool {
        self.status == "InProgress" && self.strategy == Strategy::Rolling
    }

    /// Ends it with this status, and the reason that is shown.
    pub fn end(&mut self, status: &'static str, reason: Option<&str>) {
        self.status = status;
        self.ended = Some(SystemTime::now());
        self.reason = reason.map(str::to_owned);
    }
}
