//! Faults of every kind from a seed, on a cluster under load: told as they come, with a table at the end. Ends with a
//! non-zero exit code, the reason, and the command to repeat it, if anything promised did not hold.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use end_to_end::chaos::plan::Plan;
use end_to_end::chaos::report::Report;
use end_to_end::chaos::{Watch, arrange, run};
use end_to_end::stage::Stage;

/// Chaos on a cluster of this machine.
#[derive(Parser)]
struct Arguments {
    /// How many faults.
    #[arg(long, default_value_t = 40)]
    faults: usize,
    /// Where their schedule, the clients and the region's own chance come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many members.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=7))]
    size: u8,
    /// Print the schedule, and do nothing.
    #[arg(long)]
    plan: bool,
    /// Tell also what the group and the functions do.
    #[arg(long)]
    closely: bool,
    /// Show what the region and its functions log.
    #[arg(long)]
    verbose: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plan = Plan::new(arguments.seed, arguments.faults, arguments.size.into());
    if arguments.plan {
        for step in &plan.steps {
            println!(
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
            println!("\nNOT CARRIED OUT: {error:#}\nAgain: {}", Report::new(&plan).again());
            ExitCode::FAILURE
        }
    }
}

async fn chaos(plan: &Plan, closely: bool) -> Result<Report> {
    let stage = Stage::start(|options| arrange(options, plan.seed)).await?;
    println!(
        "A region runs at {}, hostile: events come late and twice, reads are stale.\n",
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
    println!("\n{report}");
    if report.violations.is_empty() {
        println!("Everything that was promised held.");
        return ExitCode::SUCCESS;
    }
    for violation in &report.violations {
        println!("NOT AS PROMISED: {violation}");
    }
    println!("Again: {}", report.again());
    ExitCode::FAILURE
}
