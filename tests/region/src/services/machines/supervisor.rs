//! Runs one service as systemd would (systemd.service(5)), from its real unit file.

use std::collections::VecDeque;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::Instant;

use super::host::Host;
use super::processes::send;
use super::status::{Exit, Verdict};
use super::unit::{Exec, Unit};

/// How one run of the service ended.
struct Run {
    verdict: Verdict,
    /// How the main process ended; `None` where it was not started.
    main: Option<Exit>,
}

/// Starts the service, and restarts it as its unit says; returns why it stays down in the end.
pub async fn supervise(unit: &Unit, host: &Host) -> String {
    let mut starts = VecDeque::new();
    loop {
        if burst_exceeded(unit, &mut starts) {
            return say(host, "start request repeated too quickly: the service is not started again");
        }
        let run = run_once(unit, host).await;
        stop_rest(unit, host, None).await;
        let run = stop_post(unit, host, run).await;
        host.remove_runtime_directories(unit);
        if *host.ended() {
            return "the instance has ended".to_owned();
        }
        if !restarts(unit, &run) {
            return say(host, &format!("the service ended ({}) and stays down", run.verdict.word()));
        }
        say(
            host,
            &format!("the service ended ({}); started again in {:?}", run.verdict.word(), unit.restart_delay),
        );
        tokio::time::sleep(unit.restart_delay).await;
    }
}

fn say(host: &Host, text: &str) -> String {
    host.console.print("systemd", text);
    text.to_owned()
}

fn burst_exceeded(unit: &Unit, starts: &mut VecDeque<Instant>) -> bool {
    let now = Instant::now();
    while starts.front().is_some_and(|start| now.duration_since(*start) >= unit.burst_interval) {
        starts.pop_front();
    }
    let exceeded = !unit.burst_interval.is_zero() && starts.len() >= unit.burst;
    starts.push_back(now);
    exceeded
}

/// Whether the unit restarts the service. Its lists of exit statuses apply to the main process only, not to
/// the commands before and after it.
fn restarts(unit: &Unit, run: &Run) -> bool {
    if run.main.is_some_and(|main| unit.prevent.contains(main)) {
        return false;
    }
    run.main.is_some_and(|main| unit.force.contains(main)) || unit.restart.after(run.verdict)
}

async fn run_once(unit: &Unit, host: &Host) -> Run {
    if let Err(error) = host.make_directories(unit) {
        host.console.print("systemd", &format!("cannot make the unit's directories: {error}"));
        return Run { verdict: Verdict::ExitCode, main: None };
    }
    let deadline = unit.start_limit.map(|limit| Instant::now() + limit);
    for exec in &unit.start_pre {
        if let Err(verdict) = run_command(unit, host, exec, deadline).await {
            return Run { verdict, main: None };
        }
    }
    let mut main = match host.start(unit, &unit.start, "main").await {
        Ok(main) => main,
        Err(error) => {
            host.console.print("systemd", &format!("{error:#}"));
            return Run { verdict: Verdict::ExitCode, main: None };
        }
    };
    // systemd waits for these commands even where the main process ends meanwhile.
    for exec in &unit.start_post {
        if let Err(verdict) = run_command(unit, host, exec, deadline).await {
            let main = stop_main(unit, host, main).await;
            return Run { verdict, main };
        }
    }
    match main.wait().await {
        Ok(status) => {
            let exit = Exit::from(status);
            host.console.print("systemd", &format!("the main process {exit}"));
            Run { verdict: Verdict::of(exit, &unit.success), main: Some(exit) }
        }
        Err(error) => {
            host.console.print("systemd", &format!("the main process cannot be waited for: {error}"));
            Run { verdict: Verdict::ExitCode, main: None }
        }
    }
}

/// Runs a command other than the main process to its end; only status 0 is a success.
async fn run_command(
    unit: &Unit,
    host: &Host,
    exec: &Exec,
    deadline: Option<Instant>,
) -> Result<(), Verdict> {
    let label = exec.words.last().map_or("command", String::as_str);
    let started = host.start(unit, exec, label).await;
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            host.console.print("systemd", &format!("{error:#}"));
            return Err(Verdict::ExitCode);
        }
    };
    let ended = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, child.wait()).await,
        None => Ok(child.wait().await),
    };
    let exit = match ended {
        Ok(Ok(status)) => Exit::from(status),
        Ok(Err(_)) => return Err(Verdict::ExitCode),
        Err(_) => {
            host.console.print("systemd", &format!("{label} took longer than TimeoutStartSec="));
            return Err(Verdict::Timeout);
        }
    };
    if exit == Exit::Code(0) || exec.failure_ignored {
        return Ok(());
    }
    host.console.print("systemd", &format!("{label} {exit}"));
    Err(if matches!(exit, Exit::Code(_)) { Verdict::ExitCode } else { Verdict::Signal })
}

/// Ends the main process because a command of the start failed; returns how it ended.
async fn stop_main(unit: &Unit, host: &Host, mut main: Child) -> Option<Exit> {
    let pid = main.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let (waited, ()) = tokio::join!(main.wait(), stop_rest(unit, host, pid));
    waited.ok().map(Exit::from)
}

/// Sends SIGTERM (with `KillMode=mixed` to the main process only), then SIGKILL to the processes left after
/// the limit. Where the main process has ended, `mixed` kills the others at once.
async fn stop_rest(unit: &Unit, host: &Host, main: Option<Pid>) {
    match (unit.term_main_only, main) {
        (true, Some(main)) => send(main, Signal::SIGTERM),
        (true, None) => return host.marker.kill_all().await,
        (false, _) => {
            host.marker.signal(Signal::SIGTERM);
        }
    }
    if !host.marker.gone_within(unit.stop_limit.unwrap_or(Duration::MAX)).await {
        host.console.print("systemd", "some processes are left after TimeoutStopSec= and are killed");
        host.marker.kill_all().await;
    }
}

async fn stop_post(unit: &Unit, host: &Host, run: Run) -> Run {
    for exec in &unit.stop_post {
        let deadline = unit.stop_limit.map(|limit| Instant::now() + limit);
        if let Err(verdict) = run_command(unit, host, exec, deadline).await {
            host.marker.kill_all().await;
            return Run { verdict, ..run };
        }
    }
    run
}
