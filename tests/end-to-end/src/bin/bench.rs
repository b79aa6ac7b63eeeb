//! The figures, measured in one run on this machine and written as a table, most of them as ratios.
//!
//! The region is friendly here (no stale reads, no doubled events), so that the figures are the product's.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use end_to_end::cluster::Cluster;
use end_to_end::load::Load;
use end_to_end::stage::Stage;
use serde_json::Value;

/// What stands above the table in the file.
const HEAD: &str = "# Figures

Written by `make bench`: one run on one machine, the debug build, on a friendly local region. The ratios are what to
compare; the seconds depend on the machine. Sizes of the release packages are not measured yet.

";

/// Measures the figures.
#[derive(Parser)]
struct Arguments {
    /// Write the table to this file, too.
    #[arg(long)]
    out: Option<PathBuf>,
}

struct Figure {
    what: &'static str,
    measured: String,
    goal: &'static str,
    reached: Option<bool>,
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
    let mut figures = starts()?;
    let stage = Stage::start(|options| {
        options.hostile = false;
        options.tick = Some(Duration::from_secs(10));
    })
    .await?;
    let measured = on_the_region(&stage, &mut figures).await;
    stage.end().await;
    measured?;
    let table = table(&figures);
    println!("{table}");
    if let Some(path) = arguments.out {
        std::fs::write(&path, format!("{HEAD}{table}"))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

async fn on_the_region(stage: &Stage, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("forming a cluster of three …");
    let begun = Instant::now();
    let cluster = stage.group("bench", 3).await?;
    cluster.settles(3).await?;
    let formed = begun.elapsed().as_secs_f64();
    figures.push(Figure {
        what: "formation of three from simultaneous launches",
        measured: format!("{formed:.1} s, {:.2} × 6 s", formed / 6.0),
        goal: "1.5 × the 6 s of etcd's health interval",
        reached: Some(formed <= 9.0),
    });
    published(stage, figures).await?;
    settled_run(stage, &cluster, figures).await?;
    replaced_in_turn(&cluster, figures).await?;
    killed(&cluster, figures).await
}

/// From the launch event to the seed's env, beside the necessary calls one after another: for a group of one, whose
/// launch no other invocation disturbs, with functions that are warm.
async fn published(stage: &Stage, figures: &mut Vec<Figure>) -> Result<()> {
    let solo = stage.group("solo", 1).await?;
    solo.settles(1).await?;
    let state = solo.account.state().await?;
    let publishes = |c: &Value| {
        let target = c["target"].as_str().unwrap_or_default();
        c["operation"] == "PutParameter" && target.contains("/solo/instances/")
    };
    let mut invocations = state["invocations"].as_array().into_iter().flatten();
    let launch =
        invocations.find(|i| calls(i).iter().any(publishes)).context("nobody published the seed's env")?;
    let all = calls(launch);
    let at = all.iter().position(publishes).context("just found")?;
    let necessary: f64 = all[..=at].iter().map(|c| number(&c["end"]) - number(&c["start"])).sum();
    let first = all.iter().map(|c| number(&c["start"])).fold(f64::INFINITY, f64::min);
    let took = number(&all[at]["end"]) - first;
    figures.push(Figure {
        what: "launch event → first parameter published, from the first call",
        measured: format!("{took:.0} ms, {:.2} × its {} calls alone", took / necessary, at + 1),
        goal: "1.25 × the necessary calls, one after another",
        reached: Some(took <= 1.25 * necessary),
    });
    Ok(())
}

async fn settled_run(stage: &Stage, cluster: &Cluster, figures: &mut Vec<Figure>) -> Result<()> {
    let settled = end_to_end::wait::until("a settled run", Duration::from_secs(60), || async {
        let event = br#"{"cluster": "bench"}"#.to_vec();
        stage.account.invoke("reconcile", event).await?;
        let state = cluster.account.state().await?;
        let last = state["invocations"].as_array().and_then(|i| i.last().cloned()).context("none yet")?;
        let writes = |c: &Value| ["PutObject", "PutParameter"].iter().any(|op| c["operation"] == *op);
        ensure!(!calls(&last).iter().any(writes), "it still wrote");
        Ok(calls(&last).len())
    })
    .await?;
    figures.push(Figure {
        what: "calls of a scheduled run on a settled cluster of three",
        measured: format!("{settled}, no write"),
        goal: "n + 6 = 9, no write",
        reached: Some(settled <= 9),
    });
    Ok(())
}

async fn replaced_in_turn(cluster: &Cluster, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("replacing every node in turn under load …");
    let load = Load::start(cluster, "turn")?;
    let nodes = cluster.nodes().await?;
    for node in &nodes {
        cluster.terminate(&node.id).await?;
        cluster.replaces(&node.id, 3).await?;
    }
    let account = load.end().await?;
    let gap = account.longest_gap.as_millis();
    figures.push(Figure {
        what: "every node replaced in turn under load",
        measured: format!(
            "{} acknowledged, {} lost, longest gap {gap} ms",
            account.acknowledged,
            account.lost.len()
        ),
        goal: "0 lost, longest gap under 100 ms",
        reached: Some(account.lost.is_empty() && gap < 100),
    });
    Ok(())
}

async fn killed(cluster: &Cluster, figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("killing a follower …");
    let (before, _) = writes(cluster).await?;
    let follower = cluster.follower().await?;
    let begun = Instant::now();
    cluster.kill(&follower).await?;
    cluster.replaces(&follower, 3).await?;
    let took = begun.elapsed().as_secs_f64();
    figures.push(Figure {
        what: "node killed → full voters again",
        measured: format!("{took:.1} s, {:.2} × 11.4 s", took / 11.4),
        goal: "1.3 × (two looks 6 s apart + etcd's 5 s + start and promotion 0.4 s)",
        reached: Some(took <= 1.3 * 11.4),
    });
    let (after, _) = writes(cluster).await?;
    figures.push(Figure {
        what: "writes to S3 and SSM for that replacement (a removal and a join), all invocations together",
        measured: format!("{}", after - before),
        goal: "at most 10 for the join alone",
        reached: None,
    });
    Ok(())
}

/// How many writes the functions have made so far, and how many calls in all.
async fn writes(cluster: &Cluster) -> Result<(u64, u64)> {
    let counts = cluster.account.state().await?["calls"]["function"].clone();
    let (mut writes, mut all) = (0, 0);
    for (_, operations) in counts.as_object().into_iter().flatten() {
        for (operation, count) in operations.as_object().into_iter().flatten() {
            let count = count.as_u64().unwrap_or(0);
            all += count;
            if ["PutObject", "PutParameter", "DeleteParameter"].contains(&operation.as_str()) {
                writes += count;
            }
        }
    }
    Ok((writes, all))
}

/// From exec to the first call of the runtime API, beside a function that does nothing.
fn starts() -> Result<Vec<Figure>> {
    let exe = std::env::current_exe()?;
    let dir = exe.parent().context("a program stands in a folder")?;
    let idle = dir.join("examples/probe-function");
    let mut measured = start(&dir.join("reconcile"))?;
    let mut figure = Figure {
        what: "function start: exec → first poll of the runtime API",
        measured: String::new(),
        goal: "1.5 × a function that does nothing",
        reached: None,
    };
    if idle.is_file() {
        let baseline = start(&idle)?;
        measured = measured.min(start(&dir.join("reconcile"))?);
        figure.reached = Some(measured <= baseline.mul_f64(1.5));
        let ratio = measured.as_secs_f64() / baseline.as_secs_f64();
        figure.measured =
            format!("{:.0} ms, {ratio:.2} × the idle one (same build)", measured.as_secs_f64() * 1e3);
    } else {
        figure.measured =
            format!("{:.0} ms; no idle function was built beside it", measured.as_secs_f64() * 1e3);
    }
    Ok(vec![figure])
}

fn start(program: &Path) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let begun = Instant::now();
        let mut child = Command::new(program)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
                ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", "x".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
                ("ETCD_ASG_BUCKET", "bench".to_owned()),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        listener.accept()?;
        best = best.min(begun.elapsed());
        child.kill()?;
        child.wait()?;
    }
    Ok(best)
}

fn calls(invocation: &Value) -> Vec<Value> {
    invocation["calls"].as_array().cloned().unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn table(figures: &[Figure]) -> String {
    let mut out = String::from("| figure | measured | goal | reached |\n|---|---|---|---|\n");
    for f in figures {
        let reached = f.reached.map_or("–", |r| if r { "yes" } else { "not yet" });
        let _ = writeln!(out, "| {} | {} | {} | {reached} |", f.what, f.measured, f.goal);
    }
    out
}
