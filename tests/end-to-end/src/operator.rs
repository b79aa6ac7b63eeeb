//! What an operator, or a deployment, asks of a group.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_autoscaling::types::{
    DesiredConfiguration, InstanceMaintenancePolicy, InstanceRefresh, LaunchTemplate,
    LaunchTemplateOverrides, LaunchTemplateSpecification, MixedInstancesPolicy, RefreshPreferences,
    RefreshStrategy, Tag,
};
use serde_json::{Value, json};

use crate::cluster::{Cluster, LIMIT};
use crate::wait::{in_the_end, until};

/// Every instance of a group may take as long as a cluster may take to settle.
const REFRESH_LIMIT: Duration = Duration::from_secs(900);

impl Cluster {
    /// Sets the maintenance policy, in percent of the desired capacity.
    pub async fn maintain(&self, min: i32, max: i32) -> Result<()> {
        let policy =
            InstanceMaintenancePolicy::builder().min_healthy_percentage(min).max_healthy_percentage(max);
        let call = self.account.autoscaling.update_auto_scaling_group().auto_scaling_group_name(&self.name);
        call.instance_maintenance_policy(policy.build()).send().await?;
        Ok(())
    }

    /// Sets the maximum size, and with it the desired capacity.
    pub async fn resize(&self, max: i32, desired: i32) -> Result<()> {
        let call = self.account.autoscaling.update_auto_scaling_group().auto_scaling_group_name(&self.name);
        call.min_size(0).max_size(max).desired_capacity(desired).send().await?;
        Ok(())
    }

    /// Starts an instance refresh that keeps between these percentages of the desired capacity.
    pub async fn refresh_within(&self, min: i32, max: i32) -> Result<()> {
        let preferences =
            RefreshPreferences::builder().min_healthy_percentage(min).max_healthy_percentage(max);
        let call = self.account.autoscaling.start_instance_refresh().auto_scaling_group_name(&self.name);
        call.preferences(preferences.build()).send().await.context("starting the refresh")?;
        Ok(())
    }

    /// Starts an instance refresh that replaces the root volume of each instance in its place.
    pub async fn refresh_root_volumes(&self) -> Result<()> {
        let template =
            LaunchTemplateSpecification::builder().launch_template_name("etcd").version("1").build();
        let image =
            LaunchTemplateOverrides::builder().instance_type("t4g.small").image_id("ami-0123456789abcdef0");
        let launch =
            LaunchTemplate::builder().launch_template_specification(template).overrides(image.build());
        let policy = MixedInstancesPolicy::builder().launch_template(launch.build()).build();
        let wanted = DesiredConfiguration::builder().mixed_instances_policy(policy).build();
        let call = self.account.autoscaling.start_instance_refresh().auto_scaling_group_name(&self.name);
        let call = call.strategy(RefreshStrategy::ReplaceRootVolume).desired_configuration(wanted);
        call.send().await.context("starting the refresh")?;
        Ok(())
    }

    /// The latest instance refresh.
    pub async fn last_refresh(&self) -> Result<InstanceRefresh> {
        let call = self.account.autoscaling.describe_instance_refreshes().auto_scaling_group_name(&self.name);
        call.send().await?.instance_refreshes().first().cloned().context("there is no refresh")
    }

    /// Waits until the latest instance refresh is successful and the cluster settled.
    pub async fn refreshes(&self, size: usize) -> Result<()> {
        let done = in_the_end("the refresh is done", REFRESH_LIMIT, || async {
            let refresh = self.last_refresh().await?;
            let status = refresh.status().map(|s| s.as_str().to_owned()).unwrap_or_default();
            ensure!(
                status == "Successful",
                "it is {status}, {} to update",
                refresh.instances_to_update().unwrap_or(0)
            );
            Ok(())
        });
        if let Err(error) = done.await {
            self.tell(&error).await;
            return Err(error);
        }
        self.settles(size).await
    }

    /// Sets a tag `etcd-asg:<setting>` of the group.
    pub async fn tag(&self, setting: &str, value: &str) -> Result<()> {
        let tag = Tag::builder().resource_id(&self.name).resource_type("auto-scaling-group");
        let tag = tag.key(format!("etcd-asg:{setting}")).value(value).propagate_at_launch(false).build();
        self.account.autoscaling.create_or_update_tags().tags(tag).send().await?;
        Ok(())
    }

    /// What the functions see and would do next, without doing it.
    pub async fn dry_run(&self) -> Result<Value> {
        let event = json!({"cluster": self.name, "dryRun": true});
        self.account.invoke("reconcile", event.to_string().into_bytes()).await
    }

    /// Waits until a dry run says this about this instance, or about the `cluster`.
    pub async fn reports(&self, about: &str, words: &str) -> Result<()> {
        let what = format!("the dry run says {words:?} about {about}");
        let reported = in_the_end(&what, LIMIT, || async {
            let answer = self.dry_run().await?;
            let notes = answer["decision"]["notes"].as_array().cloned().unwrap_or_default();
            let says = |note: &Value| {
                note["about"] == about
                    && note["verdict"].as_str().is_some_and(|verdict| verdict.contains(words))
            };
            ensure!(notes.iter().any(says), "it says {notes:?}");
            Ok(())
        });
        if let Err(error) = reported.await {
            self.tell(&error).await;
            return Err(error);
        }
        Ok(())
    }

    /// How many invocations of any function have ended so far.
    pub async fn invocations(&self) -> Result<usize> {
        let state = self.account.state().await?;
        let ends = ["ended", "answered", "failed", "timed out", "killed"];
        let is_end = |entry: &&Value| {
            let text = entry["text"].as_str().unwrap_or_default();
            entry["kind"] == "function" && ends.iter().any(|word| text.contains(word))
        };
        Ok(state["timeline"].as_array().into_iter().flatten().filter(is_end).count())
    }

    /// Waits until so many more invocations have ended: the functions had their chance to do something.
    pub async fn had_their_chance(&self, times: usize) -> Result<()> {
        let before = self.invocations().await?;
        in_the_end(&format!("{times} invocations end"), LIMIT, || async {
            let now = self.invocations().await?;
            ensure!(now >= before + times, "{} ended", now - before);
            Ok(())
        })
        .await
    }

    /// Waits until an instance is in this lifecycle state; an empty one: until it is out of the group.
    pub async fn becomes(&self, instance: &str, lifecycle: &str) -> Result<()> {
        let what = format!("{instance} is {lifecycle:?}");
        let seen = until(&what, LIMIT, || async {
            let nodes = self.nodes().await?;
            let now =
                nodes.iter().find(|n| n.id == instance).map(|n| n.lifecycle.as_str()).unwrap_or_default();
            ensure!(now == lifecycle, "it is {now:?}");
            Ok(())
        });
        if let Err(error) = seen.await {
            self.tell(&error).await;
            return Err(error);
        }
        Ok(())
    }
}
