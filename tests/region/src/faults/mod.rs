//! The gate that every call in the region passes: it records calls, and lets faults act on them.

pub mod journal;
mod kill;
mod routes;
pub mod rules;
pub mod spec;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use routes::routes;

use crate::Site;
use journal::{Flags, Journal, Outcome};
use rules::{Firing, Rules};
use spec::Fault;

/// Who makes a call, told by its access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A function's process.
    Function {
        /// The function's name.
        name: String,
        /// The region's number of the process, as in its access key `ASIAFN{process}`.
        process: u64,
    },
    /// An instance, by its ID.
    Instance(String),
    /// Anything else: a test, the AWS CLI.
    Outside,
}

impl Caller {
    /// `function`, `instance` or `outside`, as in the faults' JSON and in the counts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Function { .. } => "function",
            Self::Instance(_) => "instance",
            Self::Outside => "outside",
        }
    }
}

/// One call on its way.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who makes it.
    pub caller: &'a Caller,
    /// `autoscaling`, `ec2`, `ssm`, `s3` or `etcd`.
    pub service: &'a str,
    /// The API action; for etcd the path without `/v3/`, such as `cluster/member/add`.
    pub operation: &'a str,
    /// The instance, parameter, key or member address it concerns; may be empty.
    pub target: &'a str,
    /// The request's body.
    pub body: &'a [u8],
}

impl Call<'_> {
    fn body_contains(&self, part: &str) -> bool {
        String::from_utf8_lossy(self.body).contains(part)
    }
}

/// What is to become of a call before it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Proceed,
    /// It is answered with this error, in the service's own format, and has no effect.
    Fail {
        /// HTTP status.
        status: u16,
        /// The service's error code (for etcd the gRPC code, a number).
        code: String,
        /// The error's text.
        message: String,
    },
    /// It goes on after this time, also where its caller has gone meanwhile.
    Late(Duration),
    /// It is never answered, and has no effect.
    Hang,
}

/// What is to become of a call after it took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The answer is given.
    Deliver,
    /// The connection is dropped without an answer.
    LoseAnswer,
}

/// The gate's memory. Cheap to clone; all clones are one gate.
#[derive(Clone)]
pub struct Faults {
    site: Site,
    gate: Arc<Mutex<Gate>>,
}

#[derive(Default)]
struct Gate {
    rules: Rules,
    journal: Journal,
    /// The functions' living processes, by their numbers.
    processes: BTreeMap<u64, Process>,
}

struct Process {
    function: String,
    group: i32,
}

/// What the rules want done with a call about to be made.
#[derive(Default)]
struct Plan {
    delay: Duration,
    verdict: Option<Verdict>,
}

impl Faults {
    /// A gate without faults.
    pub fn new(site: Site) -> Self {
        Self { site, gate: Arc::default() }
    }

    /// To be asked before a call takes effect; sleeps where a fault delays the call.
    pub async fn before(&self, call: &Call<'_>) -> Verdict {
        let plan = self.plan(call);
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        plan.verdict.unwrap_or(Verdict::Proceed)
    }

    fn plan(&self, call: &Call<'_>) -> Plan {
        let mut gate = self.lock();
        let gate = &mut *gate;
        let invocation = gate.journal.request_of(call.caller);
        let (firing, notes) = gate.rules.judge(call, invocation.as_deref(), |p| self.site.chance(p));
        for note in notes {
            self.site.timeline.note("fault", note.who(call), note.text);
        }
        let failure = match &firing.verdict {
            Some(Verdict::Fail { code, .. }) => Some(format!("failed by a fault: {code}")),
            _ => None,
        };
        let Firing { doomed, lose_answer, answer_delay, .. } = firing;
        gate.journal.opened(call, Flags { doomed, lose_answer, answer_delay, failure });
        if firing.kill_before {
            gate.journal.closed(call, "killed before");
            kill_caller(&gate.processes, call.caller);
            return Plan { delay: Duration::ZERO, verdict: Some(Verdict::Hang) };
        }
        if firing.verdict == Some(Verdict::Hang) {
            gate.journal.closed(call, "hung by a fault");
        }
        Plan { delay: firing.delay, verdict: firing.verdict }
    }

    /// To be asked after a call took effect, or was failed, and before its answer is given; sleeps where a fault delays
    /// the answer.
    pub async fn after(&self, call: &Call<'_>) -> Fate {
        let open = self.lock().journal.take_flags(call);
        if !open.answer_delay.is_zero() {
            tokio::time::sleep(open.answer_delay).await;
        }
        let mut gate = self.lock();
        if open.doomed {
            gate.journal.closed(call, "killed after");
            kill_caller(&gate.processes, call.caller);
            return Fate::LoseAnswer;
        }
        if open.lose_answer {
            gate.journal.closed(call, "answer lost");
            return Fate::LoseAnswer;
        }
        gate.journal.closed(call, open.failure.as_deref().unwrap_or("answered"));
        Fate::Deliver
    }

    /// How many calls were made: `{caller kind: {service: {operation: n}}}`.
    pub fn counts(&self) -> Value {
        self.lock().journal.counts()
    }

    /// The rules in force, and how often each fired.
    pub fn state(&self) -> Value {
        self.lock().rules.state()
    }

    /// The last 200 invocations with their outgoing calls in order, oldest first.
    pub fn invocations(&self) -> Value {
        self.lock().journal.invocations()
    }

    /// The same invocations with the number of their calls only.
    pub fn invocation_summaries(&self) -> Value {
        self.lock().journal.summaries()
    }

    /// Adds a rule of the kinds `api` and `kill-function`; answers its ID.
    pub fn add(&self, fault: Fault) -> u64 {
        self.lock().rules.add(fault)
    }

    /// Removes one rule.
    pub fn remove(&self, id: u64) {
        self.lock().rules.remove(id);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// A function's process lives, in this process group.
    pub fn process_started(&self, process: u64, function: &str, group: i32) {
        self.lock().processes.insert(process, Process { function: function.to_owned(), group });
    }

    /// The function that a process runs; `None` once it ended.
    pub fn function_of(&self, process: u64) -> Option<String> {
        self.lock().processes.get(&process).map(|process| process.function.clone())
    }

    /// A function's process was waited for: its process group may be another's by now.
    pub fn process_ended(&self, process: u64) {
        self.lock().processes.remove(&process);
    }

    /// An invocation was handed to a process.
    pub fn invocation_began(&self, process: u64, function: &str, request: &str) {
        self.lock().journal.began(process, function, request);
    }

    /// The invocation that a process had is over.
    pub fn invocation_ended(&self, process: u64, outcome: &Outcome) {
        let mut gate = self.lock();
        if let Some(request) = gate.journal.ended(process, outcome) {
            gate.rules.forget_invocation(&request);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kill_caller(processes: &BTreeMap<u64, Process>, caller: &Caller) {
    if let Caller::Function { process, .. } = caller
        && let Some(process) = processes.get(process)
    {
        kill::group(process.group);
    }
}
