//! A function is killed at each of its outgoing calls, in the kinds of step that `crash.rs` does not have:
//! the birth and the end of a cluster, sick instances, joiners that never join, and the calls that need no
//! claim. It is killed after the call took effect and before its answer, which is the worst moment.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use membership::ledger::Phase;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage};

/// The number of calls of a step: the claim, a second look of about ten calls, the change, and the close of
/// the claim.
pub const CALLS: u64 = 16;
/// A call without a claim, and a few calls after it.
const FEW: u64 = 6;

pub fn quick(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(12);
    options.tick = Some(Duration::from_secs(3));
}

/// Kills a function at this call, counted from the first call that matches `from`, which has number 0.
fn kill(call: u64, from: &Value) -> Value {
    json!({"fault": "kill-function", "function": "*", "call": call, "when": "after", "count": 1, "from": from})
}

/// Matches the write of a ledger that contains this text.
fn ledger_write(part: &str) -> Value {
    json!({"service": "s3", "operation": "PutObject", "body_contains": part})
}

/// Matches the write of a ledger with a claim of this change.
pub fn claim(change: &str) -> Value {
    ledger_write(&format!("\"change\": \"{change}\""))
}

pub async fn set_kills(scene: &Scene, call: u64, from: &[Value]) -> Result<()> {
    scene.account.fault(json!({"fault": "clear"})).await?;
    let kills = from.iter().map(|from| kill(call, from)).collect();
    scene.account.fault(Value::Array(kills)).await
}

/// How many functions were killed in each step, in all rounds together.
pub struct Tally {
    killed: Vec<u64>,
}

impl Tally {
    pub fn new(steps: usize) -> Self {
        Self { killed: vec![0; steps] }
    }

    pub async fn add(&mut self, scene: &Scene, call: u64) -> Result<()> {
        let now = scene.account.fired().await?;
        println!("call {call}: functions killed in each step: {now:?}");
        for (sum, now) in self.killed.iter_mut().zip(now) {
            *sum += now;
        }
        Ok(())
    }

    pub fn all_hit(&self, steps: &[&str]) -> Result<()> {
        let missed: Vec<_> = steps.iter().zip(&self.killed).filter(|(_, killed)| **killed == 0).collect();
        ensure!(missed.is_empty(), "no function was killed in these steps: {missed:?}");
        Ok(())
    }
}

/// Waits until the group is empty and the generation has ended.
async fn ends(cluster: &Cluster) -> Result<()> {
    let ended = until("the cluster ends", LIMIT, || async {
        let nodes = cluster.nodes().await?;
        ensure!(nodes.is_empty(), "the group still has {nodes:?}");
        let phase = cluster.ledger().await?.generation.phase;
        ensure!(phase == Phase::Ended, "the generation is {phase:?}");
        Ok(())
    });
    cluster.explained(ended.await).await
}

const LIFE: [&str; 6] = [
    "open the generation",
    "create the seed's env",
    "seal the seed",
    "publish the endpoints",
    "end the generation",
    "complete the last hook",
];

/// A cluster of one forms and is ended, again and again. Each is the next generation.
fn born_and_ended(hand: u64, hands: usize) {
    on_a_stage(quick, move |scene| async move {
        let cluster = Cluster::create(scene.account.clone(), "main", 0, &[]).await?;
        let steps = [
            ledger_write("\"phase\": \"opened\""),
            json!({"service": "ssm", "operation": "PutParameter", "body_contains": "ETCD_INITIAL_CLUSTER_STATE"}),
            claim("seal"),
            json!({"service": "ssm", "operation": "PutParameter", "body_contains": "/endpoints"}),
            ledger_write("\"phase\": \"ended\""),
            json!({"service": "autoscaling", "operation": "CompleteLifecycleAction"}),
        ];
        let mut tally = Tally::new(steps.len());
        let mut generation = 0;
        for call in (hand..CALLS).step_by(hands) {
            set_kills(&scene, call, &steps).await?;
            cluster.resize(9, 1).await?;
            cluster.settles(1).await?;
            generation += 1;
            assert_eq!(
                cluster.ledger().await?.generation.number,
                generation,
                "the cluster needed more than one generation"
            );
            cluster.end(generation).await?;
            ends(&cluster).await?;
            tally.add(&scene, call).await?;
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
        check::ledger_invariants(&cluster).await?;
        if hand == 0 {
            tally.all_hit(&LIFE)?;
        }
        Ok(())
    });
}

#[test]
#[ignore = "make matrix"]
fn killed_while_a_cluster_is_born_and_ended_first_hand() {
    born_and_ended(0, 3);
}

#[test]
#[ignore = "make matrix"]
fn killed_while_a_cluster_is_born_and_ended_second_hand() {
    born_and_ended(1, 3);
}

#[test]
#[ignore = "make matrix"]
fn killed_while_a_cluster_is_born_and_ended_third_hand() {
    born_and_ended(2, 3);
}

/// The calls without a claim, when the leader is terminated in order and replaced.
#[test]
#[ignore = "make matrix"]
fn killed_while_the_leader_hands_over_and_its_parameters_are_deleted() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let names = [
            "move the leader",
            "complete a hook",
            "delete a parameter",
            "publish the members",
            "create an env",
        ];
        let steps = [
            json!({"service": "etcd", "operation": "maintenance/transfer-leadership"}),
            json!({"service": "autoscaling", "operation": "CompleteLifecycleAction"}),
            json!({"service": "ssm", "operation": "DeleteParameter"}),
            json!({"service": "ssm", "operation": "PutParameter", "body_contains": "/initial-cluster"}),
            json!({"service": "ssm", "operation": "PutParameter", "body_contains": "ETCD_ASG_DATA=empty"}),
        ];
        let mut tally = Tally::new(steps.len());
        for call in 0..FEW {
            set_kills(&scene, call, &steps).await?;
            let leader = cluster.leader().await?;
            cluster.terminate(&leader).await?;
            cluster.replaces(&leader, 3).await?;
            tally.add(&scene, call).await?;
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
        tally.all_hit(&names)?;
        nothing_lost(&cluster, load).await
    });
}

/// One voter is frozen, and is set unhealthy. The first instance launched to replace it never boots, and is
/// given up.
async fn one_round(scene: &Scene, cluster: &Cluster) -> Result<()> {
    let frozen = cluster.follower().await?;
    let before = scene.account.machines().await?;
    scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
    let joiner = until("the replacement is launched", LIMIT, || async {
        let now = scene.account.machines().await?;
        now.into_iter().find(|id| !before.contains(id)).context("no new machine runs")
    })
    .await?;
    scene.account.fault(json!({"fault": "pause", "instance": joiner})).await?;
    for instance in [&joiner, &frozen] {
        cluster.replaces(instance, 3).await?;
    }
    Ok(())
}

fn sick_and_given_up(hand: u64, hands: usize) {
    on_a_stage(quick, move |scene| async move {
        let settings = [("unproven-grace", "10s"), ("join-patience", "20s")];
        let cluster = Cluster::create(scene.account.clone(), "main", 3, &settings).await?;
        cluster.settles(3).await?;
        let load = Load::start(&cluster, "load")?;
        let steps = [claim("set-unhealthy"), claim("abandon-launch")];
        let mut tally = Tally::new(steps.len());
        for call in (hand..CALLS).step_by(hands) {
            set_kills(&scene, call, &steps).await?;
            one_round(&scene, &cluster).await?;
            tally.add(&scene, call).await?;
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
        if hand == 0 {
            tally.all_hit(&["set unhealthy", "abandon a launch"])?;
        }
        nothing_lost(&cluster, load).await
    });
}

#[test]
#[ignore = "make matrix"]
fn killed_while_sick_instances_are_replaced_and_joiners_given_up_first_hand() {
    sick_and_given_up(0, 2);
}

#[test]
#[ignore = "make matrix"]
fn killed_while_sick_instances_are_replaced_and_joiners_given_up_second_hand() {
    sick_and_given_up(1, 2);
}
