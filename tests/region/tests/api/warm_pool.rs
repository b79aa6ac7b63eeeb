//! Warm pools: how instances enter and leave them, and how a pool ends.

use aws_sdk_autoscaling::types::{
    InstanceReusePolicy, LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification,
    MixedInstancesPolicy, WarmPoolState,
};

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

/// Scale-in returns an instance to a pool that takes instances back. It waits at the terminate hook in the state of a
/// launch into the pool, so only the terminate hook can be completed; then it is stopped, and comes back when it is needed.
#[tokio::test]
async fn scale_in_returns_an_instance_to_a_pool_that_reuses() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON"), hook("terminate", 300, "CONTINUE")]).await;
    let first = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &first, "CONTINUE").await.expect("completed");
    fixture.wait_for(1, "InService").await;
    let policy = InstanceReusePolicy::builder().reuse_on_scale_in(true).build();
    let put = fixture.autoscaling.put_warm_pool().auto_scaling_group_name("g").instance_reuse_policy(policy);
    put.max_group_prepared_capacity(1).send().await.expect("a pool");
    let group = fixture.describe().await;
    let shown = group.warm_pool_configuration().and_then(|pool| pool.instance_reuse_policy());
    assert_eq!(shown.and_then(|policy| policy.reuse_on_scale_in()), Some(true));
    let resize = |desired| {
        fixture
            .autoscaling
            .set_desired_capacity()
            .auto_scaling_group_name("g")
            .desired_capacity(desired)
            .send()
    };
    resize(0).await.expect("accepted");
    assert_eq!(one_in(&fixture, "Warmed:Pending:Wait").await, first);
    let refused = fixture.complete("launch", &first, "CONTINUE").await.expect_err("no such action");
    assert!(refused.1.contains("No active Lifecycle Action found"), "{refused:?}");
    fixture.complete("terminate", &first, "CONTINUE").await.expect("completed");
    assert_eq!(one_in(&fixture, "Warmed:Stopped").await, first);
    assert_eq!(fixture.ec2_state(&first).await, "stopped");
    resize(1).await.expect("accepted");
    assert_eq!(fixture.wait_for(1, "Pending:Wait").await, std::slice::from_ref(&first));
}

/// A stopped instance keeps its ID and its address. Its group takes it for unhealthy, as Auto Scaling does, and ends it.
#[tokio::test]
async fn an_instance_that_is_stopped_through_ec2_is_replaced_by_its_group() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    fixture.ec2.stop_instances().instance_ids(&first).send().await.expect("stopped");
    until("it is out of its group", async || {
        fixture.states().await.iter().all(|(id, _)| *id != first).then_some(())
    })
    .await;
    let again = fixture.ec2.start_instances().instance_ids(&first).send().await.expect_err("it has ended");
    assert_eq!(what(&again).0, "IncorrectInstanceState");
}

/// The sizes of a group of weighted instances count their weights.
#[tokio::test]
async fn weighted_instances_count_their_weights() {
    let fixture = Fixture::start(options()).await;
    let template = LaunchTemplateSpecification::builder().launch_template_name("any").version("1").build();
    let heavy = LaunchTemplateOverrides::builder().instance_type("m7g.large").weighted_capacity("2").build();
    let launch = LaunchTemplate::builder().launch_template_specification(template).overrides(heavy).build();
    let mixed = MixedInstancesPolicy::builder().launch_template(launch).build();
    let group = fixture.autoscaling.create_auto_scaling_group().auto_scaling_group_name("g").min_size(0);
    let group = group.max_size(18).desired_capacity(6).availability_zones("us-west-2a");
    group.mixed_instances_policy(mixed).send().await.expect("created");
    fixture.wait_for(3, "InService").await;
    let described = fixture.describe().await;
    assert_eq!(described.instances().len(), 3);
    assert!(described.instances().iter().all(|one| one.weighted_capacity() == Some("2")));
    let shrink = fixture.autoscaling.set_desired_capacity().auto_scaling_group_name("g").desired_capacity(4);
    shrink.send().await.expect("accepted");
    until("two are left", async || (fixture.describe().await.instances().len() == 2).then_some(())).await;
}
