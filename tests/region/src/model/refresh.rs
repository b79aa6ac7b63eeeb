//! Instance refreshes: what was asked for, and how far each has come.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use serde_json::Value;

use super::maintenance::Maintenance;

/// How a refresh brings outdated instances up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A new instance replaces each of them.
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
    /// The launch template of the desired configuration; it becomes the group's own once the refresh is
    /// successful.
    pub template: Option<Value>,
    /// The preferences as the call gave them.
    pub preferences: Value,
    pub total: usize,
    /// The instances that are still to be replaced.
    pub to_replace: BTreeSet<String>,
    pub began: Instant,
    pub started: SystemTime,
    pub ended: Option<SystemTime>,
    pub reason: Option<String>,
}

impl Refresh {
    /// Whether the refresh is under way; no other may be started then.
    pub fn is_active(&self) -> bool {
        matches!(self.status, "Pending" | "InProgress" | "Cancelling")
    }

    /// Whether the refresh terminates instances now.
    pub fn replaces_instances(&self) -> bool {
        self.status == "InProgress" && self.strategy == Strategy::Rolling
    }

    /// Ends the refresh with a status, and the reason that is shown.
    pub fn end(&mut self, status: &'static str, reason: Option<&str>) {
        self.status = status;
        self.ended = Some(SystemTime::now());
        self.reason = reason.map(str::to_owned);
    }
}
