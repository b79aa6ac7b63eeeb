//! The functions: their processes, and how they are invoked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::deployments::{Deployments, binary, deployment};
use super::log::Log;
use super::sandbox::{Assignment, Sandbox};
use super::tally::Tally;
use crate::model::faults::journal::Outcome;
use crate::model::site::Site;
use crate::services::gate::Faults;

/// How long a process may take before its first poll, in addition to the function's timeout (Lambda: 10 s).
const INIT_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// All functions of a region. Cheap to clone.
#[derive(Clone)]
pub struct Functions {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) site: Site,
    pub(super) faults: Faults,
    proxy: SocketAddr,
    log: Log,
    deployments: Deployments,
    pub(super) tally: Tally,
    last_process: AtomicU64,
    sandboxes: Mutex<BTreeMap<u64, Arc<Sandbox>>>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Functions {
    /// No process runs until a function is invoked. `proxy` is the proxy for the processes' calls to etcd.
    pub fn new(site: Site, faults: Faults, proxy: SocketAddr) -> Self {
        let inner = Inner {
            site,
            faults,
            proxy,
            log: Log::default(),
            deployments: Deployments::default(),
            tally: Tally::default(),
            last_process: AtomicU64::new(0),
            sandboxes: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The function that a process runs; `None` once the process has ended.
    pub fn function_of(&self, process: u64) -> Option<String> {
        self.inner.faults.function_of(process)
    }

    /// Invokes a function and waits for its end.
    ///
    /// # Errors
    /// When there is no such function, its binary cannot be run, or the region is ending. The failure of a
    /// function is an [`Outcome::Failed`], not an error.
    pub async fn invoke(&self, function: &str, event: Bytes) -> anyhow::Result<Outcome> {
        self.attempt(function, event, &self.inner.site.uuid()).await
    }

    /// One attempt of an invocation, under the request ID that all its attempts share.
    pub(super) async fn attempt(
        &self,
        function: &str,
        event: Bytes,
        request: &str,
    ) -> anyhow::Result<Outcome> {
        let inner = &self.inner;
        if inner.stop.is_cancelled() {
            bail!("the region is ending and invokes nothing any more");
        }
        let sandbox = match inner.take_idle(function) {
            Some(sandbox) => sandbox,
            None => self.start(function)?,
        };
        let (delivered, on_delivery) = oneshot::channel();
        let (answer, on_answer) = oneshot::channel();
        sandbox.assign(Assignment { request: request.to_owned(), event, delivered, answer }).await;
        let timeout = inner.site.options.function_timeout;
        let attempt = async {
            if tokio::time::timeout(INIT_LIMIT + timeout, on_delivery).await.is_err() {
                return timed_out(request, INIT_LIMIT + timeout);
            }
            match tokio::time::timeout(timeout, on_answer).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => exited(request, &sandbox.exit_reason()),
                Err(_) => timed_out(request, timeout),
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = attempt => outcome,
            reason = sandbox.exited() => exited(request, &reason),
            () = inner.stop.cancelled() => bail!("the region ended during the invocation"),
        };
        if matches!(&outcome, Outcome::Failed { error_type, .. } if error_type == "Sandbox.Timedout") {
            sandbox.kill();
        }
        inner.faults.invocation_ended(sandbox.process, &outcome);
        inner.note_end(function, request, &outcome);
        Ok(outcome)
    }

    fn start(&self, function: &str) -> anyhow::Result<Arc<Sandbox>> {
        let inner = &self.inner;
        let path = std::path::absolute(inner.site.options.functions_dir.join(binary(function)))?;
        let named_well =
            function.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !named_well || function.is_empty() || !path.is_file() {
            bail!("there is no function `{function}`: {} is not a file", path.display());
        }
        let process = inner.last_process.fetch_add(1, Ordering::Relaxed) + 1;
        let further = inner.deployments.environment(function);
        let (sandbox, child) =
            Sandbox::start(&inner.site, inner.proxy, function, process, &path, &inner.log, further)
                .with_context(|| format!("the function {} cannot be run", path.display()))?;
        inner.faults.process_started(process, function, sandbox.group());
        inner.lock().insert(process, Arc::clone(&sandbox));
        let watched = Arc::clone(&sandbox);
        let functions = self.clone();
        inner.tasks.spawn(async move {
            let reason = watched.wait(child).await;
            functions.inner.faults.process_ended(process);
            functions.inner.lock().remove(&process);
            watched.set_exited(reason);
        });
        Ok(sandbox)
    }

    /// Registers a deployment of the functions, or gives a deployment another environment. As at Lambda, an invocation
    /// that runs goes on with the old environment, and no later one does.
    ///
    /// # Errors
    /// When the bucket that the environment names cannot be made.
    pub fn deploy(&self, name: &str, environment: BTreeMap<String, String>) -> std::io::Result<()> {
        if let Some(bucket) = environment.get("ETCD_ASG_BUCKET") {
            std::fs::create_dir_all(self.inner.site.state_dir.join("s3").join(bucket))?;
        }
        self.inner.deployments.set(name, environment);
        let sandboxes = self.inner.lock();
        sandboxes.values().filter(|s| deployment(&s.function) == name).for_each(|s| s.retire());
        Ok(())
    }

    /// The names of this binary's functions in all deployments.
    pub fn of_all_deployments(&self, binary: &str) -> Vec<String> {
        self.inner.deployments.functions(binary)
    }

    /// The processes, and the counts of the asynchronous invocations.
    pub fn state(&self) -> Value {
        let sandboxes = self.inner.lock();
        let processes: Vec<Value> = sandboxes.values().map(|sandbox| sandbox.state()).collect();
        json!({
            "processes": processes,
            "started": self.inner.last_process.load(Ordering::Relaxed),
            "asynchronous": self.inner.tally.state(),
        })
    }

    /// The lines that the functions printed, each with time, function, process and request ID.
    pub fn log(&self) -> String {
        self.inner.log.text()
    }

    /// Kills every process without waiting for it.
    pub fn kill_now(&self) {
        self.inner.stop.cancel();
        for sandbox in self.inner.lock().values() {
            sandbox.kill();
        }
    }

    /// Kills every process and waits until all are gone.
    pub async fn shutdown(&self) {
        self.kill_now();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// The process with this number, while it runs.
    pub(super) fn sandbox(&self, process: u64) -> Option<Arc<Sandbox>> {
        self.inner.lock().get(&process).cloned()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Sandbox>>> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an idle process of the function, if there is one.
    fn take_idle(&self, function: &str) -> Option<Arc<Sandbox>> {
        let sandboxes = self.lock();
        sandboxes
            .values()
            .filter(|sandbox| sandbox.function == function)
            .find(|sandbox| sandbox.take_idle())
            .cloned()
    }

    fn note_end(&self, function: &str, request: &str, outcome: &Outcome) {
        let text = match outcome {
            Outcome::Answered { answer } => format!("{request} answered {answer}"),
            Outcome::Failed { error_type, message } => format!("{request} failed: {error_type}: {message}"),
        };
        self.site.timeline.note("function", function, text);
    }
}

fn timed_out(request: &str, limit: std::time::Duration) -> Outcome {
    Outcome::Failed {
        error_type: "Sandbox.Timedout".to_owned(),
        message: format!(
            "RequestId: {request} Error: Task timed out after {:.2} seconds",
            limit.as_secs_f64()
        ),
    }
}

fn exited(request: &str, reason: &str) -> Outcome {
    Outcome::Failed {
        error_type: "Runtime.ExitError".to_owned(),
        message: format!("RequestId: {request} Error: Runtime exited with error: {reason}"),
    }
}
