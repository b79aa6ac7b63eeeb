//! Replacing unhealthy instances within a maintenance policy.

use crate::support::{Fixture, hook, options, until, what};

#[tokio::test]
async fn with_a_policy_the_replacement_is_in_service_before_the_unhealthy_one_is_told_to_go() {
    let fixture = Fixture::start(options()).await;
    fixture.group(3, &[hook("launch", 300, "ABANDON")]).await;
    for instance in fixture.wait_for(3, "Pending:Wait").await {
        fixture.complete("launch", &instance, "CONTINUE").await.expect("completed");
    }
    let old = fixture.wait_for(3, "InService").await;
    fixture.maintain(100, 200).await;
    fixture.set_unhealthy(&old[0]).await;
    fixture.set_unhealthy(&old[1]).await;
    let new = fixture.wait_for(2, "Pending:Wait").await;
    assert_eq!(fixture.in_state("InService").await, old, "both stay while their replacements launch");
    fixture.complete("launch", &new[0], "CONTINUE").await.expect("completed");
    until("one may go", async || (!fixture.states().await.iter().any(|(id, _)| *id == old[0])).then_some(()))
        .await;
    let left = fixture.in_state("InService").await;
    assert!(left.contains(&old[1]), "the other waits for its own replacement: {left:?}");
    fixture.complete("launch", &new[1], "CONTINUE").await.expect("completed");
    until("both are replaced", async || {
        let serving = fixture.in_state("InService").await;
        (serving.len() == 3 && new.iter().all(|id| serving.contains(id))).then_some(())
    })
    .await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_dead_instance_is_replaced_at_once_whatever_the_policy() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON"), hook("terminate", 300, "ABANDON")]).await;
    let first = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &first, "CONTINUE").await.expect("completed");
    fixture.wait_for(1, "InService").await;
    fixture.maintain(100, 200).await;
    fixture.ec2.terminate_instances().instance_ids(&first).send().await.expect("ended");
    assert_eq!(fixture.wait_for(1, "Terminating:Wait").await, [first]);
    fixture.wait_for(1, "Pending:Wait").await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_policy_is_refused_out_of_its_range_and_cleared_by_minus_one() {
    let fixture = Fixture::start(options()).await;
    fixture.group(0, &[]).await;
    let update = async |min: i32, max: i32| {
        let policy = aws_sdk_autoscaling::types::InstanceMaintenancePolicy::builder();
        let policy = policy.min_healthy_percentage(min).max_healthy_percentage(max).build();
        let call = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
        call.instance_maintenance_policy(policy).send().await
    };
    for (min, max) in [(50, 200), (100, 201), (100, 99)] {
        assert_eq!(
            what(&update(min, max).await.expect_err("out of range")).0,
            "ValidationError",
            "{min}, {max}"
        );
    }
    update(90, 120).await.expect("accepted");
    assert!(fixture.describe().await.instance_maintenance_policy().is_some());
    update(-1, -1).await.expect("cleared");
    assert!(fixture.describe().await.instance_maintenance_policy().is_none());
    fixture.region.shutdown().await;
}
