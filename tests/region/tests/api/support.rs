//! A region without machines, its clients, and waiting for conditions.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_sdk_autoscaling::config::{Credentials, Region as RegionName};
use aws_sdk_autoscaling::error::ProvideErrorMetadata;
use aws_sdk_autoscaling::types::{
    AutoScalingGroup, InstanceMaintenancePolicy, LifecycleHookSpecification, Tag,
};
use region::site::{REGION, SECRET_ACCESS_KEY};
use region::{Options, Region};

/// How long a condition may take at most. It is far longer than any condition should take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A region and a client of each service.
pub struct Fixture {
    pub region: Region,
    pub autoscaling: aws_sdk_autoscaling::Client,
    pub ec2: aws_sdk_ec2::Client,
    pub ssm: aws_sdk_ssm::Client,
}

/// Options of a friendly, quick region without machines.
pub fn options() -> Options {
    Options {
        machines: false,
        hostile: false,
        engine_step: Duration::from_millis(20),
        ec2_transition: Duration::from_millis(20),
        health_check_delay: Duration::from_millis(100),
        launch_backoff: Duration::from_millis(50),
        ssm_rate: 0.0,
        ..Options::default()
    }
}

impl Fixture {
    pub async fn start(options: Options) -> Self {
        let region = Region::start(options).await.expect("the region starts");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(region.endpoint())
            .region(RegionName::new(REGION))
            .credentials_provider(Credentials::new("AKIATEST", SECRET_ACCESS_KEY, None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        Self {
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            region,
        }
    }

    /// Creates a group `g` of 0 to 5 instances in cluster `c`, with the hooks `launch` and `terminate` if
    /// wanted.
    pub async fn group(&self, desired: i32, hooks: &[LifecycleHookSpecification]) {
        let tag = Tag::builder().key("etcd-asg:cluster").value("c").propagate_at_launch(true).build();
        self.autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name("g")
            .min_size(0)
            .max_size(5)
            .desired_capacity(desired)
            .launch_configuration_name("any")
            .availability_zones("us-west-2a")
            .availability_zones("us-west-2b")
            .availability_zones("us-west-2c")
            .tags(tag)
            .set_lifecycle_hook_specification_list(Some(hooks.to_vec()))
            .send()
            .await
            .expect("the group is created");
    }

    /// Gives the group a maintenance policy.
    pub async fn maintain(&self, min: i32, max: i32) {
        let policy =
            InstanceMaintenancePolicy::builder().min_healthy_percentage(min).max_healthy_percentage(max);
        let update = self.autoscaling.update_auto_scaling_group().auto_scaling_group_name("g");
        update.instance_maintenance_policy(policy.build()).send().await.expect("updated");
    }

    pub async fn set_unhealthy(&self, instance: &str) {
        let call = self.autoscaling.set_instance_health().instance_id(instance).health_status("Unhealthy");
        call.should_respect_grace_period(false).send().await.expect("set unhealthy");
    }

    /// The state of an instance in EC2.
    pub async fn ec2_state(&self, instance: &str) -> String {
        let answer = self.ec2.describe_instances().instance_ids(instance).send().await.expect("instances");
        let state = answer.reservations()[0].instances()[0].state().and_then(|state| state.name()).cloned();
        state.expect("a state").as_str().to_owned()
    }

    /// The lifecycle states that an instance went through, in order, from the region's timeline.
    pub async fn way_of(&self, instance: &str) -> Vec<String> {
        let state = self.state().await;
        let entries = state["timeline"].as_array().expect("a timeline").clone();
        let of_it = entries.iter().filter(|one| one["kind"] == "lifecycle" && one["who"] == instance);
        of_it.map(|one| one["text"].as_str().expect("a text").to_owned()).collect()
    }

    pub async fn describe(&self) -> AutoScalingGroup {
        let answer =
            self.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names("g").send().await;
        answer.expect("groups are described").auto_scaling_groups().first().expect("the group").clone()
    }

    /// The lifecycle states of the group's instances, by ID.
    pub async fn states(&self) -> Vec<(String, String)> {
        let group = self.describe().await;
        let mut states: Vec<_> = group
            .instances()
            .iter()
            .map(|one| {
                let state = one.lifecycle_state().expect("a state").as_str().to_owned();
                (one.instance_id().expect("an ID").to_owned(), state)
            })
            .collect();
        states.sort();
        states
    }

    /// The IDs of the instances in a lifecycle state.
    pub async fn in_state(&self, state: &str) -> Vec<String> {
        self.states().await.into_iter().filter(|(_, now)| now == state).map(|(id, _)| id).collect()
    }

    /// Waits until exactly `count` instances are in a lifecycle state, and returns their IDs.
    pub async fn wait_for(&self, count: usize, state: &str) -> Vec<String> {
        until(&format!("{count} instances {state}"), async || {
            let found = self.in_state(state).await;
            (found.len() == count).then_some(found)
        })
        .await
    }

    pub async fn complete(&self, hook: &str, instance: &str, result: &str) -> Result<(), (String, String)> {
        let call = self.autoscaling.complete_lifecycle_action();
        let call = call.auto_scaling_group_name("g").lifecycle_hook_name(hook).instance_id(instance);
        call.lifecycle_action_result(result).send().await.map(|_| ()).map_err(|error| what(&error))
    }

    /// The region's own state page.
    pub async fn state(&self) -> serde_json::Value {
        let url = format!("{}/_region/state", self.region.endpoint());
        let answer = reqwest::get(url).await.expect("the state page");
        serde_json::from_str(&answer.text().await.expect("its text")).expect("its JSON")
    }
}

/// A hook, named after its transition.
pub fn hook(name: &str, heartbeat: i32, default: &str) -> LifecycleHookSpecification {
    let transition = match name {
        "launch" => "autoscaling:EC2_INSTANCE_LAUNCHING",
        _ => "autoscaling:EC2_INSTANCE_TERMINATING",
    };
    LifecycleHookSpecification::builder()
        .lifecycle_hook_name(name)
        .lifecycle_transition(transition)
        .heartbeat_timeout(heartbeat)
        .default_result(default)
        .build()
}

/// Waits until `look` finds something.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("never came about: {what}"))
}

/// The code and the message of an error.
pub fn what<E: ProvideErrorMetadata>(error: &E) -> (String, String) {
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}
