//! `make demo`: the whole product on one machine, with real function binaries and real etcd.
//!
//! A group of three forms a cluster. While four writers write, one instance is killed and replaced, the
//! leader's instance is terminated in order and replaced, three members become five and three again, and an
//! instance refresh replaces every node. At the end every acknowledged write is read back.
//!
//! Prints an account as it happens, and a table at the end. With `--timeline`, the region's page is written
//! to a file. If a promise did not hold, it exits with a non-zero status.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use end_to_end::check;
use end_to_end::cluster::Cluster;
use end_to_end::load::Load;
use end_to_end::narrator::{Narrator, say};
use end_to_end::outln;
use end_to_end::stage::Stage;
use tokio::signal::unix::{SignalKind, signal};

/// Shows a cluster that forms, heals, hands over and scales, on this machine.
#[derive(Parser)]
struct Arguments {
    /// How long an instance takes to boot, in seconds.
    #[arg(long, default_value_t = 2.0)]
    boot_delay: f64,
    /// How often the schedule invokes reconcile, in seconds.
    #[arg(long, default_value_t = 10.0)]
    tick: f64,
    /// At the end, write the region's page with everything that happened to this file.
    #[arg(long)]
    timeline: Option<PathBuf>,
    /// Also print what the region logs, on standard error.
    #[arg(long)]
    verbose: bool,
}

/// A row of the table.
struct Step {
    what: &'static str,
    took: Duration,
    writes: usize,
    longest_gap: Option<Duration>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = if arguments.verbose { "info" } else { "error" };
    tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).init();
    let begun = Instant::now();
    match demo(&arguments, begun).await {
        Ok(Ending::Held) => {
            outln!("\nEverything that was promised held, in {:.0} s.", begun.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Ok(Ending::Interrupted) => {
            outln!(
                "\nInterrupted: the demo has not come to its end, so it says nothing of what was promised."
            );
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            outln!("\nNOT AS PROMISED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The exit status of a program that Ctrl-C ended, as shells give it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// How the demo came to an end, where nothing was broken.
enum Ending {
    Held,
    Interrupted,
}

async fn demo(arguments: &Arguments, begun: Instant) -> Result<Ending> {
    // Before anything is started: a signal without a handler would end the demo and leave its processes behind.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stage = Stage::start(|options| {
        options.boot_delay = Duration::from_secs_f64(arguments.boot_delay);
        options.tick = Some(Duration::from_secs_f64(arguments.tick));
    })
    .await?;
    outln!("{}", introduction(&stage));
    let outcome = tokio::select! {
        outcome = scenario(&stage, begun) => outcome.map(|()| Ending::Held),
        _ = interrupt.recv() => Ok(Ending::Interrupted),
        _ = terminate.recv() => Ok(Ending::Interrupted),
    };
    let written = match (timeline(arguments, &outcome), &outcome) {
        (Some(file), Ok(Ending::Held) | Err(_)) => write_timeline(&stage, &file).await,
        _ => Ok(()),
    };
    stage.end().await;
    outcome.and_then(|ending| written.map(|()| ending))
}

/// Where the timeline goes. It is written also after a failure, because it shows what went wrong, and then beside the
/// timeline of the last good run.
fn timeline(arguments: &Arguments, outcome: &Result<Ending>) -> Option<PathBuf> {
    let file = arguments.timeline.clone()?;
    Some(if outcome.is_ok() { file } else { file.with_extension("failed.html") })
}

fn introduction(stage: &Stage) -> String {
    format!(
        "A local region runs at {}. Its instances run real etcd on loopback addresses,
and its functions are the real binaries. It is hostile on purpose: events come late and twice, and reads
are stale. Watch it in a browser: {}

Each line begins with the seconds since the start. Lines in capitals say what the demo does, \"group\" lines
show the lifecycle of the group's instances, and \"ledger\" lines show what the functions have done. A change
that is withdrawn was not made: the look after its claim found something else.

The seconds are those of loopback. On EC2 come on top: the boot of an instance, some tens of seconds, and the time
until EC2 and Auto Scaling notice a dead one, seconds for a terminated instance and minutes for a failed machine. A
dead member is removed six seconds after the moment when EC2 says that its instance is terminated.
",
        stage.endpoint(),
        stage.page()
    )
}

async fn write_timeline(stage: &Stage, file: &Path) -> Result<()> {
    let page = stage.snapshot_page().await;
    let written = std::fs::write(file, page);
    written.with_context(|| format!("the timeline cannot be written to {}", file.display()))?;
    outln!("\nThe timeline of this run, for a browser: {}", file.display());
    Ok(())
}

async fn scenario(stage: &Stage, begun: Instant) -> Result<()> {
    say(begun, "CREATE a group of three: all are launched at once, and one of them founds the cluster");
    let started = Instant::now();
    let cluster = stage.group("demo", 3).await?;
    let narrator = Narrator::start(cluster.clone(), begun);
    cluster.settles(3).await?;
    let formed = Step {
        what: "three instances form a cluster",
        took: started.elapsed(),
        writes: 0,
        longest_gap: None,
    };

    say(begun, "WRITE from now on: four writers use the published endpoints");
    let load = Load::dense(&cluster, "demo")?;
    let mut scenario = Scenario { begun, cluster: cluster.clone(), load, steps: vec![formed] };
    scenario.killed().await?;
    scenario.terminated().await?;
    scenario
        .scaled(5, "SCALE to five: two instances are launched at once, and join one after the other")
        .await?;
    scenario.scaled(3, "SCALE back to three: two instances are terminated at once, and their members leave one after the other").await?;
    scenario.refreshed().await?;
    narrator.end().await;

    say(begun, "READ every acknowledged write back");
    let Scenario { load, steps, .. } = scenario;
    let written = load.end().await?;
    outln!("\n{}", table(&steps));
    outln!("writes acknowledged: {}, lost: {}", written.acknowledged, written.lost.len());
    outln!("longest gap between two acknowledged writes: {} ms", written.longest_gap.as_millis());
    ensure!(written.acknowledged > 0, "no write was acknowledged");
    ensure!(written.lost.is_empty(), "acknowledged writes were lost: {:?}", written.lost);
    check::ledger_invariants(&cluster).await?;
    let generation = cluster.ledger().await?.generation.number;
    ensure!(generation == 1, "{generation} generations were opened instead of one");
    outln!(
        "one cluster, one seed, never two changes in flight: checked in all {} versions of the ledger",
        cluster.ledgers().await?.len()
    );
    Ok(())
}

/// A cluster under load, and the rows of the table so far.
struct Scenario {
    begun: Instant,
    cluster: Cluster,
    load: Load,
    steps: Vec<Step>,
}

impl Scenario {
    async fn killed(&mut self) -> Result<()> {
        let follower = self.cluster.follower().await?;
        let step = self.open(&format!("KILL {follower} outright: its lifecycle hook does not run"));
        self.cluster.kill(&follower).await?;
        self.cluster.replaces(&follower, 3).await?;
        self.close(step, "a follower is killed outright and replaced");
        Ok(())
    }

    async fn terminated(&mut self) -> Result<()> {
        let leader = self.cluster.leader().await?;
        let step = self
            .open(&format!("TERMINATE {leader}, the leader, in order: it leaves once its replacement votes"));
        self.cluster.terminate(&leader).await?;
        self.cluster.replaces(&leader, 3).await?;
        self.close(step, "the leader is terminated in order and replaced");
        check::replaced_before_removed(&self.cluster, &leader).await
    }

    async fn scaled(&mut self, size: i32, what: &str) -> Result<()> {
        let step = self.open(what);
        self.cluster.scale(size).await?;
        self.cluster.settles(usize::try_from(size)?).await?;
        self.close(step, if size > 3 { "three become five" } else { "five become three" });
        Ok(())
    }

    async fn refreshed(&mut self) -> Result<()> {
        let before = self.cluster.nodes().await?;
        let step = self.open("REFRESH every instance: each leaves once its replacement votes");
        self.cluster.refresh().await?;
        for node in &before {
            self.cluster.replaces(&node.id, 3).await?;
        }
        self.close(step, "an instance refresh replaces every node");
        Ok(())
    }

    fn open(&self, what: &str) -> (Instant, usize) {
        say(self.begun, what);
        (Instant::now(), self.load.so_far())
    }

    fn close(&mut self, (started, before): (Instant, usize), what: &'static str) {
        self.steps.push(Step {
            what,
            took: started.elapsed(),
            writes: self.load.so_far() - before,
            longest_gap: Some(self.load.longest_gap_since(started)),
        });
    }
}

fn table(steps: &[Step]) -> String {
    let mut lines = vec![format!("{:<46} {:>8} {:>8} {:>12}", "what", "took", "writes", "longest gap")];
    for step in steps {
        let gap = step.longest_gap.map_or("-".to_owned(), |g| format!("{} ms", g.as_millis()));
        lines.push(format!(
            "{:<46} {:>6.1} s {:>8} {:>12}",
            step.what,
            step.took.as_secs_f64(),
            step.writes,
            gap
        ));
    }
    lines.join("\n")
}
