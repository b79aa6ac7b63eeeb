//! A function is killed after each of its outgoing calls, in the kinds of step that `crash.rs` does not have:
//! formation and its end, sick instances and joiners that never arrive, and the calls that need no claim. Killed
//! after the call took effect and before it was answered, which is the worst moment.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::wait::until;
use membership::ledger::Phase;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage};

/// The calls from the one that begins a step to the one that closes it: claim, a whole second look (about ten calls),
/// the change, its close. What follows is the next step's.
pub const CALLS: u64 = 16;
/// A call without a claim, and the few after it.
const FEW: u64 = 6;

pub fn quick(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(12);
    options.tick = Some(Duration::from_secs(3));
}

/// Killed at this call, counted from the first that matches, which is number 0.
fn kill(call: u64, from: &Value) -> Value {
    json!({"fault": "kill-function", "function": "*", "call": call, "when": "after", "count": 1, "from": from})
}

fn ledger_says(part: &str) -> Value {
    json!({"service": "s3", "operation": "PutObject", "body_contains": part})
}

pub fn claim(change: &str) -> Value {
    ledger_says(&format!("\"change\": \"{change}\""))
}

pub async fn set_kills(scene: &Scene, call: u64, from: &[Value]) -> Result<()> {
    scene.account.fault(json!({"fault": "clear"})).await?;
    let kills = from.iter().map(|from| kill(call, from)).collect();
    scene.account.fault(Value::Array(kills)).await
}

/// How often each of the kills that are set has happened.
async fn fired(scene: &Scene) -> Result<Vec<u64>> {
    let state = scene.account.state().await?;
    let faults = state["faults"].as_array().cloned().unwrap_or_default();
    Ok(faults.iter().filter_map(|fault| fault["fired"].as_u64()).collect())
}

/// Adds up over the rounds: each step must have been hit at its first call, and somewhere beyond.
pub struct Tally {
    killed: Vec<u64>,
}

impl Tally {
    pub fn new(steps: usize) -> Self {
        Self { killed: vec![0; steps] }
    }

    pub async fn add(&mut self, scene: &Scene, call: u64) -> Result<()> {
        let now = fired(scene).await?;
        println!("call {call}: killed {now:?}");
        for (sum, now) in self.killed.iter_mut().zip(now) {
            *sum += now;
        }
        Ok(())
    }

    pub fn all_hit(&self, steps: &[&str]) -> Result<()> {
        let missed: Vec<_> = steps.iter().zip(&self.killed).filter(|(_, killed)| **killed == 0).collect();
        ensure!(missed.is_empty(), "nobody was killed in these steps: {missed:?}");
        Ok(())
    }
}

/// The group's size; zero is the operator's word that the cluster is to end.
async fn resize(cluster: &Cluster, max: i32, desired: i32) -> Result<()> {
    let call = cluster.account.autoscaling.update_auto_scaling_group().auto_scaling_group_name(&cluster.name);
    call.min_size(0).max_size(max).desired_capacity(desired).send().await.context("resizing the group")?;
    Ok(())
}

/// No instance is left, the ledger says ended, and nothing is published any more.
async fn ends(cluster: &Cluster) -> Result<()> {
    let ended = until("the cluster ends", LIMIT, || async {
        let nodes = cluster.nodes().await?;
        ensure!(nodes.is_empty(), "the group still has {nodes:?}");
        let phase = cluster.ledger().await?.generation.phase;
        ensure!(phase == Phase::Ended, "the generation is {phase:?}");
        Ok(())
    });
    if let Err(error) = ended.await {
        cluster.tell(&error).await;
        return Err(error);
    }
    Ok(())
}

const LIFE: [&str; 6] = [
    "open the generation",
    "put the seed's env",
    "seal the seed",
    "publish the endpoints",
    "end the generation",
    "complete the last hook",
];

/// A cluster of one is born and ended, again and again: each is the next generation.
fn born_and_ended(hand: u64, hands: usize) {
    on_a_stage(quick, move |scene| async move {
        let cluster = Cluster::create(scene.account.clone(), "main", 0, &[]).await?;
        let steps = [
            ledger_says("\"phase\": \"opened\""),
            json!({"service": "ssm", "operation": "PutParameter", "body_contains": "ETCD_INITIAL_CLUSTER_STATE"}),
            claim("seal"),
            json!({"service": "ssm", "operation": "PutParameter", "body_contains": "/endpoints"}),
            ledger_says("\"phase\": \"ended\""),
            json!({"service": "autoscaling", "operation": "CompleteLifecycleAction"}),
        ];
        let mut tally = Tally::new(steps.len());
        let mut generation = 0;
        for call in (hand..CALLS).step_by(hands) {
            set_kills(&scene, call, &steps).await?;
            resize(&cluster, 9, 1).await?;
            cluster.settles(1).await?;
            generation += 1;
            assert_eq!(cluster.ledger().await?.generation.number, generation, "one generation a life");
            resize(&cluster, 0, 0).await?;
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

/// The calls of an orderly replacement of the leader that need no claim.
#[test]
#[ignore = "make matrix"]
fn killed_while_a_leader_hands_over_and_the_rest_is_tidied_up() {
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let names = ["move the leader", "complete a hook", "delete a parameter", "publish", "put an env"];
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

/// One voter is frozen and set unhealthy; the first instance that is to replace it never boots and is given up.
async fn one_round(scene: &Scene, cluster: &Cluster) -> Result<()> {
    let frozen = cluster.follower().await?;
    let before: Vec<String> = machines(scene).await?;
    scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
    let joiner = until("the replacement is launched", LIMIT, || async {
        machines(scene).await?.into_iter().find(|id| !before.contains(id)).context("not yet")
    })
    .await?;
    scene.account.fault(json!({"fault": "pause", "instance": joiner})).await?;
    for instance in [&joiner, &frozen] {
        cluster.replaces(instance, 3).await?;
    }
    Ok(())
}

async fn machines(scene: &Scene) -> Result<Vec<String>> {
    let machines = scene.account.state().await?["machines"].as_array().cloned().unwrap_or_default();
    Ok(machines.iter().filter_map(|machine| machine["instance"].as_str().map(str::to_owned)).collect())
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
fn killed_while_sick_ones_are_replaced_and_joiners_given_up_first_hand() {
    sick_and_given_up(0, 2);
}

#[test]
#[ignore = "make matrix"]
fn killed_while_sick_ones_are_replaced_and_joiners_given_up_second_hand() {
    sick_and_given_up(1, 2);
}
