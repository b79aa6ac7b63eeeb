//! Root-volume replacement, by a call to EC2 and by a group's refresh.

use aws_sdk_autoscaling::types::{
    DesiredConfiguration, LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification,
    MixedInstancesPolicy, RefreshPreferences, RefreshStrategy,
};

use crate::support::{Fixture, hook, options, until, what};

fn new_image() -> DesiredConfiguration {
    let template = LaunchTemplateSpecification::builder().launch_template_name("etcd").version("2").build();
    let image = LaunchTemplateOverrides::builder().instance_type("t4g.small").image_id("ami-2").build();
    let launch = LaunchTemplate::builder().launch_template_specification(template).overrides(image).build();
    let policy = MixedInstancesPolicy::builder().launch_template(launch).build();
    DesiredConfiguration::builder().mixed_instances_policy(policy).build()
}

#[tokio::test]
async fn a_task_of_ec2_leaves_the_instance_in_service_with_its_id_and_address() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("launch", 300, "CONTINUE")]).await;
    let instance = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    fixture.complete("launch", &instance, "CONTINUE").await.expect("completed");
    fixture.wait_for(1, "InService").await;
    let way = fixture.way_of(&instance).await;
    let task =
        fixture.ec2.create_replace_root_volume_task().instance_id(&instance).send().await.expect("a task");
    let id =
        task.replace_root_volume_task().and_then(|one| one.replace_root_volume_task_id()).expect("its ID");
    until("it succeeded", async || {
        let call = fixture.ec2.describe_replace_root_volume_tasks().replace_root_volume_task_ids(id);
        let tasks = call.send().await.expect("tasks");
        let task = tasks.replace_root_volume_tasks().first().expect("the task").clone();
        (task.task_state().expect("a state").as_str() == "succeeded").then_some(())
    })
    .await;
    assert_eq!(fixture.way_of(&instance).await, way, "the group takes no notice");
    assert_eq!(fixture.ec2_state(&instance).await, "running");
    let unknown =
        fixture.ec2.create_replace_root_volume_task().instance_id("i-0123456789abcdef0").send().await;
    assert_eq!(what(&unknown.expect_err("unknown")).0, "InvalidInstanceID.NotFound");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn as_a_refresh_each_instance_goes_through_both_hooks_and_keeps_its_id() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[hook("launch", 300, "ABANDON"), hook("terminate", 300, "ABANDON")]).await;
    for instance in fixture.wait_for(2, "Pending:Wait").await {
        fixture.complete("launch", &instance, "CONTINUE").await.expect("completed");
    }
    let both = fixture.wait_for(2, "InService").await;
    let refresh = || {
        let call = fixture.autoscaling.start_instance_refresh().auto_scaling_group_name("g");
        let preferences = RefreshPreferences::builder().min_healthy_percentage(100).build();
        call.strategy(RefreshStrategy::ReplaceRootVolume).preferences(preferences)
    };
    assert_eq!(what(&refresh().send().await.expect_err("no images")).0, "ValidationError");
    refresh().desired_configuration(new_image()).send().await.expect("started");
    for _ in 0..2 {
        let first = fixture.wait_for(1, "ReplacingRootVolume:Wait").await.remove(0);
        assert_eq!(
            fixture.in_state("InService").await.len(),
            1,
            "one at a time, and nothing is launched instead"
        );
        fixture.complete("terminate", &first, "CONTINUE").await.expect("completed");
        assert_eq!(fixture.wait_for(1, "Pending:Wait").await, std::slice::from_ref(&first));
        fixture.complete("launch", &first, "CONTINUE").await.expect("completed");
        let way = fixture.way_of(&first).await;
        let states: Vec<_> =
            way.iter().map(String::as_str).filter(|text| !text.starts_with("hook")).collect();
        let expected = [
            "ReplacingRootVolume",
            "ReplacingRootVolume:Wait",
            "ReplacingRootVolume:Proceed",
            "RootVolumeReplaced",
        ];
        let from = states.iter().position(|state| *state == "ReplacingRootVolume").expect("it began");
        assert_eq!(states[from..from + 4], expected);
    }
    assert_eq!(fixture.wait_for(2, "InService").await, both);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_abandoned_replacement_ends_the_instance_and_another_is_launched() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[hook("terminate", 300, "ABANDON")]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let call = fixture.autoscaling.start_instance_refresh().auto_scaling_group_name("g");
    let call = call.strategy(RefreshStrategy::ReplaceRootVolume).desired_configuration(new_image());
    call.send().await.expect("started");
    fixture.wait_for(1, "ReplacingRootVolume:Wait").await;
    fixture.complete("terminate", &first, "ABANDON").await.expect("completed");
    assert_eq!(fixture.wait_for(1, "Terminating:Wait").await, [first]);
    fixture.wait_for(1, "InService").await;
    fixture.region.shutdown().await;
}
