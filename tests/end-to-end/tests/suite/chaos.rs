//! A short run of `make chaos`: the schedule of one seed, on a cluster of three.

use std::time::Instant;

use anyhow::{Result, ensure};
use end_to_end::chaos::plan::Plan;
use end_to_end::chaos::{Watch, arrange, run};

use crate::support::on_a_stage;

/// Its first dozen has two ends of an instance, a cut link, a paused leader, functions that die, and lost answers.
const SEED: u64 = 4;
const FAULTS: usize = 12;

#[test]
fn every_promise_holds_through_a_dozen_faults() {
    on_a_stage(|options| arrange(options, SEED), |scene| async move { dozen(&scene.account).await });
}

async fn dozen(account: &end_to_end::account::Account) -> Result<()> {
    let plan = Plan::new(SEED, FAULTS, 3);
    let report = run(account, &plan, Watch { begun: Instant::now(), closely: false }).await?;
    println!("{report}");
    ensure!(report.violations.is_empty(), "{:?}; again: {}", report.violations, report.again());
    ensure!(report.carried_out() > FAULTS / 2, "only {} faults were carried out", report.carried_out());
    Ok(())
}
