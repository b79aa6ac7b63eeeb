//! Every call that the functions make is throttled, fails, is slow, or loses its answers for a while: one
//! call after another, each during a replacement. A lost answer is the worst: the call took effect, also in
//! S3, and its caller does not know.

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::support::{Scene, brisk, nothing_lost, on_a_stage};

/// The calls of the functions when a leader is terminated in order and replaced.
const CALLS: [(&str, &str); 17] = [
    ("autoscaling", "DescribeAutoScalingGroups"),
    ("autoscaling", "DescribeLifecycleHooks"),
    ("autoscaling", "CompleteLifecycleAction"),
    ("autoscaling", "RecordLifecycleActionHeartbeat"),
    ("ec2", "DescribeInstances"),
    ("ssm", "GetParametersByPath"),
    ("ssm", "PutParameter"),
    ("ssm", "DeleteParameter"),
    ("s3", "GetObject"),
    ("s3", "PutObject"),
    ("etcd", "maintenance/status"),
    ("etcd", "maintenance/transfer-leadership"),
    ("etcd", "kv/range"),
    ("etcd", "cluster/member/list"),
    ("etcd", "cluster/member/add"),
    ("etcd", "cluster/member/promote"),
    ("etcd", "cluster/member/remove"),
];
/// The functions make this call only if an instance is sick.
const SICK: (&str, &str) = ("autoscaling", "SetInstanceHealth");
/// How many calls in a row are disturbed: more than any client repeats by itself.
const STORM: u64 = 5;
/// The delay of a slow call: longer than the functions wait for any answer.
const SLOW_MILLIS: u64 = 6_000;

fn effect(name: &str) -> Value {
    match name {
        "delay" => json!({"effect": "delay", "millis": SLOW_MILLIS}),
        _ => json!({"effect": name}),
    }
}

fn storm((service, operation): (&str, &str), effect_name: &str) -> Value {
    let mut fault = json!({"fault": "api", "service": service, "operation": operation, "caller": "function",
        "count": STORM});
    let (Some(fault_fields), Value::Object(more)) = (fault.as_object_mut(), effect(effect_name)) else {
        return fault;
    };
    fault_fields.extend(more);
    fault
}

/// How often the faults that are set have happened.
async fn fired(scene: &Scene) -> Result<u64> {
    Ok(scene.account.fired().await?.into_iter().sum())
}

/// The operations that the functions have called so far.
async fn called(scene: &Scene) -> Result<BTreeSet<(String, String)>> {
    let state = scene.account.state().await?;
    let services = state["calls"]["function"].as_object().cloned().context("the functions made no call")?;
    let all = services.iter().flat_map(|(service, operations)| {
        let operations = operations.as_object().into_iter().flat_map(|operations| operations.keys());
        operations.map(move |operation| (service.clone(), operation.clone()))
    });
    Ok(all.collect())
}

/// Disturbs each call in turn, during a replacement of the leader.
async fn each_call(scene: Scene, effect_name: &str) -> Result<()> {
    let settings = [("unproven-grace", "15s")];
    let cluster = Cluster::create(scene.account.clone(), "main", 3, &settings).await?;
    cluster.settles(3).await?;
    let load = Load::start(&cluster, "load")?;
    let mut undisturbed = Vec::new();
    for call in CALLS {
        scene.account.fault(storm(call, effect_name)).await?;
        let leader = cluster.leader().await?;
        cluster.terminate(&leader).await?;
        cluster.replaces(&leader, 3).await.with_context(|| format!("{effect_name}: {call:?}"))?;
        let times = fired(&scene).await?;
        println!("{effect_name}: {} {} was disturbed {times} times", call.0, call.1);
        if times == 0 {
            undisturbed.push(call);
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
    }
    scene.account.fault(storm(SICK, effect_name)).await?;
    let sick = cluster.follower().await?;
    scene.account.fault(json!({"fault": "pause", "instance": sick})).await?;
    cluster.replaces(&sick, 3).await?;
    ensure!(fired(&scene).await? > 0, "no call of {SICK:?} was disturbed");
    let known: BTreeSet<_> =
        CALLS.iter().chain([&SICK]).map(|(s, o)| ((*s).to_owned(), (*o).to_owned())).collect();
    let missing: Vec<_> = called(&scene).await?.difference(&known).cloned().collect();
    ensure!(missing.is_empty(), "the functions make calls that this test does not disturb: {missing:?}");
    ensure!(
        undisturbed.iter().all(|call| SELDOM.contains(call)),
        "these calls were not made, so they were not disturbed: {undisturbed:?}"
    );
    nothing_lost(&cluster, load).await
}

/// Not every replacement has these calls: a heartbeat is sent only in a long one, a range only to an old
/// etcd.
const SELDOM: [(&str, &str); 2] = [("autoscaling", "RecordLifecycleActionHeartbeat"), ("etcd", "kv/range")];

#[test]
#[ignore = "make matrix"]
fn each_call_is_throttled_for_a_while() {
    on_a_stage(brisk, |scene| each_call(scene, "throttle"));
}

#[test]
#[ignore = "make matrix"]
fn each_call_fails_for_a_while() {
    on_a_stage(brisk, |scene| each_call(scene, "fail"));
}

#[test]
#[ignore = "make matrix"]
fn each_call_is_slow_for_a_while() {
    on_a_stage(brisk, |scene| each_call(scene, "delay"));
}

#[test]
#[ignore = "make matrix"]
fn each_call_loses_its_answers_for_a_while() {
    on_a_stage(brisk, |scene| each_call(scene, "lose-answer"));
}

/// By chance, every fifth call to any service fails, and every fifth answer is lost.
#[test]
fn any_call_fails_or_loses_its_answer_by_chance() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let by_chance = |effect: &str| {
            json!({"fault": "api", "service": "*", "caller": "function", "effect": effect, "probability": 0.2,
                "count": 60})
        };
        scene.account.fault(json!([by_chance("fail"), by_chance("lose-answer")])).await?;
        let leader = cluster.leader().await?;
        cluster.terminate(&leader).await?;
        cluster.replaces(&leader, 3).await?;
        until("the faults have happened 20 times", LIMIT, || async {
            ensure!(fired(&scene).await? >= 20, "{} times so far", fired(&scene).await?);
            Ok(())
        })
        .await?;
        nothing_lost(&cluster, load).await
    });
}
