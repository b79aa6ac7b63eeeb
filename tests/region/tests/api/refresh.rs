//! Instance refreshes: launching first and terminating first, their progress, their end and the error texts.

use aws_sdk_autoscaling::types::{
    DesiredConfiguration, Instance, InstanceRefresh, LaunchTemplateSpecification, RefreshPreferences,
};

use crate::support::{Fixture, hook, options, until, what};

fn preferences(min: i32, max: i32) -> RefreshPreferences {
    RefreshPreferences::builder().min_healthy_percentage(min).max_healthy_percentage(max).build()
}

async fn start(fixture: &Fixture, preferences: RefreshPreferences) -> String {
    let call = fixture.autoscaling.start_instance_refresh().auto_scaling_group_name("g");
    let answer = call.preferences(preferences).send().await.expect("started");
    answer.instance_refresh_id().expect("an ID").to_owned()
}

async fn last(fixture: &Fixture) -> InstanceRefresh {
    let call = fixture.autoscaling.describe_instance_refreshes().auto_scaling_group_name("g");
    call.send().await.expect("refreshes").instance_refreshes().first().expect("a refresh").clone()
}

fn status(refresh: &InstanceRefresh) -> String {
    refresh.status().expect("a status").as_str().to_owned()
}

/// Completes every waiting launch until the refresh has ended; returns the fewest instances in service and
/// the most that counted at any time.
async fn watch(fixture: &Fixture) -> (usize, usize) {
    let (mut fewest, mut largest) = (usize::MAX, 0);
    until("the refresh has ended", async || {
        let states = fixture.states().await;
        let count = |wanted: &str| states.iter().filter(|(_, state)| state.starts_with(wanted)).count();
        fewest = fewest.min(count("InService"));
        largest = largest.max(count("InService") + count("Pending"));
        for instance in fixture.in_state("Pending:Wait").await {
            let _gone_meanwhile = fixture.complete("launch", &instance, "CONTINUE").await;
        }
        (status(&last(fixture).await) == "Successful").then_some(())
    })
    .await;
    (fewest, largest)
}

async fn three() -> (Fixture, Vec<String>) {
    let fixture = Fixture::start(options()).await;
    fixture.group(3, &[hook("launch", 300, "ABANDON")]).await;
    for instance in fixture.wait_for(3, "Pending:Wait").await {
        fixture.complete("launch", &instance, "CONTINUE").await.expect("completed");
    }
    let old = fixture.wait_for(3, "InService").await;
    (fixture, old)
}

#[tokio::test]
async fn every_instance_is_replaced_launching_first() {
    let (fixture, old) = three().await;
    let id = start(&fixture, preferences(100, 110)).await;
    assert_eq!(last(&fixture).await.instance_refresh_id(), Some(id.as_str()));
    assert_eq!(watch(&fixture).await, (3, 4), "never fewer than three in service, one more at most");
    let new = fixture.wait_for(3, "InService").await;
    assert!(old.iter().all(|id| !new.contains(id)), "{old:?}, {new:?}");
    let refresh = last(&fixture).await;
    assert_eq!((refresh.percentage_complete(), refresh.instances_to_update()), (Some(100), Some(0)));
    assert!(refresh.end_time().is_some());
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn every_instance_is_replaced_terminating_first_one_at_a_time() {
    let (fixture, old) = three().await;
    start(&fixture, preferences(66, 100)).await;
    assert_eq!(watch(&fixture).await, (2, 3), "never fewer than two in service, nor more than three there");
    let new = fixture.wait_for(3, "InService").await;
    assert!(old.iter().all(|id| !new.contains(id)), "{old:?}, {new:?}");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn only_one_refresh_at_a_time_and_a_cancelled_one_leaves_the_rest_as_they_are() {
    let (fixture, old) = three().await;
    let cancel = || fixture.autoscaling.cancel_instance_refresh().auto_scaling_group_name("g");
    let (code, message) = what(&cancel().send().await.expect_err("none is there"));
    let expected = "No in progress or pending Instance Refresh found for Auto Scaling group g";
    assert_eq!((code.as_str(), message.as_str()), ("ActiveInstanceRefreshNotFound", expected));
    start(&fixture, preferences(100, 110)).await;
    let again = fixture.autoscaling.start_instance_refresh().auto_scaling_group_name("g").send().await;
    assert_eq!(what(&again.expect_err("one is there")).0, "InstanceRefreshInProgress");
    fixture.wait_for(1, "Pending:Wait").await;
    assert_eq!(last(&fixture).await.instances_to_update(), Some(3));
    cancel().send().await.expect("cancelled");
    until("it is cancelled", async || (status(&last(&fixture).await) == "Cancelled").then_some(())).await;
    assert_eq!(cancel().send().await.map_err(|e| what(&e).0).unwrap_err(), "ActiveInstanceRefreshNotFound");
    until("the group is at its desired capacity", async || {
        let states = fixture.states().await;
        (states.len() == 3 && states.iter().filter(|(id, _)| old.contains(id)).count() >= 2).then_some(())
    })
    .await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_desired_configuration_is_launched_and_becomes_the_groups_own_and_what_matches_is_skipped() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[]).await;
    fixture.wait_for(2, "InService").await;
    let template = LaunchTemplateSpecification::builder().launch_template_name("etcd").version("2").build();
    let wanted = DesiredConfiguration::builder().launch_template(template.clone()).build();
    let go = async |preferences: RefreshPreferences| {
        let call = fixture.autoscaling.start_instance_refresh().auto_scaling_group_name("g");
        call.desired_configuration(wanted.clone()).preferences(preferences).send().await.expect("started");
    };
    // The launch is held, so that the refresh cannot end before the next call meets it.
    let hold = fixture.autoscaling.suspend_processes().auto_scaling_group_name("g");
    hold.scaling_processes("InstanceRefresh").send().await.expect("held");
    go(preferences(100, 200)).await;
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    let (_, message) = what(&update.launch_template(template.clone()).send().await.expect_err("refused"));
    let go_on = fixture.autoscaling.resume_processes().auto_scaling_group_name("g");
    go_on.scaling_processes("InstanceRefresh").send().await.expect("resumed");
    assert!(
        message.starts_with("An active instance refresh with a desired configuration exists."),
        "{message}"
    );
    until("it is done", async || (status(&last(&fixture).await) == "Successful").then_some(())).await;
    let group = fixture.describe().await;
    assert_eq!(group.launch_template(), Some(&template));
    let serves = |one: &&Instance| one.lifecycle_state().is_some_and(|state| state.as_str() == "InService");
    let serving: Vec<_> = group.instances().iter().filter(serves).collect();
    assert_eq!(serving.len(), 2);
    assert!(serving.iter().all(|one| one.launch_template() == Some(&template)), "{serving:?}");
    let before = fixture.wait_for(2, "InService").await;
    let skip = RefreshPreferences::builder().skip_matching(true).min_healthy_percentage(100);
    go(skip.build()).await;
    until("it is done", async || (status(&last(&fixture).await) == "Successful").then_some(())).await;
    assert_eq!(fixture.in_state("InService").await, before, "all match");
    fixture.region.shutdown().await;
}
