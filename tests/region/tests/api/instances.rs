//! Instances: how they die, their health, and what EC2 shows of them.

use aws_sdk_ec2::types::Filter;

use crate::support::{Fixture, hook, options, until, what};

async fn ec2_state(fixture: &Fixture, instance: &str) -> String {
    let filter = Filter::builder().name("instance-id").values(instance).build();
    let answer = fixture.ec2.describe_instances().filters(filter).send().await.expect("instances");
    let state = answer.reservations()[0].instances()[0].state().and_then(|state| state.name()).cloned();
    state.expect("a state").as_str().to_owned()
}

#[tokio::test]
async fn an_instance_ended_through_ec2_is_noticed_waits_at_its_hook_and_is_replaced() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("terminate", 300, "CONTINUE")]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    fixture.ec2.terminate_instances().instance_ids(&first).send().await.expect("terminated");
    assert_eq!(fixture.wait_for(1, "Terminating:Wait").await, std::slice::from_ref(&first));
    until("EC2 says terminated", async || (ec2_state(&fixture, &first).await == "terminated").then_some(()))
        .await;
    until("the replacement serves", async || {
        let serving = fixture.in_state("InService").await;
        (serving.len() == 1 && serving[0] != first).then_some(())
    })
    .await;
    assert_eq!(
        fixture.in_state("Terminating:Wait").await,
        std::slice::from_ref(&first),
        "its wait goes on until it is completed"
    );
    fixture.complete("terminate", &first, "CONTINUE").await.expect("completed");
    until("it left the group", async || (fixture.states().await.len() == 1).then_some(())).await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_instance_that_dies_while_launching_is_replaced_and_its_launch_action_is_gone() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "CONTINUE")]).await;
    let first = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.ec2.terminate_instances().instance_ids(&first).send().await.expect("terminated");
    until("another waits", async || {
        let waiting = fixture.in_state("Pending:Wait").await;
        (waiting.len() == 1 && waiting[0] != first).then_some(())
    })
    .await;
    let (code, _) = fixture.complete("launch", &first, "CONTINUE").await.expect_err("it is gone");
    assert_eq!(code, "ValidationError");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_unhealthy_instance_is_terminated_through_its_hook_and_replaced() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("terminate", 300, "CONTINUE")]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let call = fixture.autoscaling.set_instance_health().instance_id(&first).health_status("Unhealthy");
    call.should_respect_grace_period(false).send().await.expect("set");
    assert_eq!(fixture.wait_for(1, "Terminating:Wait").await, std::slice::from_ref(&first));
    assert_eq!(ec2_state(&fixture, &first).await, "running", "it still runs while it waits");
    let answer = fixture.autoscaling.describe_auto_scaling_instances().instance_ids(&first).send().await;
    let answer = answer.expect("instances");
    assert_eq!(answer.auto_scaling_instances()[0].health_status(), Some("UNHEALTHY"));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn the_grace_period_shields_from_being_set_unhealthy_where_it_is_respected() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("terminate", 300, "CONTINUE")]).await;
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.health_check_grace_period(3_600).send().await.expect("updated");
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let set = || fixture.autoscaling.set_instance_health().instance_id(&first).health_status("Unhealthy");
    set().send().await.expect("accepted");
    let health = fixture.describe().await.instances()[0].health_status().map(str::to_owned);
    assert_eq!(health.as_deref(), Some("Healthy"), "accepted, but without effect");
    set().should_respect_grace_period(false).send().await.expect("set");
    fixture.wait_for(1, "Terminating:Wait").await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn termination_with_decrement_is_refused_at_the_minimum() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.min_size(1).send().await.expect("updated");
    let call = fixture.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(&first);
    let (code, message) =
        what(&call.should_decrement_desired_capacity(true).send().await.expect_err("at the minimum"));
    assert_eq!(code, "ValidationError");
    assert!(message.starts_with("Currently, desiredSize equals minSize (1)."), "{message}");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn describing_by_the_groups_tag_tells_address_vpc_and_launch_time() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[]).await;
    fixture.wait_for(2, "InService").await;
    let filter = Filter::builder().name("tag:aws:autoscaling:groupName").values("g").build();
    let answer = fixture.ec2.describe_instances().filters(filter).send().await.expect("instances");
    let instances: Vec<_> = answer.reservations().iter().flat_map(|one| one.instances()).collect();
    assert_eq!(instances.len(), 2);
    let [a, b] = fixture.region.network().octets();
    for instance in instances {
        let address = instance.private_ip_address().expect("an address");
        assert!(address.starts_with(&format!("127.{a}.{b}.")), "{address}");
        assert!(instance.vpc_id().is_some_and(|vpc| vpc.starts_with("vpc-")));
        assert_eq!(instance.launch_time().expect("a time").subsec_nanos(), 0, "EC2 keeps whole seconds");
        let tags: Vec<_> = instance.tags().iter().filter_map(|tag| tag.key()).collect();
        assert_eq!(tags, ["aws:autoscaling:groupName", "etcd-asg:cluster"]);
    }
    let filter = Filter::builder().name("tag:aws:autoscaling:groupName").values("other").build();
    let answer = fixture.ec2.describe_instances().filters(filter).send().await.expect("instances");
    assert!(answer.reservations().is_empty());
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn unknown_and_malformed_instance_ids_are_refused_in_ec2s_words() {
    let fixture = Fixture::start(options()).await;
    let describe = async |id: &str| {
        what(&fixture.ec2.describe_instances().instance_ids(id).send().await.expect_err("refused"))
    };
    let (code, message) = describe("i-0123456789abcdef0").await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist")
    );
    assert_eq!(describe("i-xyz").await.0, "InvalidInstanceID.Malformed");
    let error =
        fixture.autoscaling.set_instance_health().instance_id("i-0123456789abcdef0").health_status("Healthy");
    assert_eq!(what(&error.send().await.expect_err("unknown")).0, "ValidationError");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_terminated_instance_stays_listed_without_its_address() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.max_size(0).desired_capacity(0).send().await.expect("updated");
    until("EC2 says terminated", async || (ec2_state(&fixture, &first).await == "terminated").then_some(()))
        .await;
    let answer = fixture.ec2.describe_instances().instance_ids(&first).send().await.expect("instances");
    assert_eq!(answer.reservations()[0].instances()[0].private_ip_address(), None);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn standby_and_detach_fire_no_hook() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[hook("terminate", 300, "CONTINUE")]).await;
    let both = fixture.wait_for(2, "InService").await;
    let enter = fixture.autoscaling.enter_standby().auto_scaling_group_name("g").instance_ids(&both[0]);
    enter.should_decrement_desired_capacity(true).send().await.expect("in standby");
    assert_eq!(fixture.wait_for(1, "Standby").await, std::slice::from_ref(&both[0]));
    let exit = fixture.autoscaling.exit_standby().auto_scaling_group_name("g").instance_ids(&both[0]);
    exit.send().await.expect("back");
    fixture.wait_for(2, "InService").await;
    let detach = fixture.autoscaling.detach_instances().auto_scaling_group_name("g").instance_ids(&both[1]);
    detach.should_decrement_desired_capacity(true).send().await.expect("detached");
    assert_eq!(fixture.states().await, [(both[0].clone(), "InService".to_owned())]);
    assert_eq!(ec2_state(&fixture, &both[1]).await, "running");
    fixture.region.shutdown().await;
}
