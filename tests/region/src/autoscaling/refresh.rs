//! Instance refreshes (Auto Scaling user guide, "How an instance refresh works in an Auto Scaling group").

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::engine::Step;
use super::model::{Group, Lifecycle, Route};
use super::replace::{self, Maintenance};
use crate::site::timestamp;

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

    fn end(&mut self, status: &'static str, reason: Option<&str>) {
        self.status = status;
        self.ended = Some(SystemTime::now());
        self.reason = reason.map(str::to_owned);
    }
}

/// Moves the refresh under way on by at most one state.
pub fn advance(step: &mut Step<'_>, group_name: &str) {
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    if group.suspends("InstanceRefresh") {
        return;
    }
    let Group { members, refreshes, .. } = group;
    let Some(refresh) = refreshes.last_mut().filter(|refresh| refresh.is_active()) else { return };
    let before = refresh.status;
    match refresh.status {
        "Pending" => refresh.status = "InProgress",
        "Cancelling" => {
            refresh.to_replace.clear();
            refresh.end("Cancelled", Some("Cancelled due to user request."));
        }
        _ => refresh.to_replace.retain(|id| members.get(id).is_some_and(|one| !one.lifecycle.is_leaving())),
    }
    if before != refresh.status {
        step.site.timeline.note("refresh", group_name, refresh.status);
    }
    replace_root_volumes(step, group_name);
    succeed(step, group_name);
}

/// Sends the next of the old instances to its root-volume replacement, if enough others are in service.
fn replace_root_volumes(step: &mut Step<'_>, group_name: &str) {
    let next = {
        let Some(group) = step.state.groups.get(group_name) else { return };
        let Some(refresh) = group.refreshes.last() else { return };
        if refresh.status != "InProgress" || refresh.strategy != Strategy::ReplaceRootVolume {
            return;
        }
        // In place, capacity sinks whatever the percentages: at least one at a time.
        let desired = group.desired as usize;
        let least = refresh.maintenance.bounds(desired).least.min(desired.saturating_sub(1));
        let ready = group.members.values().filter(|one| replace::is_ready(step, group, one)).count();
        let in_service =
            |id: &&String| group.members.get(*id).is_some_and(|one| one.lifecycle == Lifecycle::InService);
        refresh.to_replace.iter().find(in_service).filter(|_| ready > least).cloned()
    };
    let Some(instance) = next else { return };
    if let Some(group) = step.state.groups.get_mut(group_name) {
        if let Some(refresh) = group.refreshes.last_mut() {
            refresh.to_replace.remove(&instance);
        }
        if let Some(member) = group.members.get_mut(&instance) {
            member.route = Route::RootVolume;
        }
    }
    step.enter(group_name, &instance, Lifecycle::ReplacingRootVolume);
}

fn succeed(step: &mut Step<'_>, group_name: &str) {
    let done = step.state.groups.get(group_name).is_some_and(|group| {
        let under_way =
            group.refreshes.last().is_some_and(|one| one.status == "InProgress" && one.to_replace.is_empty());
        let ready = group.members.values().filter(|one| replace::is_ready(step, group, one)).count();
        under_way && group.count() == group.desired as usize && ready >= group.desired as usize
    });
    if !done {
        return;
    }
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    let Some(refresh) = group.refreshes.last_mut() else { return };
    refresh.end("Successful", None);
    if let Some(template) = refresh.template.clone() {
        group.shown.insert("LaunchTemplate".to_owned(), template);
    }
    step.site.timeline.note("refresh", group_name, "Successful");
}

/// As DescribeInstanceRefreshes shows it.
pub fn show(group: &Group, refresh: &Refresh) -> Value {
    let left = refresh.to_replace.len();
    let replaced =
        group.members.values().filter(|one| one.in_service.is_some_and(|at| at >= refresh.began)).count();
    let share = |done: usize| (done.min(refresh.total) * 100).checked_div(refresh.total).unwrap_or(100);
    json!({
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": group.name,
        "Status": refresh.status,
        "StatusReason": refresh.reason,
        "StartTime": timestamp(refresh.started),
        "EndTime": refresh.ended.map(timestamp),
        "PercentageComplete": if refresh.status == "Successful" { 100 } else { share(replaced) },
        "InstancesToUpdate": left,
        "Preferences": refresh.preferences,
        "DesiredConfiguration": refresh.template.as_ref().map(|template| json!({"LaunchTemplate": template})),
        "Strategy": match refresh.strategy {
            Strategy::Rolling => "Rolling",
            Strategy::ReplaceRootVolume => "ReplaceRootVolume",
        },
    })
}
