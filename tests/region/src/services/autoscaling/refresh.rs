//! Instance refreshes (Auto Scaling user guide, "How an instance refresh works in an Auto Scaling group").

use super::replace;
use super::step::Step;
use crate::model::group::{Group, Route};
use crate::model::lifecycle::Lifecycle;
use crate::model::refresh::Strategy;

/// Moves the refresh under way by at most one state.
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

/// Begins the root-volume replacement of the next instance, if enough others are in service.
fn replace_root_volumes(step: &mut Step<'_>, group_name: &str) {
    let next = {
        let Some(group) = step.state.groups.get(group_name) else { return };
        let Some(refresh) = group.refreshes.last() else { return };
        if refresh.status != "InProgress" || refresh.strategy != Strategy::ReplaceRootVolume {
            return;
        }
        // A replacement in place lowers the capacity, whatever the percentages: at least one instance at a
        // time.
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
