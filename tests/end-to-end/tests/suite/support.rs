//! The shape that most tests share.

use std::future::Future;

use anyhow::Result;
use end_to_end::check;
use end_to_end::cluster::Cluster;
use end_to_end::load::Load;
use end_to_end::stage::Stage;
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

/// What a test sees of its stage.
pub struct Scene {
    pub account: end_to_end::account::Account,
}

impl Scene {
    pub async fn cluster(&self, size: i32) -> Result<Cluster> {
        Cluster::create(self.account.clone(), "main", size, &[]).await
    }

    /// A formed cluster of three, under a load.
    pub async fn three_under_load(&self) -> Result<(Cluster, Load)> {
        let cluster = self.cluster(3).await?;
        cluster.settles(3).await?;
        let load = Load::start(&cluster, "load")?;
        Ok((cluster, load))
    }
}

/// The end of every test with a load: nothing lost, every invariant of the ledger held, one cluster only.
pub async fn nothing_lost(cluster: &Cluster, load: Load) -> Result<()> {
    load.loses_nothing().await?;
    check::ledger_invariants(cluster).await?;
    let generation = cluster.ledger().await?.generation.number;
    anyhow::ensure!(generation == 1, "there were {generation} clusters");
    Ok(())
}
