//! Hooks that are not much longer than the schedule's period, with the period that AWS has. These tests take minutes,
//! because the functions go by AWS's times.

use std::time::Duration;

use anyhow::{Result, ensure};
use end_to_end::account::Account;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::{in_the_end, until};
use serde_json::json;

use crate::support::{every_second, on_a_stage};

/// The schedule and the timeout of `template.yaml`.
fn as_deployed(options: &mut region::Options) {
    options.tick = Some(Duration::from_secs(60));
    options.function_timeout = Duration::from_secs(60);
}

/// A group whose hooks have this timeout, with one instance in service.
async fn one(account: &Account, timeout: i32) -> Result<Cluster> {
    let cluster = Cluster::create(account.clone(), &format!("t{timeout}"), 0, &[]).await?;
    cluster.hook_heartbeat("launch", timeout).await?;
    cluster.hook_heartbeat("terminate", timeout).await?;
    cluster.scale(1).await?;
    Ok(cluster)
}

/// Voters that cannot leave wait through four ticks of the schedule, each behind a hook of its own timeout.
fn outlast(events: &'static str, paused: bool) {
    on_a_stage(as_deployed, |scene| async move {
        let mut clusters = Vec::new();
        for timeout in [60, 90, 120] {
            clusters.push(one(&scene.account, timeout).await?);
        }
        for cluster in &clusters {
            cluster.settles_within(1, LIMIT * 2).await?;
        }
        scene.account.fault(json!({"fault": "events", "delivery": events})).await?;
        let mut leaving = Vec::new();
        for cluster in &clusters {
            if paused {
                cluster.tag("paused", "true").await?;
            }
            // The voter waits for a replacement that does not come.
            let suspend =
                scene.account.autoscaling.suspend_processes().auto_scaling_group_name(&cluster.name);
            suspend.scaling_processes("Launch").send().await?;
            let id = cluster.ids().await?.remove(0);
            cluster.terminate(&id).await?;
            cluster.becomes(&id, "Terminating:Wait").await?;
            leaving.push(id);
        }
        let runs = || async {
            let timeline = scene.account.timeline().await?;
            let of_schedule = |e: &&end_to_end::account::TimelineEntry| {
                e.kind == "function" && e.who == "reconcile" && e.text.contains("answered")
            };
            Ok::<_, anyhow::Error>(timeline.iter().filter(of_schedule).count())
        };
        let before = runs().await?;
        in_the_end("four ticks pass", LIMIT * 3, || async {
            let passed = runs().await? - before;
            ensure!(passed >= 4, "{passed} ticks");
            Ok(())
        })
        .await?;
        for (cluster, id) in clusters.iter().zip(&leaving) {
            let nodes = cluster.nodes().await?;
            let state = nodes.iter().find(|n| n.id == *id).map(|n| n.lifecycle.as_str());
            let still = ensure_waits(&cluster.name, state);
            cluster.explained(still).await?;
        }
        Ok(())
    });
}

fn ensure_waits(name: &str, state: Option<&str>) -> Result<()> {
    ensure!(state == Some("Terminating:Wait"), "{name}: the leaving voter's instance is {state:?}");
    Ok(())
}

#[test]
#[ignore = "make matrix"]
fn hooks_outlast_the_schedule_while_paused() {
    outlast("normal", true);
}

#[test]
#[ignore = "make matrix"]
fn hooks_outlast_the_schedule_while_paused_and_events_are_lost() {
    outlast("never", true);
}

#[test]
#[ignore = "make matrix"]
fn hooks_outlast_the_schedule_while_events_are_lost() {
    outlast("never", false);
}

/// A hook of half a minute can run out between two ticks: nothing is founded, and the reason is told. With a longer
/// hook the cluster forms. A living cluster whose hook is shortened later is told, and is managed all the same.
#[test]
fn hooks_that_are_too_short_are_refused_before_anything_is_held() {
    on_a_stage(every_second, |scene| async move {
        let cluster = scene.cluster(0).await?;
        cluster.hook_heartbeat("terminate", 30).await?;
        cluster.scale(1).await?;
        cluster.logs_note("hook-timeout-too-short", None).await?;
        cluster.had_their_chance(3).await?;
        ensure!(cluster.ledger().await.is_err(), "a cluster was founded");
        cluster.hook_heartbeat("terminate", 300).await?;
        cluster.settles(1).await?;
        cluster.hook_heartbeat("launch", 30).await?;
        cluster
            .reports_fact("hook-timeout-too-short", "the launch hook has a heartbeat timeout of 30 s")
            .await?;
        cluster.hook_heartbeat("launch", 300).await?;
        cluster.hook_heartbeat("terminate", 30).await?;
        cluster.scale(3).await?;
        cluster.settles(3).await?;
        let leaving = cluster.follower().await?;
        cluster.terminate(&leaving).await?;
        cluster.replaces(&leaving, 3).await
    });
}

/// A hook of a minute is seen in time although its event is lost just after a tick, because the invocation of that
/// tick has stayed.
#[test]
fn an_invocation_of_the_schedule_stays_beside_short_hooks() {
    on_a_stage(every_second, |scene| async move {
        let cluster = one(&scene.account, 60).await?;
        cluster.settles(1).await?;
        cluster.tag("paused", "on").await?;
        let (before, looks) = (cluster.invocations().await?, looks(&scene.account).await?);
        cluster.invocations_after(before, 2).await?;
        until("an invocation looks more than once", LIMIT, || async {
            let (ended, looked) =
                (cluster.invocations().await? - before, looks_since(&scene.account, looks).await?);
            ensure!(looked > ended as u64 + 2, "{looked} looks in {ended} invocations");
            Ok(())
        })
        .await
    });
}

async fn looks(account: &Account) -> Result<u64> {
    account.function_calls("autoscaling", "DescribeLifecycleHooks").await
}

async fn looks_since(account: &Account, before: u64) -> Result<u64> {
    Ok(looks(account).await? - before)
}
