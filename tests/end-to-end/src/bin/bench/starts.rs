//! How long a function takes to start, compared with a function that does nothing.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::figure::Figure;

/// The time from exec to the first call of the runtime API, compared with a function that does nothing.
pub fn starts() -> Result<Vec<Figure>> {
    let exe = std::env::current_exe()?;
    let dir = exe.parent().context("this program is in no folder")?;
    let idle = dir.join("examples/probe-function");
    let mut measured = start(&dir.join("reconcile"))?;
    let mut figure = Figure {
        what: "function start: exec → first poll of the runtime API",
        measured: String::new(),
        goal: "1.5 × a function that does nothing",
        reached: None,
        made_of: "the clients of four services, their TLS and etcd's certificates are set up before the first poll, so that they are ready when an event comes and a wrong setting fails the start",
    };
    if idle.is_file() {
        let baseline = start(&idle)?;
        measured = measured.min(start(&dir.join("reconcile"))?);
        figure.reached = Some(measured <= baseline.mul_f64(1.5));
        let ratio = measured.as_secs_f64() / baseline.as_secs_f64();
        figure.measured = format!(
            "{:.0} ms, {ratio:.2} × a function that does nothing (same build)",
            measured.as_secs_f64() * 1e3
        );
    } else {
        figure.measured = format!(
            "{:.0} ms; probe-function, which does nothing, is not built",
            measured.as_secs_f64() * 1e3
        );
    }
    Ok(vec![figure])
}

/// The shortest start of seven.
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
