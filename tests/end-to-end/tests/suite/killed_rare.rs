//! A function is killed after each of its outgoing calls in the two kinds of step that only happen beside trouble: an
//! env is repaired, and a leaving instance is retained.

use anyhow::{Context, Result};
use aws_sdk_autoscaling::types::{InstanceLifecyclePolicy, RetentionAction, RetentionTriggers};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;
use serde_json::json;

use crate::killed_calls::{CALLS, Tally, claim, quick, set_kills};
use crate::support::{Scene, nothing_lost, on_a_stage};

/// A joiner is held before it starts, and a voter dies: the string in its env is no longer the membership's.
async fn an_env_is_repaired(scene: &Scene, cluster: &Cluster) -> Result<()> {
    let (leader, leaving) = (cluster.leader().await?, cluster.follower().await?);
    let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
    let dies = known.iter().find(|id| **id != leader && **id != leaving).context("there is a third")?;
    let address = cluster.addresses().await?.remove(dies).context("it has an address")?;
    cluster.terminate(&leaving).await?;
    let joiner = cluster.newcomer(&known).await?;
    scene.account.pause(&joiner).await?;
    until("its env is published", LIMIT, || async { cluster.env(&joiner).await.map(drop) }).await?;
    cluster.kill(dies).await?;
    until("its env is repaired", LIMIT, || async {
        let env = cluster.env(&joiner).await?;
        anyhow::ensure!(!env.contains(&format!("{address}:")), "it still names {dies}: {env}");
        Ok(())
    })
    .await?;
    scene.account.resume(&joiner).await?;
    cluster.replaces(&leaving, 3).await
}

#[test]
#[ignore = "make matrix"]
fn killed_while_an_env_is_repaired() {
    let slow = |o: &mut region::Options| {
        quick(o);
        o.boot_delay = std::time::Duration::from_secs(3);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let steps = [claim("repair-env")];
        let mut tally = Tally::new(steps.len());
        for call in (0..CALLS).step_by(3) {
            set_kills(&scene, call, &steps).await?;
            an_env_is_repaired(&scene, &cluster).await?;
            tally.add(&scene, call).await?;
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
        tally.all_hit(&["repair an env"])?;
        nothing_lost(&cluster, load).await
    });
}

/// One voter is frozen while another's terminate hook runs out: it is retained, whoever lives to ask for it.
async fn one_is_retained(scene: &Scene, cluster: &Cluster) -> Result<()> {
    let autoscaling = &scene.account.autoscaling;
    let suspend = autoscaling.suspend_processes().auto_scaling_group_name(&cluster.name);
    suspend.scaling_processes("Launch").send().await?;
    let (frozen, leader) = (cluster.follower().await?, cluster.leader().await?);
    let nodes = cluster.nodes().await?;
    let leaving = nodes.iter().map(|n| n.id.clone()).find(|id| *id != frozen && *id != leader);
    let leaving = leaving.context("there is a third")?;
    scene.account.pause(&frozen).await?;
    cluster.terminate(&leaving).await?;
    cluster.becomes(&leaving, "Terminating:Retained").await?;
    scene.account.resume(&frozen).await?;
    autoscaling.resume_processes().auto_scaling_group_name(&cluster.name).send().await?;
    cluster.reports(&leaving, "it was retained").await?;
    cluster.kill(&leaving).await?;
    cluster.replaces(&leaving, 3).await
}

#[test]
#[ignore = "make matrix"]
fn killed_while_a_leaving_instance_is_retained() {
    let scaled = |o: &mut region::Options| {
        quick(o);
        // A terminate hook of 30 s lasts 1.5 s, a launch hook of 7,200 s six minutes.
        o.hook_time_scale = 20.0;
    };
    on_a_stage(scaled, |scene| async move {
        let (cluster, load) = scene.three_with_long_launches().await?;
        let triggers = RetentionTriggers::builder().terminate_hook_abandon(RetentionAction::Retain).build();
        let policy = InstanceLifecyclePolicy::builder().retention_triggers(triggers).build();
        let update = scene.account.autoscaling.update_auto_scaling_group();
        update.auto_scaling_group_name(&cluster.name).instance_lifecycle_policy(policy).send().await?;
        let steps = [claim("retain-leaving")];
        let mut tally = Tally::new(steps.len());
        for call in (0..CALLS).step_by(4) {
            set_kills(&scene, call, &steps).await?;
            one_is_retained(&scene, &cluster).await?;
            tally.add(&scene, call).await?;
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
        tally.all_hit(&["retain a leaving instance"])?;
        nothing_lost(&cluster, load).await
    });
}
