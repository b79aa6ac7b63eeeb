//! `make chaos`: faults of every kind, in an order that a seed decides, on a cluster under load.
//!
//! Prints each fault as it begins and ends, and a table at the end. If a promise did not hold, it prints the
//! reason and the command that repeats the run, and exits with a non-zero status.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use end_to_end::chaos::{Plan, Report, Watch, arrange, run};
use end_to_end::outln;
use end_to_end::stage::Stage;

/// Injects faults of every kind into a cluster on this machine, and checks that every promise holds.
#[derive(Parser)]
struct Arguments {
    /// How many faults to inject.
    #[arg(long, default_value_t = 40)]
    faults: usize,
    /// The seed of the faults' schedule, of the clients' choices and of the region's own randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many members the cluster has.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=7))]
    size: u8,
    /// Only print the schedule of faults.
    #[arg(long)]
    plan: bool,
    /// Also print what the group and the functions do.
    #[arg(long)]
    closely: bool,
    /// Also print what the region logs, on standard error.
    #[arg(long)]
    verbose: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plan = Plan::new(arguments.seed, arguments.faults, arguments.size.into());
    if arguments.plan {
        for step in &plan.steps {
            outln!(
                "{:>8.1} s  for {:>5.1} s  {:?}",
                step.start.as_secs_f64(),
                step.lasts.as_secs_f64(),
                step.fault
            );
        }
        return ExitCode::SUCCESS;
    }
    let level = if arguments.verbose { "info" } else { "error" };
    tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).init();
    match chaos(&plan, arguments.closely).await {
        Ok(report) => conclude(&report),
        Err(error) => {
            outln!("\nNOT CARRIED OUT: {error:#}\nTo repeat it: {}", Report::new(&plan).again());
            ExitCode::FAILURE
        }
    }
}

async fn chaos(plan: &Plan, closely: bool) -> Result<Report> {
    let stage = Stage::start(|options| arrange(options, plan.seed)).await?;
    outln!(
        "A local region runs at {}. It is hostile on purpose: events come late and twice, reads are stale.\n",
        stage.endpoint()
    );
    let watch = Watch { begun: Instant::now(), closely };
    let outcome = tokio::select! {
        outcome = run(&stage.account, plan, watch) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    stage.end().await;
    outcome
}

fn conclude(report: &Report) -> ExitCode {
    outln!("\n{report}");
    if report.violations.is_empty() {
        outln!("Everything that was promised held.");
        return ExitCode::SUCCESS;
    }
    for violation in &report.violations {
        outln!("NOT AS PROMISED: {violation}");
    }
    outln!("To repeat it: {}", report.again());
    ExitCode::FAILURE
}
