//! The calls that were made, their callers, and how long they took.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Call, Caller};

/// How many finished invocations are kept.
const INVOCATIONS: usize = 200;
/// How many open calls are kept. A caller that goes away leaves its call open; the oldest open calls are
/// dropped.
const OPEN_CALLS: usize = 4_096;

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// The function answered.
    Answered {
        /// The function's answer, as JSON text.
        answer: String,
    },
    /// The function reported an error, its process ended, or it ran out of time.
    Failed {
        /// Lambda's error type, such as `Runtime.ExitError` or `Sandbox.Timedout`.
        error_type: String,
        /// Lambda's error text.
        message: String,
    },
}

/// What the faults want done with a call that is under way.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The caller is killed once the call took effect.
    pub doomed: bool,
    /// The call's answer is dropped.
    pub lose_answer: bool,
    /// How long the answer is held back.
    pub answer_delay: Duration,
    /// The error that a fault answers the call with.
    pub failure: Option<String>,
}

/// The counts of calls, the open calls, and the invocations.
#[derive(Default)]
pub struct Journal {
    counts: BTreeMap<&'static str, BTreeMap<String, BTreeMap<String, u64>>>,
    open: VecDeque<OpenCall>,
    running: BTreeMap<u64, Invocation>,
    finished: VecDeque<Invocation>,
}

struct OpenCall {
    caller: Caller,
    service: String,
    operation: String,
    target: String,
    flags: Flags,
    /// The call's index in the running invocation of its function.
    index: Option<usize>,
}

#[derive(Clone, Serialize)]
struct Invocation {
    request: String,
    function: String,
    process: u64,
    /// Milliseconds since 1970.
    began: u128,
    #[serde(skip)]
    start: Instant,
    millis: Option<f64>,
    outcome: Option<Outcome>,
    calls: Vec<Made>,
}

/// One outgoing call; times in milliseconds since the invocation began.
#[derive(Clone, Serialize)]
struct Made {
    service: String,
    operation: String,
    target: String,
    start: f64,
    end: Option<f64>,
    result: String,
}

impl Journal {
    /// Records a call that is about to be made.
    pub fn opened(&mut self, call: &Call<'_>, flags: Flags) {
        let services = self.counts.entry(call.caller.kind()).or_default();
        let operations = services.entry(call.service.to_owned()).or_default();
        *operations.entry(call.operation.to_owned()).or_default() += 1;
        let index = self.running_of(call.caller).map(|invocation| {
            invocation.calls.push(Made {
                service: call.service.to_owned(),
                operation: call.operation.to_owned(),
                target: call.target.to_owned(),
                start: milliseconds(invocation.start),
                end: None,
                result: "open".to_owned(),
            });
            invocation.calls.len() - 1
        });
        if self.open.len() == OPEN_CALLS {
            self.open.pop_front();
        }
        self.open.push_back(OpenCall {
            caller: call.caller.clone(),
            service: call.service.to_owned(),
            operation: call.operation.to_owned(),
            target: call.target.to_owned(),
            flags,
            index,
        });
    }

    /// The flags of the oldest open call like this one.
    pub fn take_flags(&self, call: &Call<'_>) -> Flags {
        self.open.iter().find(|open| open.is(call)).map(|open| open.flags.clone()).unwrap_or_default()
    }

    /// Records the end of the oldest open call like this one.
    pub fn closed(&mut self, call: &Call<'_>, result: &str) {
        let Some(at) = self.open.iter().position(|open| open.is(call)) else { return };
        let index = self.open.remove(at).and_then(|open| open.index);
        if let Some(invocation) = self.running_of(call.caller)
            && let Some(made) = index.and_then(|index| invocation.calls.get_mut(index))
        {
            made.end = Some(milliseconds(invocation.start));
            result.clone_into(&mut made.result);
        }
    }

    /// The request ID of the invocation that a function's process works on.
    pub fn request_of(&mut self, caller: &Caller) -> Option<String> {
        self.running_of(caller).map(|invocation| invocation.request.clone())
    }

    /// Records that an invocation was handed to a process.
    pub fn began(&mut self, process: u64, function: &str, request: &str) {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.running.insert(
            process,
            Invocation {
                request: request.to_owned(),
                function: function.to_owned(),
                process,
                began,
                start: Instant::now(),
                millis: None,
                outcome: None,
                calls: Vec::new(),
            },
        );
    }

    /// Records the end of a process's invocation; returns its request ID.
    pub fn ended(&mut self, process: u64, outcome: &Outcome) -> Option<String> {
        let mut invocation = self.running.remove(&process)?;
        self.open
            .retain(|open| !matches!(&open.caller, Caller::Function { process: p, .. } if *p == process));
        invocation.millis = Some(milliseconds(invocation.start));
        invocation.outcome = Some(outcome.clone());
        for made in invocation.calls.iter_mut().filter(|made| made.end.is_none()) {
            "given up by the caller".clone_into(&mut made.result);
        }
        let request = invocation.request.clone();
        if self.finished.len() == INVOCATIONS {
            self.finished.pop_front();
        }
        self.finished.push_back(invocation);
        Some(request)
    }

    /// `{caller kind: {service: {operation: n}}}`.
    pub fn counts(&self) -> Value {
        json!(self.counts)
    }

    /// The finished invocations, oldest first, then the running ones.
    pub fn invocations(&self) -> Value {
        json!(self.finished.iter().chain(self.running.values()).collect::<Vec<_>>())
    }

    /// The same invocations, each with the number of its calls instead of the calls.
    pub fn summaries(&self) -> Value {
        self.finished.iter().chain(self.running.values()).map(Invocation::summary).collect()
    }

    fn running_of(&mut self, caller: &Caller) -> Option<&mut Invocation> {
        match caller {
            Caller::Function { process, .. } => self.running.get_mut(process),
            Caller::Instance(_) | Caller::Outside => None,
        }
    }
}

impl Invocation {
    fn summary(&self) -> Value {
        // A u64 holds the milliseconds of 500 million years.
        let began = u64::try_from(self.began).unwrap_or(u64::MAX);
        json!({
            "request": self.request, "function": self.function, "process": self.process, "began": began,
            "millis": self.millis, "outcome": self.outcome, "calls": self.calls.len(),
        })
    }
}

impl OpenCall {
    fn is(&self, call: &Call<'_>) -> bool {
        self.caller == *call.caller
            && self.service == call.service
            && self.operation == call.operation
            && self.target == call.target
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}
