//! Suspended processes, standby, detaching and attaching.

use std::time::Duration;

use crate::support::{Fixture, hook, options, until, what};

/// Long enough for the engine to do what it must not do.
const AWHILE: Duration = Duration::from_millis(400);

#[tokio::test]
async fn suspended_processes_are_shown_and_do_nothing_until_resumed() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let suspend = fixture.autoscaling.suspend_processes().auto_scaling_group_name("g");
    suspend
        .scaling_processes("Launch")
        .scaling_processes("ReplaceUnhealthy")
        .send()
        .await
        .expect("suspended");
    let group = fixture.describe().await;
    let shown: Vec<_> = group.suspended_processes().iter().filter_map(|one| one.process_name()).collect();
    assert_eq!(shown, ["Launch", "ReplaceUnhealthy"]);
    fixture.set_unhealthy(&first).await;
    let grow = fixture.autoscaling.set_desired_capacity().auto_scaling_group_name("g").desired_capacity(2);
    grow.send().await.expect("accepted");
    tokio::time::sleep(AWHILE).await;
    assert_eq!(fixture.states().await, [(first.clone(), "InService".to_owned())]);
    fixture.autoscaling.resume_processes().auto_scaling_group_name("g").send().await.expect("resumed");
    until("two new ones serve", async || {
        let serving = fixture.in_state("InService").await;
        (serving.len() == 2 && !serving.contains(&first)).then_some(())
    })
    .await;
    let unknown = fixture.autoscaling.suspend_processes().auto_scaling_group_name("g");
    let (code, _) = what(&unknown.scaling_processes("Dance").send().await.expect_err("refused"));
    assert_eq!(code, "ValidationError");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn terminate_suspended_keeps_what_is_too_much() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[]).await;
    let both = fixture.wait_for(2, "InService").await;
    let suspend = fixture.autoscaling.suspend_processes().auto_scaling_group_name("g");
    suspend.scaling_processes("Terminate").send().await.expect("suspended");
    let shrink = fixture.autoscaling.set_desired_capacity().auto_scaling_group_name("g").desired_capacity(1);
    shrink.send().await.expect("accepted");
    tokio::time::sleep(AWHILE).await;
    assert_eq!(fixture.in_state("InService").await, both);
    fixture.autoscaling.resume_processes().auto_scaling_group_name("g").send().await.expect("resumed");
    fixture.wait_for(1, "InService").await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_detached_instance_is_attached_again_without_a_hook_and_the_group_grows() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[hook("launch", 300, "ABANDON")]).await;
    for instance in fixture.wait_for(2, "Pending:Wait").await {
        fixture.complete("launch", &instance, "CONTINUE").await.expect("completed");
    }
    let both = fixture.wait_for(2, "InService").await;
    let attach =
        || fixture.autoscaling.attach_instances().auto_scaling_group_name("g").instance_ids(&both[1]);
    let (code, message) = what(&attach().send().await.expect_err("it is in the group"));
    assert_eq!(code, "ValidationError");
    assert!(message.ends_with("is already part of AutoScalingGroup:g"), "{message}");
    let detach = fixture.autoscaling.detach_instances().auto_scaling_group_name("g").instance_ids(&both[1]);
    detach.should_decrement_desired_capacity(true).send().await.expect("detached");
    until("it is out", async || (fixture.states().await.len() == 1).then_some(())).await;
    attach().send().await.expect("attached");
    assert_eq!(fixture.describe().await.desired_capacity(), Some(2));
    assert_eq!(fixture.wait_for(2, "InService").await, both);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn attaching_beyond_the_maximum_is_refused() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[]).await;
    let both = fixture.wait_for(2, "InService").await;
    let detach = fixture.autoscaling.detach_instances().auto_scaling_group_name("g").instance_ids(&both[1]);
    detach.should_decrement_desired_capacity(true).send().await.expect("detached");
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g").max_size(1);
    update.send().await.expect("updated");
    until("it is out", async || (fixture.states().await.len() == 1).then_some(())).await;
    let attach = fixture.autoscaling.attach_instances().auto_scaling_group_name("g").instance_ids(&both[1]);
    let (code, message) = what(&attach.send().await.expect_err("too many"));
    assert_eq!(code, "ValidationError");
    assert!(message.contains("max-size=1"), "{message}");
    fixture.region.shutdown().await;
}
