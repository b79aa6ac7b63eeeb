//! The local region in the foreground, until Ctrl-C.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use region::site::{REGION, SECRET_ACCESS_KEY};
use region::{Options, Region};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A local region for etcd-asg: Auto Scaling, EC2, SSM, S3, EventBridge and Lambda on loopback, with real
/// etcd on its instances.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port of all APIs on 127.0.0.1; 0 takes any free one.
    #[arg(long, env = "PORT", default_value_t = 4600)]
    port: u16,
    /// The seed of all randomness; by default a new one is drawn and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// No stale reads; no events twice, late or reordered.
    #[arg(long)]
    friendly: bool,
    /// The directory of the function binaries.
    #[arg(long, default_value = "target/debug")]
    functions_dir: PathBuf,
    /// The directory of the boot script and the unit.
    #[arg(long, default_value = "instance")]
    instance_dir: PathBuf,
    /// The directory of etcd, etcdctl and etcdutl.
    #[arg(long, env = "ETCD_BIN_DIR", default_value = ".tools/etcd/3.6.16")]
    etcd_dir: PathBuf,
    /// A further image and the directory of its etcd, ami-…=DIR, for launch templates to name; may be
    /// repeated.
    #[arg(long = "image", value_parser = image)]
    images: Vec<(String, PathBuf)>,
    /// The directory for everything that is written, removed at the end; by default a temporary directory.
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Seconds from a launch to the start of the boot script.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    boot_delay: f64,
    /// MiB of a separate disk for each instance's data, which a fault can then fill; needs root.
    #[arg(long)]
    disk_mib: Option<u32>,
    /// Seconds between the ticks of the schedule that calls `reconcile`; 0 switches it off.
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    tick: f64,
    /// Seconds until a group notices that an instance is dead.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    health_check_delay: f64,
    /// Divides the duration of hook timeouts, so that they run out sooner.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    hook_time_scale: f64,
    /// Additional environment of the functions, NAME=VALUE; may be repeated.
    #[arg(long = "function-env", value_parser = variable)]
    function_environment: Vec<(String, String)>,
}

/// Standard error, whose reader may leave, as in `region 2>&1 | head`: the region goes on.
struct Forgiving(std::io::Stderr);

impl Write for Forgiving {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.0.write(bytes);
        written
            .or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(bytes.len()) } else { Err(error) })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=86_400.0).contains(&value) {
        Ok(value)
    } else {
        Err("must be between 0 and 86400 seconds".to_owned())
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.001..=1e6).contains(&value) {
        Ok(value)
    } else {
        Err("must be between 0.001 and 1000000".to_owned())
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn image(text: &str) -> Result<(String, PathBuf), String> {
    let named = text.split_once('=').filter(|(id, _)| id.starts_with("ami-"));
    let (id, directory) = named.ok_or("must be ami-…=DIR")?;
    Ok((id.to_owned(), PathBuf::from(directory)))
}

impl Arguments {
    fn options(self) -> Options {
        Options {
            port: self.port,
            seed: self.seed.unwrap_or_else(rand::random),
            hostile: !self.friendly,
            functions_dir: self.functions_dir,
            instance_dir: self.instance_dir,
            etcd_dir: self.etcd_dir,
            images: self.images.into_iter().collect(),
            state_dir: self.state_dir,
            boot_delay: Duration::from_secs_f64(self.boot_delay),
            disk_mib: self.disk_mib,
            tick: (self.tick > 0.0).then(|| Duration::from_secs_f64(self.tick)),
            health_check_delay: Duration::from_secs_f64(self.health_check_delay),
            hook_time_scale: self.hook_time_scale,
            function_environment: self.function_environment.into_iter().collect(),
            ..Options::default()
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("region: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // Colours are for a terminal: in a file or a pipe they are noise.
    log.with_ansi(std::io::stderr().is_terminal()).with_writer(|| Forgiving(std::io::stderr())).init();
    let options = Arguments::parse().options();
    check_files(&options)?;
    let seed = options.seed;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let region = Region::start(options).await?;
    greet(&greeting(&region, seed))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    region.shutdown().await;
    Ok(())
}

/// Prints the greeting. The region goes on where the reader has left, as in `region | head -3`.
fn greet(greeting: &str) -> std::io::Result<()> {
    let written = writeln!(std::io::stdout(), "{greeting}");
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Checks the files before anything starts; otherwise they would be missed only when the first instance
/// boots.
fn check_files(options: &Options) -> anyhow::Result<()> {
    let needed = [
        (
            &options.functions_dir,
            "instance-launch",
            "build the functions, or name their directory with --functions-dir",
        ),
        (
            &options.functions_dir,
            "instance-terminate",
            "build the functions, or name their directory with --functions-dir",
        ),
        (
            &options.functions_dir,
            "reconcile",
            "build the functions, or name their directory with --functions-dir",
        ),
        (
            &options.instance_dir,
            "etcd-asg.sh",
            "start in the checkout, or name the checkout's instance/ with --instance-dir",
        ),
        (
            &options.instance_dir,
            "etcd-asg.service",
            "start in the checkout, or name the checkout's instance/ with --instance-dir",
        ),
        (&options.etcd_dir, "etcd", "run `make etcd`, or name the directory of an etcd with --etcd-dir"),
    ];
    let images =
        options.images.values().map(|dir| (dir, "etcd", "name the directory of an etcd with --image"));
    for (directory, file, remedy) in needed.into_iter().chain(images) {
        let path = directory.join(file);
        anyhow::ensure!(path.is_file(), "{} is missing: {remedy}", path.display());
    }
    Ok(())
}

fn greeting(region: &Region, seed: u64) -> String {
    let endpoint = region.endpoint();
    format!(
        "# The region is up; seed {seed}; instances on {network}/24; state: {endpoint}/_region/state
# Watch it at {page}
export AWS_ENDPOINT_URL={endpoint}
export AWS_REGION={REGION}
export AWS_DEFAULT_REGION={REGION}
export AWS_ACCESS_KEY_ID=AKIALOCALREGION
export AWS_SECRET_ACCESS_KEY={SECRET_ACCESS_KEY}
# A first cluster:
#   aws autoscaling create-auto-scaling-group --auto-scaling-group-name demo --min-size 0 --max-size 3 \\
#     --desired-capacity 3 --launch-template LaunchTemplateName=any --availability-zones us-west-2a us-west-2b us-west-2c \\
#     --tags Key=etcd-asg:cluster,Value=demo,PropagateAtLaunch=true --lifecycle-hook-specification-list \\
#     LifecycleHookName=launch,LifecycleTransition=autoscaling:EC2_INSTANCE_LAUNCHING,HeartbeatTimeout=300 \\
#     LifecycleHookName=terminate,LifecycleTransition=autoscaling:EC2_INSTANCE_TERMINATING,HeartbeatTimeout=300",
        network = region.network().address(0),
        page = region.page(),
    )
}
