//! Launch templates: versions, the default version, and what instances are launched from.

use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::types::RequestLaunchTemplateData;
use region::options::DEFAULT_IMAGE;

use crate::support::{Fixture, options, until, what};

const NEWER: &str = "ami-0fedcba9876543210";

fn data(image: &str) -> RequestLaunchTemplateData {
    RequestLaunchTemplateData::builder().image_id(image).build()
}

/// A template `etcd` whose version 1 names the region's own image, in a region that has another image too.
async fn fixture() -> Fixture {
    let mut options = options();
    options.images.insert(NEWER.to_owned(), options.etcd_dir.clone());
    let fixture = Fixture::start(options).await;
    let first =
        RequestLaunchTemplateData::builder().image_id(DEFAULT_IMAGE).instance_type("t4g.small".into());
    let first = first.security_group_ids("sg-1").security_group_ids("sg-2").build();
    let create =
        fixture.ec2.create_launch_template().launch_template_name("etcd").launch_template_data(first);
    let created = create.send().await.expect("created");
    let template = created.launch_template().expect("a template");
    assert!(template.launch_template_id().is_some_and(|id| id.starts_with("lt-")));
    assert_eq!((template.default_version_number(), template.latest_version_number()), (Some(1), Some(1)));
    fixture
}

async fn new_version(fixture: &Fixture, image: &str) -> i64 {
    let create = fixture.ec2.create_launch_template_version().launch_template_name("etcd");
    let created = create.source_version("1").launch_template_data(data(image)).send().await.expect("created");
    created.launch_template_version().and_then(|version| version.version_number()).expect("a number")
}

async fn make_default(fixture: &Fixture, version: &str) {
    let modify = fixture.ec2.modify_launch_template().launch_template_name("etcd").default_version(version);
    modify.send().await.expect("the default");
}

async fn use_version(fixture: &Fixture, version: &str) -> Result<(), (String, String)> {
    let template =
        LaunchTemplateSpecification::builder().launch_template_name("etcd").version(version).build();
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.launch_template(template).send().await.map(|_| ()).map_err(|error| what(&error))
}

async fn image_of(fixture: &Fixture, instance: &str) -> String {
    let answer = fixture.ec2.describe_instances().instance_ids(instance).send().await.expect("instances");
    answer.reservations()[0].instances()[0].image_id().expect("an image").to_owned()
}

/// Ends an instance and returns its replacement.
async fn replaced(fixture: &Fixture, instance: &str) -> String {
    fixture.ec2.terminate_instances().instance_ids(instance).send().await.expect("terminated");
    until("another serves", async || {
        fixture.in_state("InService").await.into_iter().find(|other| other != instance)
    })
    .await
}

#[tokio::test]
async fn a_version_takes_over_what_it_does_not_name_and_the_default_stays_until_it_is_moved() {
    let fixture = fixture().await;
    assert_eq!(new_version(&fixture, NEWER).await, 2);
    let describe = async |version: &str| {
        let call = fixture.ec2.describe_launch_template_versions().launch_template_name("etcd");
        let answer = call.versions(version).send().await.expect("versions");
        answer.launch_template_versions()[0].clone()
    };
    let latest = describe("$Latest").await;
    let inherited = latest.launch_template_data().expect("data");
    assert_eq!((latest.version_number(), latest.default_version()), (Some(2), Some(false)));
    assert_eq!(inherited.image_id(), Some(NEWER));
    assert_eq!(inherited.instance_type().map(|kind| kind.as_str()), Some("t4g.small"));
    assert_eq!(inherited.security_group_ids(), ["sg-1", "sg-2"]);
    assert_eq!(describe("$Default").await.version_number(), Some(1));
    make_default(&fixture, "2").await;
    assert_eq!(describe("$Default").await.version_number(), Some(2));
    let all = fixture.ec2.describe_launch_template_versions().launch_template_name("etcd").send().await;
    let all = all.expect("versions");
    let numbers: Vec<_> = all.launch_template_versions().iter().filter_map(|v| v.version_number()).collect();
    assert_eq!(numbers, [2, 1], "newest first");
    let templates = fixture.ec2.describe_launch_templates().send().await.expect("templates");
    assert_eq!(templates.launch_templates()[0].latest_version_number(), Some(2));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn what_there_is_not_is_refused_in_ec2s_words() {
    let fixture = fixture().await;
    let again = fixture.ec2.create_launch_template().launch_template_name("etcd");
    let again = again.launch_template_data(data(NEWER)).send().await.expect_err("taken");
    assert_eq!(what(&again).0, "InvalidLaunchTemplateName.AlreadyExistsException");
    let unknown = fixture.ec2.describe_launch_template_versions().launch_template_name("other");
    let (code, message) = what(&unknown.send().await.expect_err("unknown"));
    assert_eq!(code, "InvalidLaunchTemplateName.NotFoundException");
    assert_eq!(message, "The specified launch template, with template name other, does not exist.");
    let modify = fixture.ec2.modify_launch_template().launch_template_name("etcd").default_version("9");
    let modify = modify.send().await.expect_err("no such version");
    assert_eq!(what(&modify).0, "InvalidLaunchTemplateId.VersionNotFound");
    fixture.group(0, &[]).await;
    let (code, message) = use_version(&fixture, "9").await.expect_err("no such version");
    assert_eq!(code, "ValidationError");
    assert!(message.starts_with("You must use a valid fully-formed launch template."), "{message}");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_instance_gets_the_image_of_the_version_that_counts_when_it_is_launched() {
    let fixture = fixture().await;
    fixture.group(0, &[]).await;
    use_version(&fixture, "$Default").await.expect("used");
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.desired_capacity(1).send().await.expect("grown");
    let first = fixture.wait_for(1, "InService").await.remove(0);
    assert_eq!(image_of(&fixture, &first).await, DEFAULT_IMAGE);
    new_version(&fixture, NEWER).await;
    let second = replaced(&fixture, &first).await;
    assert_eq!(image_of(&fixture, &second).await, DEFAULT_IMAGE, "the default was not moved");
    make_default(&fixture, "$Latest").await;
    assert_eq!(image_of(&fixture, &second).await, DEFAULT_IMAGE, "what runs is not touched");
    let third = replaced(&fixture, &second).await;
    assert_eq!(image_of(&fixture, &third).await, NEWER);
    let group = fixture.describe().await;
    assert_eq!(group.launch_template().and_then(|t| t.version()), Some("$Default"), "as the group names it");
    assert!(
        group.launch_template().and_then(|t| t.launch_template_id()).is_some(),
        "and with both its names"
    );
    let shown = group.instances().iter().find(|one| one.instance_id() == Some(third.as_str())).cloned();
    let shown = shown.and_then(|one| one.launch_template().cloned()).expect("a template");
    assert_eq!(shown.version(), Some("2"), "the number that it was launched from");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn an_image_that_does_not_exist_launches_nothing_and_says_so() {
    let fixture = fixture().await;
    fixture.group(0, &[]).await;
    new_version(&fixture, "ami-00000000000000bad").await;
    use_version(&fixture, "$Latest").await.expect("images are not checked before a launch");
    let update = fixture.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
    update.desired_capacity(1).send().await.expect("grown");
    let failed = until("the launch failed", async || {
        let call = fixture.autoscaling.describe_scaling_activities().auto_scaling_group_name("g");
        let answer = call.send().await.expect("activities");
        answer.activities().first().filter(|one| one.status_code().is_some()).cloned()
    })
    .await;
    assert_eq!(failed.status_code().map(|code| code.as_str()), Some("Failed"));
    let message = failed.status_message().unwrap_or_default();
    assert!(message.contains("ami-00000000000000bad") && message.contains("does not exist"), "{message}");
    assert!(fixture.states().await.is_empty());
    use_version(&fixture, "1").await.expect("mended");
    fixture.wait_for(1, "InService").await;
    fixture.region.shutdown().await;
}
