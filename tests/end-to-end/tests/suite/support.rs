//! What most tests share: a region, a cluster under load, and the checks at the end.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use anyhow::{Result, ensure};
use aws_sdk_autoscaling::types::{InstanceLifecyclePolicy, RetentionAction, RetentionTriggers};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::stage::Stage;
use end_to_end::wait::until;
use end_to_end::witness;
use membership::ids::InstanceId;
use region::Options;
use serde_json::Value;

/// Runs a test on a region of its own. The region ends also if the test fails.
pub fn on_a_stage<F, Fut>(change: impl FnOnce(&mut Options), test: F)
where
    F: FnOnce(Scene) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = Stage::start(change).await.unwrap();
        let outcome = test(Scene { account: stage.account.clone() }).await;
        stage.end().await;
        // `{error:#}` prints the chain of reasons in one line, without a backtrace.
        assert!(outcome.is_ok(), "{}", outcome.err().map(|error| format!("{error:#}")).unwrap_or_default());
    });
}

/// A short function timeout and a fast schedule: another invocation soon continues what one left undone.
pub fn brisk(options: &mut Options) {
    options.function_timeout = Duration::from_secs(20);
    options.tick = Some(Duration::from_secs(3));
}

/// [`brisk`], with a run of the schedule every second.
pub fn every_second(options: &mut Options) {
    brisk(options);
    options.tick = Some(Duration::from_secs(1));
}

/// What a test has: the account of its region.
pub struct Scene {
    pub account: end_to_end::account::Account,
}

impl Scene {
    pub async fn cluster(&self, size: i32) -> Result<Cluster> {
        Cluster::create(self.account.clone(), "main", size, &[]).await
    }

    /// A cluster with these settings, as tags of its group.
    pub async fn cluster_with(&self, size: i32, settings: &[(&str, &str)]) -> Result<Cluster> {
        Cluster::create(self.account.clone(), "main", size, settings).await
    }

    /// A settled cluster of three, under a load.
    pub async fn three_under_load(&self) -> Result<(Cluster, Load)> {
        self.under_load(3, &[]).await
    }

    /// A settled cluster with these settings, under a load.
    pub async fn under_load(&self, size: usize, settings: &[(&str, &str)]) -> Result<(Cluster, Load)> {
        let cluster = self.cluster_with(i32::try_from(size)?, settings).await?;
        cluster.settles(size).await?;
        let load = Load::start(&cluster, "load")?;
        Ok((cluster, load))
    }

    /// A settled cluster of three under a load. Its launch hook lasts 240 times as long as its terminate
    /// hook.
    pub async fn three_with_long_launches(&self) -> Result<(Cluster, Load)> {
        let cluster = self.cluster(0).await?;
        cluster.hook_heartbeat("launch", 7_200).await?;
        cluster.scale(3).await?;
        cluster.settles(3).await?;
        // A cluster is founded only with hooks of a minute.
        cluster.hook_heartbeat("terminate", 30).await?;
        let load = Load::start(&cluster, "load")?;
        Ok((cluster, load))
    }
}

/// The checks at the end of every test with a load: no acknowledged write was lost, every invariant held in
/// every version of the ledger, and there was only one generation.
pub async fn nothing_lost(cluster: &Cluster, load: Load) -> Result<()> {
    load.loses_nothing().await?;
    check::ledger_invariants(cluster).await?;
    witness::changes_only_under_claim(cluster).await?;
    let generation = cluster.ledger().await?.generation.number;
    anyhow::ensure!(generation == 1, "{generation} generations were opened instead of one");
    Ok(())
}

/// Succeeds if the voters whose removal was ever claimed are exactly those of these instances.
pub async fn only_removed(cluster: &Cluster, instances: &[&str]) -> Result<()> {
    let removed = check::removed_voters(cluster).await?;
    let of: BTreeSet<&str> = removed.iter().filter_map(|c| c.instance().map(InstanceId::as_str)).collect();
    let wanted: BTreeSet<&str> = instances.iter().copied().collect();
    anyhow::ensure!(of == wanted, "removals were expected of {wanted:?}, and were claimed of {removed:?}");
    Ok(())
}

/// The hook of this instance is kept alive, again and again, and the instance still waits in this state.
pub async fn is_kept(cluster: &Cluster, instance: &str, state: &str) -> Result<()> {
    let beats = || async {
        let timeline = cluster.account.timeline().await?;
        Ok::<_, anyhow::Error>(
            timeline.iter().filter(|e| e.who == instance && e.text.contains("kept alive")).count(),
        )
    };
    let before = beats().await?;
    let kept = until("the hook is kept alive", LIMIT, || async {
        let beats = beats().await?;
        ensure!(beats >= before + 3, "{} heartbeats", beats - before);
        Ok(())
    });
    cluster.explained(kept.await).await?;
    let nodes = cluster.nodes().await?;
    let is = nodes.iter().find(|n| n.id == instance).map(|n| n.lifecycle.as_str());
    ensure!(is == Some(state), "{instance} is {is:?}");
    Ok(())
}

/// The functions log a line with this level and this code.
pub async fn is_said(cluster: &Cluster, level: &str, code: &str) -> Result<()> {
    let said = until("the functions say it", LIMIT, || async {
        let log = cluster.account.logs().await?;
        let said = |line: &str| {
            let line: Option<Value> = line.get(line.find('{')?..).and_then(|l| serde_json::from_str(l).ok());
            line.filter(|l| l["level"] == level && l["code"] == code)
        };
        ensure!(log.lines().any(|line| said(line).is_some()), "no {level} line says {code}");
        Ok(())
    });
    cluster.explained(said.await).await
}

/// The group's policy retains an instance whose terminate hook is abandoned.
pub async fn retains(cluster: &Cluster) -> Result<()> {
    let triggers = RetentionTriggers::builder().terminate_hook_abandon(RetentionAction::Retain).build();
    let policy = InstanceLifecyclePolicy::builder().retention_triggers(triggers).build();
    let update = cluster.account.autoscaling.update_auto_scaling_group();
    update.auto_scaling_group_name(&cluster.name).instance_lifecycle_policy(policy).send().await?;
    Ok(())
}
