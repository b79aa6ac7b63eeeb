use std::time::Duration;

use anyhow::{Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;
use membership::ledger::Phase;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage};

/// A formed cluster of three, then this fault until the functions have run into it often enough, and one instance
/// leaving meanwhile: no voter is removed and no cluster is born while it lasts, and all is well afterwards.
async fn nothing_happens_under(scene: &Scene, fault: Value) -> Result<()> {
    let (cluster, load) = scene.three_under_load().await?;
    let follower = cluster.follower().await?;
    let ran = invocations(&cluster).await?;
    scene.account.fault(fault.clone()).await?;
    cluster.terminate(&follower).await?;
    until("the functions ran into it", LIMIT, || async {
        let more = invocations(&cluster).await? - ran;
        ensure!(more >= 4, "{more} of 4 invocations under {fault} have ended");
        Ok(())
    })
    .await?;
    let ledger = cluster.ledger().await?;
    assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed under {fault}");
    assert_eq!((ledger.generation.number, ledger.generation.phase), (1, Phase::Formed), "under {fault}");
    scene.account.fault(json!({"fault": "clear"})).await?;
    cluster.replaces(&follower, 3).await?;
    nothing_lost(&cluster, load).await
}

/// How many invocations have ended so far.
pub async fn invocations(cluster: &Cluster) -> Result<usize> {
    let state = cluster.account.state().await?;
    let entries = state["timeline"].as_array().cloned().unwrap_or_default();
    Ok(entries.iter().filter(|e| e["kind"] == "function" && is_end(e)).count())
}

fn is_end(entry: &Value) -> bool {
    let text = entry["text"].as_str().unwrap_or_default();
    ["ended", "answered", "failed", "timed out", "killed"].iter().any(|word| text.contains(word))
}

fn quick(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(12);
    options.tick = Some(Duration::from_secs(4));
}

#[test]
fn etcd_says_nothing() {
    on_a_stage(quick, |scene| async move {
        nothing_happens_under(
            &scene,
            json!({"fault": "api", "service": "etcd", "caller": "function", "effect": "hang"}),
        )
        .await
    });
}

#[test]
fn etcd_answers_with_errors() {
    on_a_stage(quick, |scene| async move {
        let fault = json!({"fault": "api", "service": "etcd", "caller": "function", "effect": "fail", "status": 503,
            "message": "etcdserver: request timed out"});
        nothing_happens_under(&scene, fault).await
    });
}

#[test]
fn ec2_and_the_group_cannot_be_read() {
    on_a_stage(quick, |scene| async move {
        let fault = json!([
            {"fault": "api", "service": "ec2", "caller": "function", "effect": "throttle"},
            {"fault": "api", "service": "autoscaling", "operation": "DescribeAutoScalingGroups", "caller": "function",
             "effect": "fail", "status": 500, "code": "InternalFailure", "message": "try again", "probability": 0.5}
        ]);
        nothing_happens_under(&scene, fault).await
    });
}

#[test]
fn the_ledger_cannot_be_written() {
    on_a_stage(quick, |scene| async move {
        let fault = json!({"fault": "api", "service": "s3", "operation": "PutObject", "caller": "function",
            "effect": "fail", "status": 503, "code": "SlowDown", "message": "Please reduce your request rate."});
        nothing_happens_under(&scene, fault).await
    });
}

/// Only some members answer the functions: a partial view is no view.
#[test]
fn two_of_three_members_are_silent_to_the_functions() {
    on_a_stage(quick, |scene| async move {
        let cluster = scene.cluster(3).await?;
        cluster.settles(3).await?;
        let load = end_to_end::load::Load::start(&cluster, "load")?;
        let leader = cluster.leader().await?;
        let follower = cluster.follower().await?;
        let ran = invocations(&cluster).await?;
        for url in cluster.endpoints().await? {
            if url != cluster.client_url(&leader).await? {
                let target = url.trim_start_matches("http://");
                let fault = json!({"fault": "api", "service": "etcd", "caller": "function", "target": target,
                    "effect": "hang"});
                scene.account.fault(fault).await?;
            }
        }
        cluster.terminate(&follower).await?;
        until("the functions ran into it", LIMIT, || async {
            let more = invocations(&cluster).await? - ran;
            ensure!(more >= 4, "{more} of 4 invocations have ended");
            Ok(())
        })
        .await?;
        assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed on a partial view");
        scene.account.fault(json!({"fault": "clear"})).await?;
        cluster.replaces(&follower, 3).await?;
        nothing_lost(&cluster, load).await
    });
}
