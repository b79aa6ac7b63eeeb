//! `make bench`: measures the product on this machine and prints a table. Most figures are ratios of two
//! measurements of the same run, because seconds depend on the machine.
//!
//! The region is friendly here: it has no stale reads and delivers each event once, so it adds nothing to the
//! figures.

mod figure;
mod packages;
mod plain;
mod product;
mod starts;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use end_to_end::stage::Stage;

use self::figure::table;

/// The text above the table in the file.
const HEAD: &str = "# Figures

Written by `make bench`: one run of the debug build on one machine, on a friendly local region. Compare the ratios; the
seconds depend on the machine. The package sizes are those that the last `make package` left.

";

/// Measures the product on a local region, and prints the figures as a table.
#[derive(Parser)]
struct Arguments {
    /// Also write the table to this file.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_env_filter("error").with_writer(std::io::stderr).init();
    eprintln!("bench: starting the functions …");
    let mut figures = starts::starts()?;
    eprintln!("bench: measuring etcd without the product, for comparison …");
    let plain = plain::measure().await?;
    let stage = Stage::start(|options| {
        options.hostile = false;
        options.tick = Some(Duration::from_secs(10));
        options.function_environment.remove("ETCD_ASG_OWNER_SETTLES");
    })
    .await?;
    let measured = product::measure(&stage, &plain, &mut figures).await;
    stage.end().await;
    measured?;
    figures.push(packages::sizes()?);
    let table = table(&figures);
    end_to_end::outln!("{table}");
    if let Some(path) = arguments.out {
        std::fs::write(&path, format!("{HEAD}{table}"))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
