//! The shape that most tests share.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use end_to_end::check;
use end_to_end::cluster::Cluster;
use end_to_end::load::Load;
use end_to_end::stage::Stage;
use end_to_end::witness;
use membership::ids::InstanceId;
use region::Options;

/// Runs a test on a region of its own, which ends also when the test fails.
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
        // The reason in one line, last: the chain, without the backtrace that a debug print of it would bring.
        assert!(outcome.is_ok(), "{}", outcome.err().map(|error| format!("{error:#}")).unwrap_or_default());
    });
}

/// A function's time and the schedule as stories want them: what an invocation leaves undone is soon taken up.
pub fn brisk(options: &mut Options) {
    options.function_timeout = Duration::from_secs(20);
    options.tick = Some(Duration::from_secs(3));
}

/// What a test sees of its stage.
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

    /// A formed cluster of three, under a load.
    pub async fn three_under_load(&self) -> Result<(Cluster, Load)> {
        self.under_load(3, &[]).await
    }

    /// A formed cluster with these settings, under a load.
    pub async fn under_load(&self, size: usize, settings: &[(&str, &str)]) -> Result<(Cluster, Load)> {
        let cluster = self.cluster_with(i32::try_from(size)?, settings).await?;
        cluster.settles(size).await?;
        let load = Load::start(&cluster, "load")?;
        Ok((cluster, load))
    }

    /// A formed cluster of three under a load, whose launch hook lasts 240 times as long as its terminate hook.
    pub async fn three_with_long_launches(&self) -> Result<(Cluster, Load)> {
        let cluster = self.cluster(0).await?;
        for (hook, heartbeat) in [("etcd-asg-launch", 7_200), ("etcd-asg-terminate", 30)] {
            let put = self.account.autoscaling.put_lifecycle_hook().auto_scaling_group_name(&cluster.name);
            put.lifecycle_hook_name(hook).heartbeat_timeout(heartbeat).send().await?;
        }
        cluster.scale(3).await?;
        cluster.settles(3).await?;
        let load = Load::start(&cluster, "load")?;
        Ok((cluster, load))
    }
}

/// The end of every test with a load: nothing lost, every invariant of the ledger held, one cluster only.
pub async fn nothing_lost(cluster: &Cluster, load: Load) -> Result<()> {
    load.loses_nothing().await?;
    check::ledger_invariants(cluster).await?;
    witness::changes_only_under_claim(cluster).await?;
    let generation = cluster.ledger().await?.generation.number;
    anyhow::ensure!(generation == 1, "there were {generation} clusters");
    Ok(())
}

/// Of all voters only those of these instances were removed, each of them, however often a removal had to be claimed.
pub async fn only_removed(cluster: &Cluster, instances: &[&str]) -> Result<()> {
    let removed = check::removed_voters(cluster).await?;
    let of: BTreeSet<&str> = removed.iter().filter_map(|c| c.instance().map(InstanceId::as_str)).collect();
    let wanted: BTreeSet<&str> = instances.iter().copied().collect();
    anyhow::ensure!(of == wanted, "these were to be removed: {wanted:?}; these were: {removed:?}");
    Ok(())
}
