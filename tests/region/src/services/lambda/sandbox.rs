//! One process of one function: started, fed, frozen between invocations, killed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

use super::log::{Log, Source};
use crate::model::faults::journal::Outcome;
use crate::model::site::{REGION, SECRET_ACCESS_KEY, Site};
use crate::services::machines::guard;

/// An invocation that is handed to a process.
pub struct Assignment {
    /// The request ID.
    pub request: String,
    /// The event: JSON.
    pub event: Bytes,
    /// Signalled when the process takes the event.
    pub delivered: oneshot::Sender<()>,
    /// Gets the outcome of the invocation.
    pub answer: oneshot::Sender<Outcome>,
}

/// A function's process.
pub struct Sandbox {
    /// The function's name.
    pub function: String,
    /// The region's number of the process.
    pub process: u64,
    group: i32,
    inbox: mpsc::Sender<Assignment>,
    outbox: tokio::sync::Mutex<mpsc::Receiver<Assignment>>,
    work: Mutex<Work>,
    exit: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Work {
    idle: bool,
    /// No invocation is handed to it any more.
    retired: bool,
    served: u64,
    current: Option<(String, oneshot::Sender<Outcome>)>,
}

impl Sandbox {
    /// Starts the process, in a process group of its own.
    pub fn start(
        site: &Site,
        proxy: SocketAddr,
        function: &str,
        process: u64,
        binary: &Path,
        log: &Log,
        further: BTreeMap<String, String>,
    ) -> anyhow::Result<(Arc<Self>, Child)> {
        let mut child = Command::new(binary)
            .env_clear()
            .envs(environment(site, proxy, function, process))
            .envs(further)
            .current_dir(&site.state_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("the process ended at once")?;
        let (inbox, outbox) = mpsc::channel(1);
        let sandbox = Arc::new(Self {
            function: function.to_owned(),
            process,
            group: i32::try_from(pid)?,
            inbox,
            outbox: tokio::sync::Mutex::new(outbox),
            work: Mutex::default(),
            exit: watch::Sender::new(None),
        });
        let working = Arc::downgrade(&sandbox);
        let request = Arc::new(move || working.upgrade().and_then(|sandbox| sandbox.current_request()));
        let source = Source { function: function.to_owned(), process, request };
        if let Some(stdout) = child.stdout.take() {
            log.follow(source.clone(), stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(source, stderr);
        }
        Ok((sandbox, child))
    }

    /// The process group.
    pub fn group(&self) -> i32 {
        self.group
    }

    /// Waits for the end of the process; returns how it ended, in Lambda's words.
    pub async fn wait(&self, mut child: Child) -> String {
        match child.wait().await {
            Ok(status) => describe(status),
            Err(error) => format!("it could not be waited for: {error}"),
        }
    }

    /// Records the end of the process, which fails its present invocation.
    pub fn set_exited(&self, reason: String) {
        self.exit.send_replace(Some(reason));
        let mut work = self.lock();
        work.idle = false;
        work.current = None;
    }

    /// How the process ended; `unknown` where that is not known.
    pub fn exit_reason(&self) -> String {
        self.exit.borrow().clone().unwrap_or_else(|| "unknown".to_owned())
    }

    /// Waits until the process has ended; returns how it ended.
    pub async fn exited(&self) -> String {
        let mut exit = self.exit.subscribe();
        match exit.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "unknown".to_owned(),
        }
    }

    /// Takes the process for an invocation; returns false where it is not idle.
    pub fn take_idle(&self) -> bool {
        let mut work = self.lock();
        !work.retired && std::mem::take(&mut work.idle)
    }

    /// From now on it takes no invocation. It ends at once, or with the invocation that it works on.
    pub fn retire(&self) {
        let idle = {
            let mut work = self.lock();
            work.retired = true;
            std::mem::take(&mut work.idle)
        };
        if idle {
            self.kill();
        }
    }

    /// Hands the process an invocation. The caller must have started or taken the process for it.
    pub async fn assign(&self, assignment: Assignment) {
        // Where the process has died meanwhile, the caller notices while it waits for the answer.
        let _unsent = self.inbox.send(assignment).await;
    }

    /// The request ID and the event of the next invocation, for the runtime API. The process is frozen until
    /// one comes.
    pub async fn next(&self) -> Option<(String, Bytes)> {
        let mut outbox = self.outbox.lock().await;
        let assignment = match outbox.try_recv() {
            Ok(assignment) => assignment,
            Err(_) => {
                self.signal(Signal::SIGSTOP);
                self.lock().idle = true;
                if self.lock().retired {
                    self.retire();
                }
                let assignment = outbox.recv().await?;
                self.signal(Signal::SIGCONT);
                assignment
            }
        };
        let mut work = self.lock();
        work.served += 1;
        work.current = Some((assignment.request.clone(), assignment.answer));
        let _nobody_waits = assignment.delivered.send(());
        Some((assignment.request, assignment.event))
    }

    /// Takes the outcome of an invocation; returns false where the process has no such invocation.
    pub fn complete(&self, request: &str, outcome: Outcome) -> bool {
        let current = {
            let mut work = self.lock();
            match &work.current {
                Some((id, _)) if id == request => work.current.take(),
                _ => None,
            }
        };
        current.is_some_and(|(_, answer)| answer.send(outcome).is_ok())
    }

    /// The ID of the request that the process works on.
    fn current_request(&self) -> Option<String> {
        self.lock().current.as_ref().map(|(request, _)| request.clone())
    }

    /// SIGKILL to the process and its children.
    pub fn kill(&self) {
        if self.exit.borrow().is_none() {
            self.signal(Signal::SIGKILL);
        }
    }

    /// The process as `/_region/state` shows it.
    pub fn state(&self) -> Value {
        let work = self.lock();
        json!({
            "process": self.process,
            "function": self.function,
            "pid": self.group,
            "idle": work.idle,
            "served": work.served,
            "request": work.current.as_ref().map(|(request, _)| request),
        })
    }

    fn signal(&self, signal: Signal) {
        if let Err(error) = killpg(Pid::from_raw(self.group), signal) {
            tracing::debug!(function = self.function, process = self.process, %signal, %error, "the process is gone");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The environment of a process: the variables of Lambda, and those of the functions' deployment.
fn environment(site: &Site, gate: SocketAddr, function: &str, process: u64) -> Vec<(String, String)> {
    let key = format!("ASIAFN{process}");
    let proxy = format!("http://{key}:x@{gate}");
    let options = &site.options;
    let mut variables: Vec<(String, String)> = [
        // Lambda sets only HOST:PORT; because of the path here, the runtime's client needs a whole URI.
        ("AWS_LAMBDA_RUNTIME_API", format!("{}/_lambda/{process}", site.endpoint)),
        (guard::MARKER, site.state_dir.display().to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{process}")),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("LAMBDA_TASK_ROOT", options.functions_dir.display().to_string()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ("AWS_SESSION_TOKEN", "local-region-session".to_owned()),
        ("AWS_ENDPOINT_URL", site.endpoint.clone()),
        ("HTTP_PROXY", proxy.clone()),
        ("http_proxy", proxy.clone()),
        ("HTTPS_PROXY", proxy.clone()),
        ("https_proxy", proxy),
        ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
        ("no_proxy", "127.0.0.1,localhost".to_owned()),
        ("ETCD_ASG_BUCKET", options.bucket.clone()),
        ("ETCD_ASG_LEDGER_PREFIX", options.ledger_prefix.clone()),
        ("ETCD_ASG_PREFIX", options.prefix.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    variables.extend(options.function_environment.clone());
    variables
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
    }
}
