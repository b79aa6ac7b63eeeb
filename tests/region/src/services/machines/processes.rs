//! Finding and signalling processes by a marker in their environment, which every descendant inherits.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often `/proc` is read while processes are ending.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The environment variable `NAME=value` that marks an instance's processes.
#[derive(Clone, Debug)]
pub struct Marker {
    name: &'static str,
    value: String,
}

impl Marker {
    /// A marker; its value must be unique on this machine.
    pub fn new(name: &'static str, value: String) -> Self {
        Self { name, value }
    }

    /// The name and the value, for the environment of a process to be started.
    pub fn variable(&self) -> (&'static str, &str) {
        (self.name, &self.value)
    }

    /// The IDs of the processes that have the marker now, without zombies.
    pub fn processes(&self) -> Vec<Pid> {
        let wanted = format!("{}={}", self.name, self.value);
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| carries(*pid, wanted.as_bytes()))
            .map(Pid::from_raw)
            .collect()
    }

    /// Sends a signal to all processes that have the marker now; returns how many there were.
    pub fn signal(&self, signal: Signal) -> usize {
        let processes = self.processes();
        for pid in &processes {
            send(*pid, signal);
        }
        processes.len()
    }

    /// Sends SIGKILL until no process is left.
    pub async fn kill_all(&self) {
        while self.signal(Signal::SIGKILL) > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Sends SIGSTOP until all processes are stopped, including those forked meanwhile.
    pub async fn stop_all(&self) {
        loop {
            let running: Vec<Pid> = self.processes().into_iter().filter(|pid| !is_stopped(*pid)).collect();
            if running.is_empty() {
                return;
            }
            for pid in running {
                send(pid, Signal::SIGSTOP);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until no process is left; returns false where some are left after the limit.
    pub async fn gone_within(&self, limit: Duration) -> bool {
        let gone = async {
            while !self.processes().is_empty() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(limit, gone).await.is_ok()
    }

    /// The processes whose executable has this name.
    pub fn named(&self, name: &str) -> Vec<Pid> {
        let is_named = |pid: &Pid| {
            std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| file_name(&exe) == Some(name))
        };
        self.processes().into_iter().filter(is_named).collect()
    }
}

/// Sends a signal to a process, if it is still there.
pub fn send(pid: Pid, signal: Signal) {
    match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(%pid, %signal, %error, "a signal could not be sent"),
    }
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn carries(pid: i32, wanted: &[u8]) -> bool {
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|variable| variable == wanted))
}

/// The state letter comes after the command name, which may itself hold spaces and brackets (proc(5)).
fn is_stopped(pid: Pid) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 't' | 'Z' | 'X') | None)
}
