//! The states of an instance on its way into its group.

use std::time::SystemTime;

use membership::settings::tags::CLUSTER_TAG;

use super::hooks::Wait;
use super::step::Step;
use super::{hooks, terminate};
use crate::model::activity::Activity;
use crate::model::group::{Member, Route, Zone};
use crate::model::hook::{Ended, Transition};
use crate::model::instance::{Instance, InstanceState};
use crate::model::launch::LaunchSpec;
use crate::model::lifecycle::Lifecycle;
use crate::model::template::{self, Launched};
use crate::model::world::Effect;

/// Launches one instance, in `Pending` for the group or in `Warmed:Pending` for its warm pool.
pub fn one(step: &mut Step<'_>, group_name: &str, cause: String, lifecycle: Lifecycle) {
    let id = format!("i-{}", step.site.hex17());
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    let launched = template::launched(&step.state.templates, group.template()).map_err(|error| error.message);
    let known = |launched: &Launched| step.site.options.etcd_of(&launched.image).is_some();
    let launched = match launched {
        Ok(launched) if known(&launched) => launched,
        Ok(launched) => return refused(step, group_name, cause, &no_image(&launched.image)),
        Err(why) => return refused(step, group_name, cause, &why),
    };
    let zone = emptiest_zone(&group.zones, group.members.values().map(|member| &member.zone));
    let description = format!("Launching a new EC2 instance: {id}");
    let activity = Activity::begin(step.site, group_name, &group.arn, description, cause);
    let instance = Instance {
        id: id.clone(),
        address: step.site.addresses.allocate(),
        image: launched.image.clone(),
        state: InstanceState::Pending,
        since: step.now,
        launched: SystemTime::now(),
        zone: zone.clone(),
        tags: group
            .tags
            .iter()
            .filter(|(_, tag)| tag.propagate)
            .map(|(key, tag)| (key.clone(), tag.value.clone()))
            .chain([("aws:autoscaling:groupName".to_owned(), group_name.to_owned())])
            .collect(),
        reason: None,
        killed: false,
    };
    let spec = LaunchSpec {
        instance: id.clone(),
        address: instance.address,
        image: launched.image,
        group: group_name.to_owned(),
        // On AWS the user data name the cluster, without blanks that the tag may have.
        cluster: group.tags.get(CLUSTER_TAG).map(|tag| tag.value.trim().to_owned()),
        prefix: step.site.options.prefix.clone(),
        boot_delay: step.site.options.boot_delay,
    };
    let member = Member {
        instance: id.clone(),
        zone,
        lifecycle,
        healthy: true,
        protected: group.protect_new,
        weight: group.weight(),
        route: if lifecycle.is_warm() { Route::Pool } else { Route::Launched },
        template: launched.template,
        joined: step.now,
        in_service: None,
        actions: Vec::new(),
        activity: Some(activity.id.clone()),
    };
    group.members.insert(id.clone(), member);
    step.site.timeline.note("lifecycle", &id, format!("{lifecycle} at {} in {group_name}", instance.address));
    step.state.instances.insert(id.clone(), instance);
    step.state.open_activity(activity);
    step.state.effects.push(Effect::Launch(spec));
    step.state.effects.push(Effect::StateChange(id, InstanceState::Pending));
}

fn no_image(image: &str) -> String {
    format!("The image id '[{image}]' does not exist")
}

/// Records a launch that EC2 would refuse: there is no instance, and the next attempt waits.
fn refused(step: &mut Step<'_>, group_name: &str, cause: String, why: &str) {
    let (now, first) = (step.now, step.site.options.launch_backoff);
    let Some(group) = step.state.groups.get_mut(group_name) else { return };
    group.backoff.fail(now, first);
    let description =
        format!("Launching a new EC2 instance.  Status Reason: {why}. Launching EC2 instance failed.");
    let mut activity = Activity::begin(step.site, group_name, &group.arn, description, cause);
    activity.end("Failed", Some(format!("{why}. Launching EC2 instance failed.")));
    step.site.timeline.note("group", group_name, format!("cannot launch: {why}"));
    step.state.open_activity(activity);
}

/// `Pending`, `Warmed:Pending`: the instance waits at the launch hooks, or proceeds where there are none.
pub fn pending(step: &mut Step<'_>, group: &str, instance: &str, wait: Lifecycle, proceed: Lifecycle) {
    if hooks::begin(step, group, instance, Transition::Launching) {
        step.enter(group, instance, wait);
        step.activity_is(group, instance, "MidLifecycleAction", 60);
    } else {
        step.enter(group, instance, proceed);
    }
}

/// `Pending:Wait` and the like: the instance goes on to `then`, or out of the group where its wait was
/// abandoned.
pub fn wait(step: &mut Step<'_>, group: &str, instance: &str, then: Lifecycle) {
    match hooks::state(step, group, instance) {
        Wait::Pending => {}
        Wait::Done => step.enter(group, instance, then),
        Wait::Abandoned(token, ended) => {
            let why = match ended {
                Ended::ByCall => "Lifecycle Action Completed with ABANDON Result",
                Ended::ByTimeout => "Heartbeat Timeout",
            };
            let message = format!(
                "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token {token} was abandoned: {why}"
            );
            terminate::launch_failed(step, group, instance, message);
        }
    }
}

/// `Pending:Proceed`: the instance is in service as soon as EC2 runs it.
pub fn proceed(step: &mut Step<'_>, group: &str, instance: &str) {
    if !step.runs(instance) {
        return;
    }
    step.enter(group, instance, Lifecycle::InService);
    let now = step.now;
    let Some(group) = step.state.groups.get_mut(group) else { return };
    group.backoff = Default::default();
    let Some(member) = group.members.get_mut(instance) else { return };
    member.in_service = Some(now);
    member.route = Route::Launched;
    if let Some(activity) = member.activity.take().and_then(|id| step.state.activity(&id)) {
        activity.end("Successful", None);
    }
}

fn emptiest_zone<'a>(zones: &[Zone], used: impl Iterator<Item = &'a Zone>) -> Zone {
    let used: Vec<_> = used.collect();
    let crowd = |zone: &&Zone| used.iter().filter(|other| ***other == **zone).count();
    let unknown = || Zone { name: String::new(), subnet: String::new() };
    zones.iter().min_by_key(crowd).cloned().unwrap_or_else(unknown)
}
