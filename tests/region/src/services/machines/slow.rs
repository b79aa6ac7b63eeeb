//! A slow disk: a tracer delays each sync of a process. No other tool does that here: loopback disks have no
//! delay setting, and the throttling of block devices does not affect a tmpfs.

use std::process::Stdio;
use std::time::Duration;

use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How long the tracer may take to attach.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a disk cannot be made slow.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No etcd runs whose syncs could be delayed.
    #[error("slow-disk: no etcd runs on {0} now")]
    NoEtcd(String),
    /// strace cannot be run.
    #[error("syncs are delayed by strace, which cannot be run here: install strace")]
    NoTracer(#[source] std::io::Error),
    /// strace cannot attach to the process.
    #[error("strace cannot trace process {pid} (this needs root): {said}")]
    Refused {
        /// The process ID of etcd.
        pid: Pid,
        /// What strace printed.
        said: String,
    },
}

/// Keeps the syncs of a process slow until it is dropped.
pub(super) struct Slow {
    _tracer: Child,
}

impl Slow {
    /// Attaches to a process; returns once each of its syncs takes `millis` longer.
    ///
    /// # Errors
    /// [`Problem`].
    pub(super) async fn start(pid: Pid, millis: u64) -> Result<Self, Problem> {
        let inject = format!("inject=fsync,fdatasync:delay_enter={}", millis.saturating_mul(1_000));
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-e", &inject]);
        command.args(["-o", "/dev/null", "-p", &pid.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut tracer = command.spawn().map_err(Problem::NoTracer)?;
        let begun = Instant::now();
        while !traced(pid) {
            let ended = tracer.try_wait().is_ok_and(|status| status.is_some());
            if ended || begun.elapsed() > PATIENCE {
                return Err(Problem::Refused { pid, said: words(tracer).await });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { _tracer: tracer })
    }
}

async fn words(mut tracer: Child) -> String {
    let _ends_at_the_latest_now = tracer.start_kill();
    let mut said = String::new();
    if let Some(mut stderr) = tracer.stderr.take() {
        let _what_there_is = stderr.read_to_string(&mut said).await;
    }
    said.trim().to_owned()
}

/// Whether a tracer is attached (proc(5)).
fn traced(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}
