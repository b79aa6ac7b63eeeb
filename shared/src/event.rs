//! The events that each function accepts, and a sentence of its own for each other event.

#[path = "event/wrapper.rs"]
mod wrapper;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use membership::codes;
use membership::decision::{Graded, Severity};
use membership::ids::{ClusterName, InstanceId};
pub use membership::instance::Transition;
use membership::words::{one_line, quoted};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use self::wrapper::{Wrapper, wrapper};

/// The size of an event that EventBridge delivers at most, in bytes (Amazon EventBridge quotas: 256 KB).
pub const MOST_BYTES: usize = 256 * 1024;
const TEST_NOTIFICATION: &str = "autoscaling:TEST_NOTIFICATION";

/// Why an event is refused. No retry can help.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EventError {
    /// The event is longer than EventBridge delivers.
    #[error("the event has {0} bytes, EventBridge delivers at most {MOST_BYTES}")]
    Oversized(usize),
    /// The event is not UTF-8.
    #[error("the event is not text in UTF-8")]
    NotText,
    /// The event is not JSON. The text is the parser's.
    #[error("the event is not JSON: {}", one_line(.0))]
    NotJson(String),
    /// Another service passed the event on, or is the caller itself.
    #[error("the event came through {by} instead of EventBridge itself: {cure}{}", held(.action))]
    Wrapped {
        /// What wrapped it.
        by: String,
        /// What to do about it.
        cure: &'static str,
        /// The lifecycle action that was wrapped, in words.
        action: Option<String>,
    },
    /// The JSON is not an EventBridge event. The text says what is missing.
    #[error("the event is not an EventBridge event: {}", one_line(.0))]
    NotAnEvent(String),
    /// The event comes from another service.
    #[error("the event comes from {}, this function accepts {wanted}", quoted(.found))]
    WrongSource {
        /// The event's `source`.
        found: String,
        /// The sources that the function accepts.
        wanted: &'static str,
    },
    /// The event is of another kind.
    #[error("the event is a {}, this function accepts {wanted}", quoted(.found))]
    WrongKind {
        /// The event's `detail-type`.
        found: String,
        /// The kinds that the function accepts.
        wanted: &'static str,
    },
    /// A field of the event's `detail` is missing or has a value that cannot be.
    #[error("the event's detail is wrong: {}", one_line(.0))]
    WrongDetail(String),
    /// A field of a manual invocation is missing, unknown or has a value that cannot be.
    #[error("the manual invocation is wrong: {}", one_line(.0))]
    WrongRequest(String),
}

codes!(EventError {
    EventError::Oversized(_) => "event-too-large",
    EventError::NotText => "event-not-text",
    EventError::NotJson(_) => "event-not-json",
    EventError::Wrapped { .. } => "event-wrapped",
    EventError::NotAnEvent(_) => "event-not-eventbridge",
    EventError::WrongSource { .. } => "event-from-elsewhere",
    EventError::WrongKind { .. } => "event-of-another-kind",
    EventError::WrongDetail(_) => "event-detail-wrong",
    EventError::WrongRequest(_) => "request-wrong",
});

/// EventBridge delivers events of a bounded size, so anything else is somebody's call by hand, who reads the answer. An
/// event of the wrong kind comes from a rule of the deployment, which nobody watches.
impl Graded for EventError {
    fn severity(&self) -> Severity {
        match self {
            EventError::Oversized(_)
            | EventError::NotText
            | EventError::NotJson(_)
            | EventError::NotAnEvent(_)
            | EventError::WrongRequest(_) => Severity::Warn,
            EventError::Wrapped { .. }
            | EventError::WrongSource { .. }
            | EventError::WrongKind { .. }
            | EventError::WrongDetail(_) => Severity::Error,
        }
    }
}

fn held(action: &Option<String>) -> String {
    let told =
        |action: &String| format!("; it holds {action}, whose hook waits until the schedule's next run");
    action.as_ref().map(told).unwrap_or_default()
}

/// The transition as events and lifecycle hooks spell it.
pub(crate) fn transition_name(transition: Transition) -> &'static str {
    match transition {
        Transition::Launch => "autoscaling:EC2_INSTANCE_LAUNCHING",
        Transition::Terminate => "autoscaling:EC2_INSTANCE_TERMINATING",
    }
}

/// The `detail-type` of the events of this transition.
fn kind(transition: Transition) -> &'static str {
    match transition {
        Transition::Launch => "EC2 Instance-launch Lifecycle Action",
        Transition::Terminate => "EC2 Instance-terminate Lifecycle Action",
    }
}

/// A lifecycle action whose hook waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleAction {
    /// The group's name.
    pub group: String,
    /// The EC2 instance ID.
    pub instance: InstanceId,
    /// Whether the instance launches or terminates.
    pub transition: Transition,
    /// Whether the hook's notification metadata says `etcd-asg`.
    pub marked: bool,
}

/// An event for the lifecycle functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// The hook of an instance waits.
    Action(LifecycleAction),
    /// Auto Scaling tests the target of a hook. Nothing is to be done.
    TestNotification,
}

/// An event for `reconcile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReconcileEvent {
    /// Look at every tagged group.
    All {
        /// Whether the schedule asks. Its runs alone watch over short hooks.
        scheduled: bool,
    },
    /// EC2 said something of this machine: look at its group, if that is tagged.
    Machine(InstanceId),
    /// Auto Scaling tests the target of a hook. Nothing is to be done.
    TestNotification,
    /// Look at one cluster.
    One {
        /// The cluster's name.
        cluster: ClusterName,
        /// Whether nothing is to be changed, and the answer is what was seen and decided.
        dry_run: bool,
    },
}

/// Hook and token are not used: the group itself tells which hooks wait.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LifecycleDetail {
    auto_scaling_group_name: String,
    #[serde(rename = "EC2InstanceId")]
    instance: String,
    lifecycle_transition: String,
    notification_metadata: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct InstanceDetail {
    instance_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    cluster: String,
    #[serde(default)]
    dry_run: bool,
}

/// Reads an event of `instance-launch` or `instance-terminate`.
pub fn lifecycle(body: &[u8], transition: Transition) -> Result<LifecycleEvent, EventError> {
    let value = json(body)?;
    if is_test_notification(&value) {
        return Ok(LifecycleEvent::TestNotification);
    }
    let event = match wrapper(&value) {
        Some(wrapper) if wrapper.is_test_notification() => return Ok(LifecycleEvent::TestNotification),
        Some(wrapper) => return Err(wrapped(&wrapper)),
        None => envelope(value)?,
    };
    accept_source(&event, "aws.autoscaling")?;
    if event.detail_type != kind(transition) {
        return Err(EventError::WrongKind { found: event.detail_type, wanted: kind(transition) });
    }
    let detail: LifecycleDetail = detail(event.detail)?;
    if detail.lifecycle_transition != transition_name(transition) {
        let (found, wanted) = (detail.lifecycle_transition, transition_name(transition));
        return Err(EventError::WrongDetail(format!(
            "LifecycleTransition is {}, not {wanted:?}",
            quoted(&found)
        )));
    }
    let length = detail.auto_scaling_group_name.len();
    if !(1..=255).contains(&length) {
        let told = format!("AutoScalingGroupName has {length} characters, not 1 to 255");
        return Err(EventError::WrongDetail(told));
    }
    let instance = instance_id("EC2InstanceId", &detail.instance)?;
    Ok(LifecycleEvent::Action(LifecycleAction {
        group: detail.auto_scaling_group_name,
        instance,
        transition,
        marked: detail.notification_metadata.is_some_and(|m| m.to_string().contains("etcd-asg")),
    }))
}

/// Reads an event of `reconcile`: a schedule's tick, an instance's change of state, a Spot warning, or a manual
/// `{"cluster": …, "dryRun": true}`.
pub fn reconcile(body: &[u8]) -> Result<ReconcileEvent, EventError> {
    let value = json(body)?;
    if value.get("source").is_none() && value.get("cluster").is_some() {
        let request: Request =
            serde_json::from_value(value).map_err(|e| EventError::WrongRequest(e.to_string()))?;
        let cluster = ClusterName::parse(&request.cluster).map_err(EventError::WrongRequest)?;
        return Ok(ReconcileEvent::One { cluster, dry_run: request.dry_run });
    }
    if is_test_notification(&value) {
        return Ok(ReconcileEvent::TestNotification);
    }
    let event = match wrapper(&value) {
        Some(wrapper) if wrapper.is_test_notification() => return Ok(ReconcileEvent::TestNotification),
        Some(wrapper) => return Err(wrapped(&wrapper)),
        None => envelope(value)?,
    };
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => {}
        (
            "aws.ec2",
            "EC2 Instance State-change Notification"
            | "EC2 Spot Instance Interruption Warning"
            | "EC2 Instance Rebalance Recommendation",
        ) => {
            let detail: InstanceDetail = detail(event.detail)?;
            return Ok(ReconcileEvent::Machine(instance_id("instance-id", &detail.instance_id)?));
        }
        ("aws.events" | "aws.scheduler" | "aws.ec2", _) => {
            let wanted =
                "a schedule's tick, an EC2 state change, a Spot warning or a rebalance recommendation";
            return Err(EventError::WrongKind { found: event.detail_type, wanted });
        }
        _ => {
            let wanted = "\"aws.events\", \"aws.scheduler\" or \"aws.ec2\", or {\"cluster\": …}";
            return Err(EventError::WrongSource { found: event.source, wanted });
        }
    }
    Ok(ReconcileEvent::All { scheduled: true })
}

fn json(body: &[u8]) -> Result<Value, EventError> {
    if body.len() > MOST_BYTES {
        return Err(EventError::Oversized(body.len()));
    }
    let text = std::str::from_utf8(body).map_err(|_| EventError::NotText)?;
    serde_json::from_str(text).map_err(|e| EventError::NotJson(e.to_string()))
}

fn wrapped(wrapper: &Wrapper) -> EventError {
    EventError::Wrapped { by: wrapper.by.clone(), cure: wrapper.cure, action: wrapper.lifecycle_action() }
}

/// The fields of an event that are used. The others may have any value, and are not read: AWS's own samples have
/// placeholders in them (`"time": "yyyy-mm-ddThh:mm:ssZ"`).
const USED: [&str; 3] = ["source", "detail-type", "detail"];

fn envelope(value: Value) -> Result<EventBridgeEvent<Value>, EventError> {
    let Value::Object(mut event) = value else {
        return Err(EventError::NotAnEvent("it is no JSON object".to_owned()));
    };
    event.retain(|field, _| USED.contains(&field.as_str()));
    serde_json::from_value(event.into()).map_err(|e| EventError::NotAnEvent(e.to_string()))
}

/// A detail is an object. EventBridge Scheduler can send it as text that holds the object.
fn detail<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, EventError> {
    let value = match value.as_str().map(serde_json::from_str) {
        Some(Ok(inner)) => inner,
        _ => value,
    };
    serde_json::from_value(value).map_err(|e| EventError::WrongDetail(e.to_string()))
}

fn accept_source(event: &EventBridgeEvent<Value>, wanted: &'static str) -> Result<(), EventError> {
    if event.source == wanted {
        return Ok(());
    }
    Err(EventError::WrongSource { found: event.source.clone(), wanted })
}

fn instance_id(field: &str, text: &str) -> Result<InstanceId, EventError> {
    InstanceId::parse(text).map_err(|reason| EventError::WrongDetail(format!("{field}: {reason}")))
}

/// Auto Scaling sends a test notification when a hook with a notification target is made.
fn is_test_notification(value: &Value) -> bool {
    let says = |v: Option<&Value>| v.and_then(Value::as_str) == Some(TEST_NOTIFICATION);
    let within = |v: &Value| says(v.get("Event")) || says(v.get("LifecycleTransition"));
    within(value) || value.get("detail").is_some_and(within)
}
