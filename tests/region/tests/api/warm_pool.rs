//! Warm pools: how instances enter and leave them, and how a pool ends.

use aws_sdk_autoscaling::types::WarmPoolState;

use crate::support::{Fixture, hook, options, until, what};

/// The warm instances with their states.
async fn pool(fixture: &Fixture) -> Vec<(String, String)> {
    let answer = fixture.autoscaling.describe_warm_pool().auto_scaling_group_name("g").send().await;
    let answer = answer.expect("the pool");
    let shown = answer.instances().iter().map(|one| {
        let state = one.lifecycle_state().expect("a state").as_str().to_owned();
        (one.instance_id().expect("an ID").to_owned(), state)
    });
    shown.collect()
}

async fn one_in(fixture: &Fixture, state: &str) -> String {
    until(&format!("one is {state}"), async || {
        pool(fixture).await.into_iter().find(|(_, now)| now == state).map(|(id, _)| id)
    })
    .await
}

/// A group of one instance, with a pool of one instance.
async fn with_a_pool(state: WarmPoolState) -> (Fixture, String) {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON"), hook("terminate", 300, "CONTINUE")]).await;
    let first = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &first, "CONTINUE").await.expect("completed");
    let put = fixture.autoscaling.put_warm_pool().auto_scaling_group_name("g").pool_state(state);
    put.max_group_prepared_capacity(2).send().await.expect("a pool");
    let warm = one_in(&fixture, "Warmed:Pending:Wait").await;
    (fixture, warm)
}

#[tokio::test]
async fn a_warm_instance_waits_at_the_hook_is_stopped_and_serves_when_it_is_needed() {
    let (fixture, warm) = with_a_pool(WarmPoolState::Stopped).await;
    assert!(
        fixture.states().await.iter().all(|(id, _)| *id != warm),
        "it is not among the group's instances"
    );
    let answer = fixture.autoscaling.describe_auto_scaling_instances().instance_ids(&warm).send().await;
    let answer = answer.expect("instances");
    assert_eq!(answer.auto_scaling_instances()[0].lifecycle_state(), Some("Warmed:Pending:Wait"));
    fixture.complete("launch", &warm, "CONTINUE").await.expect("completed");
    assert_eq!(one_in(&fixture, "Warmed:Stopped").await, warm);
    assert_eq!(fixture.ec2_state(&warm).await, "stopped");
    let group = fixture.describe().await;
    assert_eq!(group.warm_pool_size(), Some(1));
    let grow = fixture.autoscaling.set_desired_capacity().auto_scaling_group_name("g").desired_capacity(2);
    grow.send().await.expect("accepted");
    assert_eq!(
        fixture.wait_for(1, "Pending:Wait").await,
        std::slice::from_ref(&warm),
        "it is taken before any is launched"
    );
    fixture.complete("launch", &warm, "CONTINUE").await.expect("completed");
    assert!(fixture.wait_for(2, "InService").await.contains(&warm));
    assert_eq!(fixture.ec2_state(&warm).await, "running");
    assert!(pool(&fixture).await.is_empty(), "what is prepared is all in the group now");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_running_pool_keeps_its_instances_running_and_ends_through_the_hook() {
    let (fixture, warm) = with_a_pool(WarmPoolState::Running).await;
    fixture.complete("launch", &warm, "CONTINUE").await.expect("completed");
    assert_eq!(one_in(&fixture, "Warmed:Running").await, warm);
    let delete = || fixture.autoscaling.delete_warm_pool().auto_scaling_group_name("g");
    delete().send().await.expect("deleted");
    assert_eq!(one_in(&fixture, "Warmed:Terminating:Wait").await, warm);
    fixture.complete("terminate", &warm, "CONTINUE").await.expect("completed");
    until("the pool is gone", async || {
        fixture.describe().await.warm_pool_configuration().is_none().then_some(())
    })
    .await;
    assert_eq!(what(&delete().send().await.expect_err("none is there")).0, "ValidationError");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_abandoned_warm_launch_is_replaced_in_the_pool() {
    let (fixture, warm) = with_a_pool(WarmPoolState::Stopped).await;
    fixture.complete("launch", &warm, "ABANDON").await.expect("abandoned");
    until("another waits", async || {
        let waiting = pool(&fixture).await.into_iter().find(|(_, state)| state == "Warmed:Pending:Wait");
        waiting.filter(|(id, _)| *id != warm)
    })
    .await;
    fixture.region.shutdown().await;
}
