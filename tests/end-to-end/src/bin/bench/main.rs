//! The figures, measured in one run on this machine and written as a table, most of them as ratios.
//!
//! The region is friendly here (no stale reads, no doubled events), so that the figures are the product's.

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

/// What stands above the table in the file.
const HEAD: &str = "# Figures

Written by `make bench`: one run on one machine, the debug build, on a friendly local region. The ratios are what to
compare; the seconds depend on the machine. The packages are those that `make package` left, if it was run.

";

/// Measures the figures.
#[derive(Parser)]
struct Arguments {
    /// Write the table to this file, too.
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
    let mut figures = starts::starts()?;
    eprintln!("plain etcds, for comparison …");
    let plain = plain::measure().await?;
    let stage = Stage::start(|options| {
        options.hostile = false;
        options.tick = Some(Duration::from_secs(10));
    })
    .await?;
    let measured = product::measure(&stage, &plain, &mut figures).await;
    stage.end().await;
    measured?;
    figures.push(packages::sizes()?);
    let table = table(&figures);
    println!("{table}");
    if let Some(path) = arguments.out {
        std::fs::write(&path, format!("{HEAD}{table}"))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
