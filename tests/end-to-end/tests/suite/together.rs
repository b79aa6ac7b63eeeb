//! Several instances leave at once.

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use end_to_end::witness;
use serde_json::json;

use crate::support::{brisk, nothing_lost, on_a_stage};

/// Terminates this many instances at once, the leader among them, and waits until they are replaced. No two
/// of them may count on the same replacement: no removal leaves fewer than `size` voters.
async fn leave_together(cluster: &Cluster, load: Load, size: usize, leaving: usize) -> Result<()> {
    let leader = cluster.leader().await?;
    let mut ids = cluster.ids().await?;
    ids.sort_by_key(|id| *id != leader);
    let going = ids.iter().take(leaving).map(|id| cluster.terminate(id));
    futures::future::try_join_all(going).await?;
    for gone in ids.iter().take(leaving) {
        cluster.replaces(gone, size).await?;
    }
    witness::replaced_before_removed_throughout(cluster, size).await?;
    nothing_lost(cluster, load).await
}

#[test]
fn two_of_three_leave_at_once() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        leave_together(&cluster, load, 3, 2).await
    });
}

#[test]
#[ignore = "make matrix"]
fn two_of_five_leave_at_once() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(5, &[]).await?;
        leave_together(&cluster, load, 5, 2).await
    });
}

#[test]
#[ignore = "make matrix"]
fn three_of_five_leave_at_once() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(5, &[]).await?;
        leave_together(&cluster, load, 5, 3).await
    });
}

#[test]
#[ignore = "make matrix"]
fn all_three_leave_at_once() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        leave_together(&cluster, load, 3, 3).await
    });
}

/// Story 13, "Waiting in the doorway". Only the terminate function is ever invoked, for an instance that
/// waits for its replacement. The wait must not end the decision: the same invocation has to add the
/// replacement.
#[test]
#[ignore = "make matrix"]
fn the_one_that_waits_brings_in_its_replacement() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        scene.account.fault(json!({"fault": "schedule", "enabled": false})).await?;
        scene.account.fault(json!({"fault": "events", "delivery": "never"})).await?;
        cluster.terminate(&leaving).await?;
        let event = json!({
            "version": "0", "id": "12345678-1234-1234-1234-123456789012", "source": "aws.autoscaling",
            "detail-type": "EC2 Instance-terminate Lifecycle Action", "account": "123456789012",
            "time": "2026-11-22T06:00:00Z", "region": "us-east-1", "resources": [],
            "detail": {
                "LifecycleActionToken": "87654321-4321-4321-4321-210987654321", "AutoScalingGroupName": "main",
                "LifecycleHookName": "etcd-asg-terminate", "EC2InstanceId": leaving,
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"
            }
        });
        until("the terminate function alone lets it leave", LIMIT, || async {
            scene.account.invoke("instance-terminate", event.to_string().into_bytes()).await?;
            ensure!(!cluster.ids().await?.contains(&leaving), "{leaving} is still in the group");
            Ok(())
        })
        .await?;
        scene.account.fault(json!({"fault": "schedule", "enabled": true})).await?;
        cluster.settles(3).await?;
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Events come in the wrong order: that of an instance's termination before that of its launch. The event of
/// a launch that is over starts nothing.
#[test]
fn the_event_of_a_termination_comes_before_that_of_the_launch() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        scene.account.fault(json!({"fault": "events", "delivery": "reordered"})).await?;
        let known = cluster.ids().await?;
        cluster.terminate(&cluster.follower().await?).await?;
        let newcomer = cluster.newcomer(&known).await?;
        until("the new instance waits at its launch hook", LIMIT, || async {
            let node = cluster
                .nodes()
                .await?
                .into_iter()
                .find(|n| n.id == newcomer)
                .context("the new instance has left")?;
            ensure!(node.lifecycle == "Pending:Wait", "the new instance is {}", node.lifecycle);
            Ok(())
        })
        .await?;
        cluster.terminate(&newcomer).await?;
        cluster.replaces(&newcomer, 3).await?;
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}
