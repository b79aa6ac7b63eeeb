//! Lifecycle hooks: the waits, how they end, both timeouts, and the error texts.

use std::time::Duration;

use aws_sdk_autoscaling::types::{InstanceLifecyclePolicy, RetentionAction, RetentionTriggers};
use region::Options;

use crate::support::{Fixture, hook, options, until, what};

/// A region in which a heartbeat of 30 s lasts 0.6 s.
fn hasty() -> Options {
    Options { hook_time_scale: 50.0, ..options() }
}

#[tokio::test]
async fn a_launch_waits_at_its_hook_and_serves_after_continue() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON")]).await;
    let instance = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &instance, "CONTINUE").await.expect("completed");
    assert_eq!(fixture.wait_for(1, "InService").await, [instance]);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_action_that_is_gone_is_refused_with_the_exact_text() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON")]).await;
    let instance = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &instance, "CONTINUE").await.expect("completed");
    let (code, message) = fixture.complete("launch", &instance, "CONTINUE").await.expect_err("it is gone");
    assert_eq!(code, "ValidationError");
    assert_eq!(message, format!("No active Lifecycle Action found with instance ID {instance}"));

    let token = "87654321-4321-4321-4321-210987654321";
    let call = fixture.autoscaling.complete_lifecycle_action().auto_scaling_group_name("g");
    let call =
        call.lifecycle_hook_name("launch").lifecycle_action_token(token).lifecycle_action_result("CONTINUE");
    let (code, message) = what(&call.send().await.expect_err("no such token"));
    assert_eq!(code, "ValidationError");
    assert_eq!(message, format!("No active Lifecycle Action found with token {token}"));

    let call = fixture.autoscaling.record_lifecycle_action_heartbeat().auto_scaling_group_name("g");
    let error =
        call.lifecycle_hook_name("launch").instance_id(&instance).send().await.expect_err("it is gone");
    assert_eq!(what(&error).1, format!("No active Lifecycle Action found with instance ID {instance}"));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_abandoned_launch_is_terminated_through_its_hook_and_replaced() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON"), hook("terminate", 300, "CONTINUE")]).await;
    let first = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &first, "ABANDON").await.expect("abandoned");
    assert_eq!(fixture.wait_for(1, "Terminating:Wait").await, std::slice::from_ref(&first));
    let second = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    assert_ne!(first, second);
    fixture.complete("terminate", &first, "CONTINUE").await.expect("completed");
    until("only the second is left", async || {
        (fixture.states().await == [(second.clone(), "Pending:Wait".to_owned())]).then_some(())
    })
    .await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_heartbeat_that_runs_out_takes_the_default_result() {
    let fixture = Fixture::start(hasty()).await;
    fixture.group(1, &[hook("launch", 30, "CONTINUE")]).await;
    let waiting = fixture.wait_for(1, "Pending:Wait").await;
    assert_eq!(fixture.wait_for(1, "InService").await, waiting);
    fixture.region.shutdown().await;

    let fixture = Fixture::start(hasty()).await;
    fixture.group(1, &[hook("launch", 30, "ABANDON")]).await;
    let first = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    until("the launch is given up and replaced", async || {
        let waiting = fixture.in_state("Pending:Wait").await;
        (!waiting.is_empty() && !waiting.contains(&first)).then_some(())
    })
    .await;
    let activities =
        fixture.autoscaling.describe_scaling_activities().auto_scaling_group_name("g").send().await;
    let activities = activities.expect("activities");
    let cancelled = activities
        .activities()
        .iter()
        .find(|one| one.status_code().is_some_and(|code| code.as_str() == "Cancelled"));
    let message = cancelled.and_then(|one| one.status_message()).expect("a message");
    assert!(message.ends_with("was abandoned: Heartbeat Timeout"), "{message}");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn heartbeats_keep_a_wait_alive_but_not_beyond_one_hundred_of_them() {
    // The heartbeat timeout is 400 ms, which a busy machine can keep, and the whole wait 40 s; heartbeats
    // must not prolong the whole wait.
    let fixture = Fixture::start(Options { hook_time_scale: 75.0, ..options() }).await;
    fixture.group(1, &[hook("launch", 30, "CONTINUE")]).await;
    let instance = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    let mut beats = 0;
    let last = until("the wait ends although it is kept alive", async || {
        let call = fixture.autoscaling.record_lifecycle_action_heartbeat().auto_scaling_group_name("g");
        match call.lifecycle_hook_name("launch").instance_id(&instance).send().await {
            Ok(_) => {
                beats += 1;
                None
            }
            Err(error) => Some(what(&error).1),
        }
    })
    .await;
    assert_eq!(last, format!("No active Lifecycle Action found with instance ID {instance}"));
    assert!(beats > 10, "it was kept alive for {beats} heartbeats only");
    assert_eq!(fixture.wait_for(1, "InService").await, [instance]);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_waiting_termination_no_longer_counts_and_either_result_ends_it() {
    for result in ["CONTINUE", "ABANDON"] {
        let fixture = Fixture::start(options()).await;
        fixture.group(1, &[hook("terminate", 300, "ABANDON")]).await;
        let first = fixture.wait_for(1, "InService").await.remove(0);
        let call = fixture.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(&first);
        call.should_decrement_desired_capacity(false).send().await.expect("terminating");
        assert_eq!(fixture.wait_for(1, "Terminating:Wait").await, std::slice::from_ref(&first));
        let second = fixture.wait_for(1, "InService").await.remove(0);
        assert_ne!(first, second, "the replacement comes while the first still waits");
        fixture.complete("terminate", &first, result).await.expect("completed");
        until("the first is gone", async || (fixture.states().await.len() == 1).then_some(())).await;
        fixture.region.shutdown().await;
    }
}

/// A group of one instance whose first instance was retained, and the ID of that instance.
async fn with_a_retained_instance() -> (Fixture, String) {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("terminate", 300, "ABANDON")]).await;
    let triggers = RetentionTriggers::builder().terminate_hook_abandon(RetentionAction::Retain).build();
    let policy = InstanceLifecyclePolicy::builder().retention_triggers(triggers).build();
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.instance_lifecycle_policy(policy).send().await.expect("updated");
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let call = fixture.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(&first);
    call.should_decrement_desired_capacity(false).send().await.expect("terminating");
    fixture.wait_for(1, "Terminating:Wait").await;
    fixture.complete("terminate", &first, "ABANDON").await.expect("abandoned");
    assert_eq!(fixture.wait_for(1, "Terminating:Retained").await, std::slice::from_ref(&first));
    (fixture, first)
}

#[tokio::test]
async fn an_abandoned_termination_is_retained_where_the_group_says_so_and_runs_on() {
    let (fixture, first) = with_a_retained_instance().await;
    let described = fixture.ec2.describe_instances().instance_ids(&first).send().await.expect("instances");
    let state =
        described.reservations()[0].instances()[0].state().and_then(|state| state.name()).expect("a state");
    assert_eq!(state.as_str(), "running");
    let second = fixture.wait_for(1, "InService").await.remove(0);
    assert_ne!(first, second, "a retained instance does not count");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_retained_instance_is_ended_through_its_group_or_through_ec2() {
    for through_group in [true, false] {
        let (fixture, first) = with_a_retained_instance().await;
        if through_group {
            let call = fixture.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(&first);
            call.should_decrement_desired_capacity(false).send().await.expect("ended");
        } else {
            fixture.ec2.terminate_instances().instance_ids(&first).send().await.expect("ended");
        }
        until("the retained one has left the group", async || {
            fixture.states().await.iter().all(|(instance, _)| *instance != first).then_some(())
        })
        .await;
        fixture.region.shutdown().await;
    }
}

#[tokio::test]
async fn heartbeats_outside_aws_range_are_refused() {
    let fixture = Fixture::start(options()).await;
    fixture.group(0, &[]).await;
    for heartbeat in [29, 7_201] {
        let call =
            fixture.autoscaling.put_lifecycle_hook().auto_scaling_group_name("g").lifecycle_hook_name("h");
        let call =
            call.lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING").heartbeat_timeout(heartbeat);
        assert_eq!(what(&call.send().await.expect_err("refused")).0, "ValidationError");
    }
    let call = fixture.autoscaling.put_lifecycle_hook().auto_scaling_group_name("g").lifecycle_hook_name("h");
    call.lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING")
        .heartbeat_timeout(30)
        .send()
        .await
        .expect("put");
    let hooks = fixture.autoscaling.describe_lifecycle_hooks().auto_scaling_group_name("g").send().await;
    let hooks = hooks.expect("hooks");
    let shown = &hooks.lifecycle_hooks()[0];
    assert_eq!((shown.heartbeat_timeout(), shown.global_timeout()), (Some(30), Some(3_000)));
    assert_eq!(shown.default_result(), Some("ABANDON"));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn launches_that_keep_failing_slow_down() {
    let options = Options { launch_backoff: Duration::from_secs(3_600), ..options() };
    let fixture = Fixture::start(options).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON")]).await;
    let first = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &first, "ABANDON").await.expect("abandoned");
    until("the group is empty and stays so", async || fixture.states().await.is_empty().then_some(())).await;
    let state = fixture.state().await;
    assert_eq!(state["groups"]["g"]["failedLaunches"], 1);
    fixture.region.shutdown().await;
}
