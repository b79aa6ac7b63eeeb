//! Groups: creating, describing, resizing, deleting, and their error texts.

use aws_sdk_autoscaling::types::{Filter, InstanceMaintenancePolicy, Tag};

use crate::support::{Fixture, hook, options, until, what};

#[tokio::test]
async fn a_group_reaches_its_desired_capacity_across_its_zones() {
    let fixture = Fixture::start(options()).await;
    fixture.group(3, &[]).await;
    fixture.wait_for(3, "InService").await;
    let group = fixture.describe().await;
    let mut zones: Vec<_> =
        group.instances().iter().map(|one| one.availability_zone().expect("a zone").to_owned()).collect();
    zones.sort();
    assert_eq!(zones, ["us-west-2a", "us-west-2b", "us-west-2c"]);
    let arn = group.auto_scaling_group_arn().expect("an ARN");
    assert!(arn.starts_with("arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:"), "{arn}");
    assert!(arn.ends_with(":autoScalingGroupName/g"), "{arn}");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn tag_filters_find_a_group_and_nothing_else() {
    let fixture = Fixture::start(options()).await;
    fixture.group(0, &[]).await;
    let named = async |name: &str, value: &str| {
        let filter = Filter::builder().name(name).values(value).build();
        let answer = fixture.autoscaling.describe_auto_scaling_groups().filters(filter).send().await;
        answer.expect("groups").auto_scaling_groups().len()
    };
    assert_eq!(named("tag-key", "etcd-asg:cluster").await, 1);
    assert_eq!(named("tag-key", "other").await, 0);
    assert_eq!(named("tag:etcd-asg:cluster", "c").await, 1);
    assert_eq!(named("tag:etcd-asg:cluster", "d").await, 0);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn describing_pages_through_the_groups() {
    let fixture = Fixture::start(options()).await;
    for number in 0..5 {
        let name = format!("g{number}");
        let create = fixture.autoscaling.create_auto_scaling_group().auto_scaling_group_name(name);
        let create =
            create.min_size(0).max_size(0).launch_configuration_name("any").availability_zones("us-west-2a");
        create.send().await.expect("created");
    }
    let pages = fixture.autoscaling.describe_auto_scaling_groups().max_records(2).into_paginator().send();
    let pages: Vec<_> = pages.collect::<Result<_, _>>().await.expect("pages");
    let sizes: Vec<_> = pages.iter().map(|page| page.auto_scaling_groups().len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn policies_and_tags_are_stored_and_shown() {
    let fixture = Fixture::start(options()).await;
    fixture.group(0, &[]).await;
    let policy =
        InstanceMaintenancePolicy::builder().min_healthy_percentage(100).max_healthy_percentage(200).build();
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.instance_maintenance_policy(policy).send().await.expect("updated");
    let tag = Tag::builder()
        .resource_id("g")
        .resource_type("auto-scaling-group")
        .key("etcd-asg:paused")
        .value("true");
    let tag = tag.propagate_at_launch(false).build();
    fixture.autoscaling.create_or_update_tags().tags(tag).send().await.expect("tagged");
    let group = fixture.describe().await;
    let shown = group.instance_maintenance_policy().expect("the policy");
    assert_eq!((shown.min_healthy_percentage(), shown.max_healthy_percentage()), (Some(100), Some(200)));
    let tags: Vec<_> =
        group.tags().iter().map(|tag| (tag.key().unwrap_or(""), tag.value().unwrap_or(""))).collect();
    assert_eq!(tags, [("etcd-asg:cluster", "c"), ("etcd-asg:paused", "true")]);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_group_with_instances_is_deleted_only_by_force_and_then_without_hooks() {
    let fixture = Fixture::start(options()).await;
    fixture.group(2, &[hook("terminate", 300, "CONTINUE")]).await;
    fixture.wait_for(2, "InService").await;
    let delete = || fixture.autoscaling.delete_auto_scaling_group().auto_scaling_group_name("g");
    let (code, message) = what(&delete().send().await.expect_err("it has instances"));
    assert_eq!(code, "ResourceInUse");
    assert!(
        message.starts_with("You cannot delete an AutoScalingGroup while there are instances"),
        "{message}"
    );
    delete().force_delete(true).send().await.expect("deleted by force");
    until("the group is gone", async || {
        let groups = fixture.autoscaling.describe_auto_scaling_groups().send().await.expect("groups");
        groups.auto_scaling_groups().is_empty().then_some(())
    })
    .await;
    let left = fixture.ec2.describe_instances().send().await.expect("instances");
    let states: Vec<_> = left
        .reservations()
        .iter()
        .flat_map(|one| one.instances())
        .map(|one| one.state().and_then(|state| state.name()).expect("a state").as_str())
        .collect();
    assert_eq!(states, ["terminated", "terminated"]);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn bounds_and_names_are_refused_in_aws_own_words() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[]).await;
    let desired = async |name: &str, capacity: i32| {
        let call = fixture.autoscaling.set_desired_capacity().auto_scaling_group_name(name);
        what(&call.desired_capacity(capacity).send().await.expect_err("refused"))
    };
    let (code, message) = desired("g", 6).await;
    assert_eq!(code, "ValidationError");
    assert_eq!(message, "New SetDesiredCapacity value 6 is above max value 5 for the AutoScalingGroup.");
    assert_eq!(desired("nobody", 1).await.0, "ValidationError");

    let again =
        fixture.autoscaling.create_auto_scaling_group().auto_scaling_group_name("g").min_size(0).max_size(1);
    let again = again.launch_configuration_name("any").availability_zones("us-west-2a").send().await;
    assert_eq!(what(&again.expect_err("it exists")).0, "AlreadyExists");

    let update =
        fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g").min_size(3).max_size(2);
    assert_eq!(what(&update.send().await.expect_err("refused")).0, "ValidationError");
    assert_eq!(fixture.describe().await.max_size(), Some(5), "a refused update changes nothing");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_unknown_action_gets_invalid_action() {
    let fixture = Fixture::start(options()).await;
    let refresh =
        fixture.autoscaling.put_notification_configuration().auto_scaling_group_name("g").topic_arn("arn:t");
    let error =
        refresh.notification_types("autoscaling:TEST_NOTIFICATION").send().await.expect_err("not there");
    let expected = "Could not find operation PutNotificationConfiguration for version 2011-01-01";
    assert_eq!(what(&error), ("InvalidAction".to_owned(), expected.to_owned()));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn scaling_in_ends_the_oldest_of_the_fullest_zone_and_spares_the_protected() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[]).await;
    let first = fixture.wait_for(1, "InService").await.remove(0);
    let call = fixture.autoscaling.set_instance_protection().auto_scaling_group_name("g");
    call.instance_ids(&first).protected_from_scale_in(true).send().await.expect("protected");
    let desired = async |capacity: i32| {
        let call = fixture.autoscaling.set_desired_capacity().auto_scaling_group_name("g");
        call.desired_capacity(capacity).send().await.expect("resized");
    };
    desired(4).await;
    fixture.wait_for(4, "InService").await;
    desired(1).await;
    let left = fixture.wait_for(1, "InService").await;
    assert_eq!(left, [first]);
    fixture.region.shutdown().await;
}
