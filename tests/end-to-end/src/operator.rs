//! What an operator or a deployment does with a group, and what the functions report about it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_autoscaling::types::{
    DesiredConfiguration, InstanceMaintenancePolicy, InstanceRefresh, LaunchTemplate,
    LaunchTemplateOverrides, LaunchTemplateSpecification, MixedInstancesPolicy, RefreshPreferences,
    RefreshStrategy, Tag,
};
use membership::observation::end_word;
use serde_json::{Value, json};

use crate::cluster::{Cluster, LIMIT};
use crate::wait::{in_the_end, until};

/// How long an instance refresh of a whole group may take.
const REFRESH_LIMIT: Duration = Duration::from_secs(900);

impl Cluster {
    /// Sets the instance maintenance policy, in percent of the desired capacity.
    pub async fn maintain(&self, min: i32, max: i32) -> Result<()> {
        let policy =
            InstanceMaintenancePolicy::builder().min_healthy_percentage(min).max_healthy_percentage(max);
        let call = self.account.autoscaling.update_auto_scaling_group().auto_scaling_group_name(&self.name);
        call.instance_maintenance_policy(policy.build()).send().await?;
        Ok(())
    }

    /// Sets the maximum size and the desired capacity.
    pub async fn resize(&self, max: i32, desired: i32) -> Result<()> {
        let call = self.account.autoscaling.update_auto_scaling_group().auto_scaling_group_name(&self.name);
        call.min_size(0).max_size(max).desired_capacity(desired).send().await?;
        Ok(())
    }

    /// Ends the cluster with its data: the word for this generation, and maximum size 0.
    pub async fn end(&self, generation: u32) -> Result<()> {
        self.tag("end", &end_word(generation)).await?;
        self.resize(0, 0).await
    }

    /// Starts an instance refresh that keeps the number of healthy instances between these percentages of the
    /// desired capacity. Returns at once.
    pub async fn refresh_within(&self, min: i32, max: i32) -> Result<()> {
        let preferences =
            RefreshPreferences::builder().min_healthy_percentage(min).max_healthy_percentage(max);
        let call = self.account.autoscaling.start_instance_refresh().auto_scaling_group_name(&self.name);
        call.preferences(preferences.build()).send().await.context("starting the refresh")?;
        Ok(())
    }

    /// Starts an instance refresh that replaces the root volume of each instance and keeps the instance.
    /// Returns at once.
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
        call.send()
            .await?
            .instance_refreshes()
            .first()
            .cloned()
            .context("the group has had no instance refresh")
    }

    /// Waits until the latest instance refresh is successful and the cluster is settled.
    pub async fn refreshes(&self, size: usize) -> Result<()> {
        let done = in_the_end("the instance refresh is done", REFRESH_LIMIT, || async {
            let refresh = self.last_refresh().await?;
            let status = refresh.status().map(|s| s.as_str().to_owned()).unwrap_or_default();
            ensure!(
                status == "Successful",
                "the refresh is {status}, with {} instances to update",
                refresh.instances_to_update().unwrap_or(0)
            );
            Ok(())
        });
        self.explained(done.await).await?;
        self.settles(size).await
    }

    /// Sets the heartbeat timeout of the launch hook, in seconds, for the instances that are launched from
    /// now on.
    pub async fn launch_heartbeat(&self, seconds: i32) -> Result<()> {
        self.hook_heartbeat("launch", seconds).await
    }

    /// Sets the heartbeat timeout of the `launch` or `terminate` hook, in seconds, for the actions that begin from
    /// now on.
    pub async fn hook_heartbeat(&self, hook: &str, seconds: i32) -> Result<()> {
        let call = self.account.autoscaling.put_lifecycle_hook().auto_scaling_group_name(&self.name);
        let call = call.lifecycle_hook_name(format!("etcd-asg-{hook}")).heartbeat_timeout(seconds);
        call.send().await.context("changing the hook")?;
        Ok(())
    }

    /// Terminates an instance in order, and lowers the desired capacity, so that it is not replaced. Returns
    /// at once.
    pub async fn shrink_by(&self, instance: &str) -> Result<()> {
        let call = self.account.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(instance);
        call.should_decrement_desired_capacity(true).send().await?;
        Ok(())
    }

    /// Sets the tag `etcd-asg:<setting>` of the group.
    pub async fn tag(&self, setting: &str, value: &str) -> Result<()> {
        self.tag_as(&format!("etcd-asg:{setting}"), value).await
    }

    /// Sets a tag of the group, whatever its key is.
    pub async fn tag_as(&self, key: &str, value: &str) -> Result<()> {
        let tag = Tag::builder().resource_id(&self.name).resource_type("auto-scaling-group");
        let tag = tag.key(key).value(value).propagate_at_launch(false).build();
        self.account.autoscaling.create_or_update_tags().tags(tag).send().await?;
        Ok(())
    }

    /// Deletes a tag of the group.
    pub async fn untag(&self, key: &str) -> Result<()> {
        let tag = Tag::builder().resource_id(&self.name).resource_type("auto-scaling-group").key(key);
        self.account.autoscaling.delete_tags().tags(tag.build()).send().await?;
        Ok(())
    }

    /// Asks the functions what they see and what they would do next. Nothing is changed.
    pub async fn dry_run(&self) -> Result<Value> {
        let event = json!({"cluster": self.name, "dryRun": true});
        self.account.invoke("reconcile", event.to_string().into_bytes()).await
    }

    /// Waits until a dry run has a note with this code about an instance, given by its ID, or about the
    /// `cluster`.
    pub async fn reports(&self, about: &str, code: &str) -> Result<()> {
        self.has_note(&format!("{code} about {about}"), |note| note["about"] == about && note["code"] == code)
            .await
    }

    /// Waits until a dry run has a note with this code about any instance, in whose text a fact stands.
    pub async fn reports_fact(&self, code: &str, fact: &str) -> Result<()> {
        self.has_note(&format!("{code} with {fact:?}"), |note| {
            note["code"] == code && note["text"].as_str().is_some_and(|text| text.contains(fact))
        })
        .await
    }

    async fn has_note(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<()> {
        let what = format!("a dry run reports {what}");
        let reported = in_the_end(&what, LIMIT, || async {
            let answer = self.dry_run().await?;
            let notes = answer["decision"]["notes"].as_array().cloned().unwrap_or_default();
            ensure!(notes.iter().any(&is_it), "it reports {notes:?}");
            Ok(())
        });
        self.explained(reported.await).await
    }

    /// Waits until an invocation has logged a note with this code about an instance; without an instance,
    /// about anything.
    pub async fn logs_note(&self, code: &str, instance: Option<&str>) -> Result<()> {
        let is_it = |note: Value| note["code"] == code && instance.is_none_or(|id| note["about"] == id);
        let what = format!("the functions log {code}");
        let logged = until(&what, LIMIT, || async {
            let log = self.account.logs().await?;
            // Before the function's own line, which is JSON, stand the time, the function and the request.
            let lines = log.lines().filter_map(|line| line.get(line.find('{')?..));
            let mut notes = lines.filter_map(|line| serde_json::from_str(line).ok());
            ensure!(notes.any(is_it), "no invocation has logged it yet");
            Ok(())
        });
        self.explained(logged.await).await
    }

    /// How many invocations of any function have ended so far.
    pub async fn invocations(&self) -> Result<usize> {
        let ends = ["ended", "answered", "failed", "timed out", "killed"];
        let timeline = self.account.timeline().await?;
        let of_functions = timeline.iter().filter(|entry| entry.kind == "function");
        Ok(of_functions.filter(|entry| ends.iter().any(|word| entry.text.contains(word))).count())
    }

    /// Waits until this many invocations more than `before` have ended.
    pub async fn invocations_after(&self, before: usize, times: usize) -> Result<()> {
        let what = format!("{times} more invocations end");
        let ended = in_the_end(&what, LIMIT, || async {
            let ended = self.invocations().await?.saturating_sub(before);
            ensure!(ended >= times, "{ended} of {times} invocations have ended");
            Ok(())
        });
        ended.await
    }

    /// Waits until this many more invocations have ended, so that the functions could have acted.
    pub async fn had_their_chance(&self, times: usize) -> Result<()> {
        let before = self.invocations().await?;
        self.invocations_after(before, times).await
    }

    /// Waits until the group shows an instance in this lifecycle state. The empty state: until it is out of
    /// the group.
    pub async fn becomes(&self, instance: &str, lifecycle: &str) -> Result<()> {
        let what = format!("{instance} is {lifecycle:?}");
        let seen = until(&what, LIMIT, || async {
            let nodes = self.nodes().await?;
            let now =
                nodes.iter().find(|n| n.id == instance).map(|n| n.lifecycle.as_str()).unwrap_or_default();
            ensure!(now == lifecycle, "{instance} is {now:?}");
            Ok(())
        });
        self.explained(seen.await).await
    }
}
