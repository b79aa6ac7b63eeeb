//! The faults in force, and which of them fire at a call.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::spec::{ApiRule, CallerKind, CountFrom, Effect, Fault, KillRule, When};
use super::{Call, Caller, Verdict};

/// All rules in force, in the order they were set.
#[derive(Default)]
pub struct Rules {
    last_id: u64,
    active: Vec<Active>,
}

struct Active {
    id: u64,
    fault: Fault,
    fired: u64,
    /// The target of the last call at which it fired.
    last: Option<String>,
    /// For `kill-function`: the number of the last call of each running invocation, by request ID.
    positions: BTreeMap<String, u64>,
}

/// What all rules together do to one call.
#[derive(Default)]
pub struct Firing {
    /// How long to hold the call back.
    pub delay: Duration,
    /// What happens instead of the call; `None` lets it pass.
    pub verdict: Option<Verdict>,
    /// Whether to kill the caller now.
    pub kill_before: bool,
    /// Whether to kill the caller once the call took effect.
    pub doomed: bool,
    /// Whether to drop the answer.
    pub lose_answer: bool,
    /// How long to hold the answer back.
    pub answer_delay: Duration,
}

/// A line for the timeline about a rule that fired.
pub struct Note {
    /// What happened.
    pub text: String,
}

impl Note {
    /// Who the entry is about: the caller, or the service for a caller outside.
    pub fn who<'a>(&self, call: &Call<'a>) -> &'a str {
        match call.caller {
            Caller::Function { name, .. } => name,
            Caller::Instance(instance) => instance,
            Caller::Outside => call.service,
        }
    }
}

impl Rules {
    /// Adds a rule; returns its ID.
    pub fn add(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.active.push(Active {
            id: self.last_id,
            fault,
            fired: 0,
            last: None,
            positions: BTreeMap::new(),
        });
        self.last_id
    }

    /// Removes a rule, if it is still there.
    pub fn remove(&mut self, id: u64) {
        self.active.retain(|active| active.id != id);
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.active.clear();
    }

    /// Forgets the call numbers of an invocation that has ended.
    pub fn forget_invocation(&mut self, request: &str) {
        for active in &mut self.active {
            active.positions.remove(request);
        }
    }

    /// Asks every rule about a call. `request` is the request ID of the caller's invocation, if it has one.
    pub fn judge(
        &mut self,
        call: &Call<'_>,
        request: Option<&str>,
        mut chance: impl FnMut(f64) -> bool,
    ) -> (Firing, Vec<Note>) {
        let mut firing = Firing::default();
        let mut notes = Vec::new();
        for active in &mut self.active {
            let fires = match &active.fault {
                Fault::Api(rule) => {
                    rule.count.is_none_or(|count| active.fired < count)
                        && rule.matches(call)
                        && rule.probability.is_none_or(&mut chance)
                }
                Fault::KillFunction(rule) => {
                    let reached = position(rule, call, request, &mut active.positions) == Some(rule.call);
                    reached && active.fired < rule.count
                }
                _ => false,
            };
            if fires {
                active.fired += 1;
                active.last = Some(call.target.to_owned());
                firing.apply(&active.fault, call);
                notes.push(note(active.id, &active.fault, call));
            }
        }
        (firing, notes)
    }

    /// Each rule with its ID, how often it fired, and the target at which it fired last.
    pub fn state(&self) -> Value {
        let rule = |active: &Active| json!({ "id": active.id, "fired": active.fired, "last": active.last, "fault": active.fault });
        self.active.iter().map(rule).collect()
    }
}

impl Firing {
    fn apply(&mut self, fault: &Fault, call: &Call<'_>) {
        match fault {
            Fault::Api(rule) => self.apply_api(rule, call),
            Fault::KillFunction(rule) => match rule.when {
                When::Before => self.kill_before = true,
                When::After => self.doomed = true,
            },
            _ => {}
        }
    }

    fn apply_api(&mut self, rule: &ApiRule, call: &Call<'_>) {
        match rule.effect {
            Effect::Delay => self.delay += Duration::from_millis(rule.millis.unwrap_or_default()),
            Effect::Late => {
                let late = Duration::from_millis(rule.millis.unwrap_or_default());
                self.verdict = self.verdict.take().or(Some(Verdict::Late(late)));
            }
            Effect::LoseAnswer => self.lose_answer = true,
            Effect::DelayAnswer => {
                self.answer_delay += Duration::from_millis(rule.millis.unwrap_or_default())
            }
            Effect::Hang => self.verdict = self.verdict.take().or(Some(Verdict::Hang)),
            Effect::Fail => self.fail(rule, (500, default_error(call.service), "injected by a fault")),
            Effect::Throttle => self.fail(rule, throttling(call.service)),
        }
    }

    fn fail(&mut self, rule: &ApiRule, (status, code, message): (u16, &str, &str)) {
        self.verdict = self.verdict.take().or_else(|| {
            Some(Verdict::Fail {
                status: rule.status.unwrap_or(status),
                code: rule.code.clone().unwrap_or_else(|| code.to_owned()),
                message: rule.message.clone().unwrap_or_else(|| message.to_owned()),
            })
        });
    }
}

impl ApiRule {
    fn matches(&self, call: &Call<'_>) -> bool {
        let kind = match self.caller {
            CallerKind::Any => None,
            CallerKind::Function => Some("function"),
            CallerKind::Instance => Some("instance"),
            CallerKind::Outside => Some("outside"),
        };
        (self.service == "*" || self.service == call.service)
            && (self.operation == "*" || self.operation == call.operation)
            && kind.is_none_or(|kind| kind == call.caller.kind())
            && self.target.as_ref().is_none_or(|target| call.target.contains(target.as_str()))
            && self.body_contains.as_ref().is_none_or(|part| call.body_contains(part))
    }
}

impl CountFrom {
    fn matches(&self, call: &Call<'_>) -> bool {
        self.service.as_ref().is_none_or(|service| service == call.service)
            && self.operation.as_ref().is_none_or(|operation| operation == call.operation)
            && self.body_contains.as_ref().is_none_or(|part| call.body_contains(part))
    }
}

/// The number that the rule gives this call within its invocation; `None` where the rule does not count it.
fn position(
    rule: &KillRule,
    call: &Call<'_>,
    request: Option<&str>,
    positions: &mut BTreeMap<String, u64>,
) -> Option<u64> {
    let Caller::Function { name, .. } = call.caller else { return None };
    let request = request?;
    if rule.function != "*" && rule.function != *name {
        return None;
    }
    let number = match (positions.get(request), &rule.from) {
        (Some(last), _) => last + 1,
        (None, None) => 1,
        (None, Some(from)) if from.matches(call) => 0,
        (None, Some(_)) => return None,
    };
    positions.insert(request.to_owned(), number);
    Some(number)
}

fn note(id: u64, fault: &Fault, call: &Call<'_>) -> Note {
    let what = match fault {
        Fault::Api(rule) => format!("{:?}", rule.effect),
        Fault::KillFunction(rule) => format!("killed {:?} call {}", rule.when, rule.call),
        _ => String::new(),
    };
    Note { text: format!("fault {id}: {what}: {} {} {}", call.service, call.operation, call.target) }
}

/// The error code of an internal failure, from each service's error list (etcd: gRPC `Unavailable`).
fn default_error(service: &str) -> &'static str {
    match service {
        "ssm" => "InternalServerError",
        "s3" | "ec2" => "InternalError",
        "etcd" => "14",
        _ => "InternalFailure",
    }
}

/// Status, code and text of a throttling error, from each service's error list.
fn throttling(service: &str) -> (u16, &'static str, &'static str) {
    match service {
        "ssm" => (400, "ThrottlingException", "Rate exceeded"),
        "s3" => (503, "SlowDown", "Please reduce your request rate."),
        "ec2" => (503, "RequestLimitExceeded", "Request limit exceeded."),
        "etcd" => (429, "8", "etcdserver: too many requests"),
        _ => (400, "Throttling", "Rate exceeded"),
    }
}
