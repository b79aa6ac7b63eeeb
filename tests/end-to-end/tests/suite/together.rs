//! Several instances leave at once.

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use end_to_end::witness;
use serde_json::json;

use crate::support::{brisk, nothing_lost, on_a_stage};

/// Terminates this many at once, the leader among them, and waits for the end: each was replaced before it was
/// removed, and no two leaned on the same replacement.
async fn leave_together(cluster: &Cluster, load: Load, size: usize, leaving: usize) -> Result<()> {
    let leader = cluster.leader().await?;
    let mut ids: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
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

/// Story 13, waiting in the doorway: only the terminate function is ever called, for an instance that has to wait. Its
/// wait must not end the decision: it is this very invocation that adds the replacement it waits for.
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
        until("the terminate function alone brings it to its end", LIMIT, || async {
            scene.account.invoke("instance-terminate", event.to_string().into_bytes()).await?;
            ensure!(cluster.nodes().await?.iter().all(|n| n.id != leaving), "it is still there");
            Ok(())
        })
        .await?;
        scene.account.fault(json!({"fault": "schedule", "enabled": true})).await?;
        cluster.settles(3).await?;
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Each event comes after the one that followed it, so an instance's termination is heard of before its launch: a
/// launch that is over starts nothing.
#[test]
fn a_termination_is_heard_of_before_its_launch() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        scene.account.fault(json!({"fault": "events", "delivery": "reordered"})).await?;
        let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
        cluster.terminate(&cluster.follower().await?).await?;
        let newcomer = cluster.newcomer(&known).await?;
        until("it waits at its launch hook", LIMIT, || async {
            let node = cluster.nodes().await?.into_iter().find(|n| n.id == newcomer).context("it is gone")?;
            ensure!(node.lifecycle == "Pending:Wait", "it is {}", node.lifecycle);
            Ok(())
        })
        .await?;
        cluster.terminate(&newcomer).await?;
        cluster.replaces(&newcomer, 3).await?;
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}
