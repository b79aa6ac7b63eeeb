//! The functions cannot read or write something for a while: nothing is changed meanwhile.

use std::time::Duration;

use anyhow::Result;
use end_to_end::check;
use membership::ledger::Phase;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage};

/// How many invocations have to end while a fault lasts.
const INVOCATIONS: usize = 4;

/// Sets this fault on a cluster of three, and terminates an instance while it lasts. No voter is removed and
/// no generation opens meanwhile; afterwards the instance is replaced.
async fn nothing_happens_under(scene: &Scene, fault: Value) -> Result<()> {
    let (cluster, load) = scene.three_under_load().await?;
    let follower = cluster.follower().await?;
    let before = cluster.invocations().await?;
    scene.account.fault(fault.clone()).await?;
    cluster.terminate(&follower).await?;
    cluster.invocations_after(before, INVOCATIONS).await?;
    let ledger = cluster.ledger().await?;
    assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed under {fault}");
    assert_eq!((ledger.generation.number, ledger.generation.phase), (1, Phase::Formed), "under {fault}");
    scene.account.fault(json!({"fault": "clear"})).await?;
    cluster.replaces(&follower, 3).await?;
    nothing_lost(&cluster, load).await
}

fn quick(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(12);
    options.tick = Some(Duration::from_secs(4));
}

#[test]
fn etcd_does_not_answer() {
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

/// Only one of three members answers the functions. That is no member list, so nothing may be changed.
#[test]
fn two_of_three_members_are_silent_to_the_functions() {
    on_a_stage(quick, |scene| async move {
        let cluster = scene.cluster(3).await?;
        cluster.settles(3).await?;
        let load = end_to_end::load::Load::start(&cluster, "load")?;
        let leader = cluster.leader().await?;
        let follower = cluster.follower().await?;
        let before = cluster.invocations().await?;
        for url in cluster.endpoints().await? {
            if url != cluster.client_url(&leader).await? {
                let target = url.trim_start_matches("http://");
                let fault = json!({"fault": "api", "service": "etcd", "caller": "function", "target": target,
                    "effect": "hang"});
                scene.account.fault(fault).await?;
            }
        }
        cluster.terminate(&follower).await?;
        cluster.invocations_after(before, INVOCATIONS).await?;
        assert!(
            check::removed_voters(&cluster).await?.is_empty(),
            "a voter was removed without a member list"
        );
        scene.account.fault(json!({"fault": "clear"})).await?;
        cluster.replaces(&follower, 3).await?;
        nothing_lost(&cluster, load).await
    });
}
