//! The gate that every call in the region passes: it records calls, and lets faults act on them.

mod kill;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::model::faults::journal::{Flags, Journal, Outcome};
use crate::model::faults::rules::{Firing, Rules};
use crate::model::faults::spec::Fault;
use crate::model::faults::{Call, Caller, Fate, Verdict};
use crate::model::site::Site;

/// The gate. Cheap to clone; all clones are one gate.
#[derive(Clone)]
pub struct Faults {
    site: Site,
    gate: Arc<Mutex<Gate>>,
}

#[derive(Default)]
struct Gate {
    rules: Rules,
    journal: Journal,
    /// The running processes of the functions, by number.
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

    /// Decides what happens to a call before it takes effect; sleeps where a fault delays the call.
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

    /// Decides what happens to a call's answer after the call took effect or was failed; sleeps where a fault
    /// delays the answer.
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

    /// The rules in force, and how often each of them fired.
    pub fn state(&self) -> Value {
        self.lock().rules.state()
    }

    /// The last 200 invocations with their outgoing calls in order, oldest first.
    pub fn invocations(&self) -> Value {
        self.lock().journal.invocations()
    }

    /// The same invocations, each with only the number of its calls.
    pub fn invocation_summaries(&self) -> Value {
        self.lock().journal.summaries()
    }

    /// Adds a rule of the kind `api` or `kill-function`; returns its ID.
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

    /// Records that a function's process has started in this process group.
    pub fn process_started(&self, process: u64, function: &str, group: i32) {
        self.lock().processes.insert(process, Process { function: function.to_owned(), group });
    }

    /// The function that a process runs; `None` once the process has ended.
    pub fn function_of(&self, process: u64) -> Option<String> {
        self.lock().processes.get(&process).map(|process| process.function.clone())
    }

    /// Records that a function's process has ended: its process group ID may be reused from now on.
    pub fn process_ended(&self, process: u64) {
        self.lock().processes.remove(&process);
    }

    /// Records that an invocation was handed to a process.
    pub fn invocation_began(&self, process: u64, function: &str, request: &str) {
        self.lock().journal.began(process, function, request);
    }

    /// Records that the invocation of a process has ended.
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
