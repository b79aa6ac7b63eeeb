//! A short run of chaos: the first dozen faults of one seed, on a cluster of three.

use std::time::Instant;

use anyhow::{Result, ensure};
use end_to_end::chaos::{Plan, Watch, arrange, run};

use crate::support::on_a_stage;

/// Its first dozen faults end two instances, cut a link, kill an etcd, pause one, scale, set the size to 0 for a night,
/// write a setting that nobody can read, and lose events.
const SEED: u64 = 44;
const FAULTS: usize = 12;

#[test]
fn every_promise_holds_through_a_dozen_faults() {
    on_a_stage(|options| arrange(options, SEED), |scene| async move { dozen(&scene.account).await });
}

async fn dozen(account: &end_to_end::account::Account) -> Result<()> {
    let plan = Plan::new(SEED, FAULTS, 3);
    let report = run(account, &plan, Watch { begun: Instant::now(), closely: false }).await?;
    println!("{report}");
    ensure!(report.violations.is_empty(), "{:?}; to repeat it: {}", report.violations, report.again());
    ensure!(report.injected() > FAULTS / 2, "only {} faults were injected", report.injected());
    Ok(())
}
