//! A function is killed at each of its outgoing calls in turn, during a join, a promotion and a removal. It
//! is killed after the call took effect and before its answer, which is the worst moment. Each round replaces
//! one instance, so that all three kinds of change happen, and kills one invocation in each of them.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage};

/// The calls are dealt out to this many tests, which run side by side.
const HANDS: u64 = 4;
/// More than the calls that the longest change, a promotion, makes after its claim. A test ends earlier, with
/// the first round in which no function is killed.
const MOST: u64 = 40;

#[test]
fn killed_at_each_call_first_hand() {
    deal(0);
}

#[test]
#[ignore = "make matrix"]
fn killed_at_each_call_second_hand() {
    deal(1);
}

#[test]
#[ignore = "make matrix"]
fn killed_at_each_call_third_hand() {
    deal(2);
}

#[test]
#[ignore = "make matrix"]
fn killed_at_each_call_fourth_hand() {
    deal(3);
}

fn deal(hand: u64) {
    let quick = |o: &mut region::Options| {
        o.function_timeout = Duration::from_secs(12);
        o.tick = Some(Duration::from_secs(3));
    };
    on_a_stage(quick, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let mut killed = 0;
        for call in (hand..MOST).step_by(HANDS as usize) {
            for change in ["add-learner", "promote", "remove"] {
                scene.account.fault(kill(change, call)).await?;
            }
            let follower = cluster.follower().await?;
            cluster.terminate(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            let now = fired(&scene).await?;
            assert!(
                call >= HANDS || now == 3,
                "a join, a promotion and a removal each make at least {HANDS} calls, but only {now} functions were killed"
            );
            if now == 0 {
                break;
            }
            killed += now;
            scene.account.fault(json!({"fault": "clear"})).await?;
        }
        println!("hand {hand}: {killed} functions were killed");
        nothing_lost(&cluster, load).await
    });
}

/// Kills a function at this call, counted from the write of its claim, which has number 0.
fn kill(change: &str, call: u64) -> Value {
    let claim = format!("\"change\": \"{change}\"");
    json!({"fault": "kill-function", "function": "*", "call": call, "when": "after", "count": 1,
        "from": {"service": "s3", "operation": "PutObject", "body_contains": claim}})
}

/// How many of the faults that are set have happened.
async fn fired(scene: &Scene) -> Result<u64> {
    Ok(scene.account.fired().await?.into_iter().sum())
}
