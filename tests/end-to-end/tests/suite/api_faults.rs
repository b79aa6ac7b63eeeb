//! Every API that the functions use throttles, fails, is slow, or loses its answers for a while, one after another,
//! each during a replacement. A lost answer is the worst: the call took effect, in S3 too, and its caller does not
//! know.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage};

/// What the functions call in an orderly replacement of a leader.
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
/// Only a sick instance makes the functions call this.
const SICK: (&str, &str) = ("autoscaling", "SetInstanceHealth");
/// How often a call is disturbed before it is well again: more often than any client repeats it by itself.
const STORM: u64 = 5;
/// Longer than the functions wait for any single call.
const SLOW_MILLIS: u64 = 6_000;

fn quick(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(20);
    options.tick = Some(Duration::from_secs(3));
}

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
    let state = scene.account.state().await?;
    let faults = state["faults"].as_array().cloned().unwrap_or_default();
    Ok(faults.iter().filter_map(|fault| fault["fired"].as_u64()).sum())
}

/// The operations that the functions have called so far.
async fn called(scene: &Scene) -> Result<BTreeSet<(String, String)>> {
    let state = scene.account.state().await?;
    let services = state["calls"]["function"].as_object().cloned().context("the functions called nothing")?;
    let all = services.iter().flat_map(|(service, operations)| {
        let operations = operations.as_object().into_iter().flat_map(|operations| operations.keys());
        operations.map(move |operation| (service.clone(), operation.clone()))
    });
    Ok(all.collect())
}

/// Each call is disturbed in turn, each during the replacement of the leader.
async fn each_call(scene: Scene, effect_name: &str) -> Result<()> {
    let settings = [("unproven-grace", "15s")];
    let cluster = Cluster::create(scene.account.clone(), "main", 3, &settings).await?;
    cluster.settles(3).await?;
    let load = Load::start(&cluster, "load")?;
    let mut quiet = Vec::new();
    for call in CALLS {
        scene.account.fault(storm(call, effect_name)).await?;
        let leader = cluster.leader().await?;
        cluster.terminate(&leader).await?;
        cluster.replaces(&leader, 3).await.with_context(|| format!("{effect_name}: {call:?}"))?;
        let times = fired(&scene).await?;
        println!("{effect_name} {} {}: {times} times", call.0, call.1);
        if times == 0 {
            quiet.push(call);
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
    }
    scene.account.fault(storm(SICK, effect_name)).await?;
    let sick = cluster.follower().await?;
    scene.account.fault(json!({"fault": "pause", "instance": sick})).await?;
    cluster.replaces(&sick, 3).await?;
    ensure!(fired(&scene).await? > 0, "{SICK:?} was not disturbed");
    let known: BTreeSet<_> =
        CALLS.iter().chain([&SICK]).map(|(s, o)| ((*s).to_owned(), (*o).to_owned())).collect();
    let missing: Vec<_> = called(&scene).await?.difference(&known).cloned().collect();
    ensure!(missing.is_empty(), "the functions call what this test does not disturb: {missing:?}");
    ensure!(
        quiet.iter().all(|call| SELDOM.contains(call)),
        "these were called by nobody, so nothing was disturbed: {quiet:?}"
    );
    nothing_lost(&cluster, load).await
}

/// Not called in every replacement: a heartbeat only where one takes its time, a range only where etcd is old.
const SELDOM: [(&str, &str); 2] = [("autoscaling", "RecordLifecycleActionHeartbeat"), ("etcd", "kv/range")];

#[test]
#[ignore = "make matrix"]
fn each_call_is_throttled_for_a_while() {
    on_a_stage(quick, |scene| each_call(scene, "throttle"));
}

#[test]
#[ignore = "make matrix"]
fn each_call_fails_for_a_while() {
    on_a_stage(quick, |scene| each_call(scene, "fail"));
}

#[test]
#[ignore = "make matrix"]
fn each_call_is_slow_for_a_while() {
    on_a_stage(quick, |scene| each_call(scene, "delay"));
}

#[test]
#[ignore = "make matrix"]
fn each_call_loses_its_answers_for_a_while() {
    on_a_stage(quick, |scene| each_call(scene, "lose-answer"));
}

/// All at once, by chance: every fifth call to anything fails, every fifth answer is lost.
#[test]
fn any_call_fails_or_loses_its_answer_by_chance() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let by_chance = |effect: &str| {
            json!({"fault": "api", "service": "*", "caller": "function", "effect": effect, "probability": 0.2,
                "count": 60})
        };
        scene.account.fault(json!([by_chance("fail"), by_chance("lose-answer")])).await?;
        let leader = cluster.leader().await?;
        cluster.terminate(&leader).await?;
        cluster.replaces(&leader, 3).await?;
        until("the faults have happened", LIMIT, || async {
            ensure!(fired(&scene).await? >= 20, "{} times so far", fired(&scene).await?);
            Ok(())
        })
        .await?;
        nothing_lost(&cluster, load).await
    });
}
