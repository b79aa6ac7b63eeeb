//! The figures of the product itself, on a friendly region.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::Cluster;
use end_to_end::load::Load;
use end_to_end::stage::Stage;
use serde_json::Value;

use crate::figure::Figure;
use crate::plain::Plain;

/// An instance counts as gone only when two looks this far apart, in seconds, did not find it.
const TWO_LOOKS: f64 = 6.0;
/// etcd refuses a change of the members until its connections are this old, in seconds: its strict
/// reconfiguration check.
const ETCD_WINDOW: f64 = 5.0;

/// Measures all figures of the product, and adds them to `figures`.
pub async fn measure(stage: &Stage, plain: &Plain, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("bench: forming a cluster of three …");
    let begun = Instant::now();
    let cluster = stage.group("bench", 3).await?;
    cluster.settles(3).await?;
    let formed = begun.elapsed().as_secs_f64();
    figures.push(Figure {
        what: "formation of three from simultaneous launches",
        measured: format!("{formed:.1} s, {:.2} × 6 s", formed / 6.0),
        goal: "1.5 × the 6 s of etcd's health interval",
        reached: Some(formed <= 9.0),
        made_of: "the seed's start, then two joins; etcd delays the second join until the first joiner has been connected for 5 s; an instance starts when its boot script next polls its parameter",
    });
    seed_env_created(stage, figures).await?;
    settled_run(stage, &cluster, figures).await?;
    replaced_in_turn(&cluster, plain, figures).await?;
    killed(&cluster, plain, figures).await?;
    leader_killed(&cluster, plain, figures).await?;
    joined(&cluster, figures).await
}

/// The time from the launch event to the creation of the seed's env, compared with the sum of its calls.
/// Measured on a group of one, whose launch no other invocation disturbs, with warm functions.
async fn seed_env_created(stage: &Stage, figures: &mut Vec<Figure>) -> Result<()> {
    let solo = stage.group("solo", 1).await?;
    solo.settles(1).await?;
    let state = solo.account.state().await?;
    let creates = |c: &Value| {
        let target = c["target"].as_str().unwrap_or_default();
        c["operation"] == "PutParameter" && target.contains("/solo/instances/")
    };
    let mut invocations = state["invocations"].as_array().into_iter().flatten();
    let launch =
        invocations.find(|i| calls(i).iter().any(creates)).context("no invocation created the seed's env")?;
    let all = calls(launch);
    let at = all.iter().position(creates).context("no call created the seed's env")?;
    let necessary: f64 = all[..=at].iter().map(|c| number(&c["end"]) - number(&c["start"])).sum();
    let first = all.iter().map(|c| number(&c["start"])).fold(f64::INFINITY, f64::min);
    let took = number(&all[at]["end"]) - first;
    figures.push(Figure {
        what: "launch event → the seed's parameter created, from the first call",
        measured: format!("{took:.0} ms, {:.2} × the sum of its {} calls", took / necessary, at + 1),
        goal: "1.25 × the sum of the necessary calls",
        reached: Some(took <= 1.25 * necessary),
        made_of: "the calls themselves, and between them signing, parsing and deciding, in a debug build",
    });
    Ok(())
}

/// The calls of a scheduled run that finds nothing to do.
async fn settled_run(stage: &Stage, cluster: &Cluster, figures: &mut Vec<Figure>) -> Result<()> {
    let settled =
        end_to_end::wait::until("a scheduled run writes nothing", Duration::from_secs(60), || async {
            let event = br#"{"cluster": "bench"}"#.to_vec();
            stage.account.invoke("reconcile", event).await?;
            let state = cluster.account.state().await?;
            let last = state["invocations"]
                .as_array()
                .and_then(|i| i.last().cloned())
                .context("no invocation has ended yet")?;
            let writes = |c: &Value| ["PutObject", "PutParameter"].iter().any(|op| c["operation"] == *op);
            ensure!(!calls(&last).iter().any(writes), "the last run still wrote");
            Ok(calls(&last).len())
        })
        .await?;
    figures.push(Figure {
        what: "calls of a scheduled run on a settled cluster of three",
        measured: format!("{settled}, no write"),
        goal: "n + 6 = 9, no write",
        reached: Some(settled <= 9),
        made_of: "one look at everything: the group, its hooks, EC2, the ledger, the parameters, the status of each member, and one member list",
    });
    Ok(())
}

async fn replaced_in_turn(cluster: &Cluster, plain: &Plain, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("bench: replacing every node in turn under load …");
    let load = Load::dense(cluster, "turn")?;
    let nodes = cluster.nodes().await?;
    for node in &nodes {
        cluster.terminate(&node.id).await?;
        cluster.replaces(&node.id, 3).await?;
    }
    let account = load.end().await?;
    let (gap, unavoidable) = (account.longest_gap.as_millis(), plain.replaced.longest_gap.as_millis());
    figures.push(Figure {
        what: "every node replaced in turn under load",
        measured: format!(
            "{} acknowledged, {} lost, longest gap {gap} ms ({unavoidable} ms for etcd without the product)",
            account.acknowledged,
            account.lost.len()
        ),
        goal: "0 lost, longest gap under 100 ms",
        reached: Some(account.lost.is_empty() && gap < 100),
        made_of: "moving the leader, sending a joiner its snapshot, and the other work of this machine",
    });
    Ok(())
}

async fn killed(cluster: &Cluster, plain: &Plain, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("bench: killing a follower …");
    let follower = cluster.follower().await?;
    let begun = Instant::now();
    cluster.kill(&follower).await?;
    cluster.replaces(&follower, 3).await?;
    let took = begun.elapsed().as_secs_f64();
    let unavoidable = TWO_LOOKS + ETCD_WINDOW + plain.start_and_promote.as_secs_f64();
    figures.push(Figure {
        what: "node killed → full voters again",
        measured: format!("{took:.1} s, {:.2} × {unavoidable:.1} s", took / unavoidable),
        goal: "1.3 × (two looks 6 s apart + etcd's 5 s + a learner's start and promotion without the product)",
        reached: Some(took <= 1.3 * unavoidable),
        made_of: "two looks at the dead instance, the replacement's boot, etcd's 5 s after each start, and the wait for the schedule where an event came late",
    });
    Ok(())
}

async fn leader_killed(cluster: &Cluster, plain: &Plain, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("bench: killing the leader under load …");
    let load = Load::dense(cluster, "leader")?;
    let leader = cluster.leader().await?;
    cluster.kill(&leader).await?;
    cluster.replaces(&leader, 3).await?;
    let account = load.end().await?;
    let (gap, unavoidable) = (account.longest_gap.as_millis(), plain.leader_killed.as_millis());
    figures.push(Figure {
        what: "leader killed outright under load and replaced",
        measured: format!(
            "{} acknowledged, {} lost, longest gap {gap} ms ({unavoidable} ms for etcd without the product)",
            account.acknowledged,
            account.lost.len()
        ),
        goal: "0 lost; the gap is etcd's election",
        reached: Some(account.lost.is_empty()),
        made_of: "a write that is lost here is a defect: etcd acknowledges only what a majority has stored",
    });
    Ok(())
}

/// The calls of one join to a settled cluster of three: every call of every function, from the change of the
/// desired capacity until the cluster is settled with four members.
async fn joined(cluster: &Cluster, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("bench: adding a fourth member …");
    let (writes_before, calls_before) = writes(cluster).await?;
    cluster.scale(4).await?;
    cluster.settles(4).await?;
    let (writes_after, calls_after) = writes(cluster).await?;
    let (calls, writes) = (calls_after - calls_before, writes_after - writes_before);
    let budget = 4 * (3 + 6) + 14;
    figures.push(Figure {
        what: "outgoing calls for the join of one member to three, all invocations together",
        measured: format!("{calls}, of them {writes} writes to S3 and SSM"),
        goal: "4 × (n + 6) + 14 = 50, of them at most 10 writes",
        reached: Some(calls <= budget && writes <= 10),
        made_of: "several invocations look at the same time, with n + 6 calls a look: those of the launch event, of the schedule and of EC2's state changes; the writes are the claim and the close of each change, the joiner's env twice, and the published parameters",
    });
    Ok(())
}

/// How many writes to S3 and SSM the functions have made so far, and how many calls to all services.
async fn writes(cluster: &Cluster) -> Result<(u64, u64)> {
    let counts = cluster.account.state().await?["calls"]["function"].clone();
    let (mut writes, mut all) = (0, 0);
    for (_, operations) in counts.as_object().into_iter().flatten() {
        for (operation, count) in operations.as_object().into_iter().flatten() {
            let count = count.as_u64().unwrap_or(0);
            all += count;
            if ["PutObject", "PutParameter", "DeleteParameter"].contains(&operation.as_str()) {
                writes += count;
            }
        }
    }
    Ok((writes, all))
}

fn calls(invocation: &Value) -> Vec<Value> {
    invocation["calls"].as_array().cloned().unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}
