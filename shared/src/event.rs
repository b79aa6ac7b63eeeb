//! What each function accepts, and one clear sentence for everything else.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use membership::ids::{ClusterName, InstanceId};
use membership::words::{one_line, quoted};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// What EventBridge delivers at most (Amazon EventBridge quotas: 256 KB).
pub const MOST_BYTES: usize = 256 * 1024;
const TEST_NOTIFICATION: &str = "autoscaling:TEST_NOTIFICATION";

/// An event that no retry can help.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EventError {
    /// Too long.
    #[error("the event has {0} bytes, EventBridge delivers at most {MOST_BYTES}")]
    Oversized(usize),
    /// Not UTF-8.
    #[error("the event is not text in UTF-8")]
    NotText,
    /// Not JSON.
    #[error("the event is not JSON: {}", one_line(.0))]
    NotJson(String),
    /// JSON, and no event.
    #[error("the event is not an EventBridge event: {}", one_line(.0))]
    NotAnEvent(String),
    /// An event of another service.
    #[error("the event comes from {}, this function accepts {wanted}", quoted(.found))]
    WrongSource {
        /// Its source.
        found: String,
        /// What is accepted.
        wanted: &'static str,
    },
    /// An event of another kind.
    #[error("the event is a {}, this function accepts {wanted}", quoted(.found))]
    WrongKind {
        /// Its detail-type.
        found: String,
        /// What is accepted.
        wanted: &'static str,
    },
    /// Its detail is not what its kind promises.
    #[error("the event's detail is wrong: {}", one_line(.0))]
    WrongDetail(String),
    /// A manual invocation that is not understood.
    #[error("the manual invocation is wrong: {}", one_line(.0))]
    WrongRequest(String),
}

/// Which lifecycle events a function accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// An instance launches.
    Launch,
    /// An instance terminates.
    Terminate,
}

impl Transition {
    fn kind(self) -> &'static str {
        match self {
            Transition::Launch => "EC2 Instance-launch Lifecycle Action",
            Transition::Terminate => "EC2 Instance-terminate Lifecycle Action",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Transition::Launch => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Transition::Terminate => "autoscaling:EC2_INSTANCE_TERMINATING",
        }
    }
}

/// A lifecycle action that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleAction {
    /// The group's name.
    pub group: String,
    /// The instance.
    pub instance: InstanceId,
    /// Launching or terminating.
    pub transition: Transition,
}

/// An event for the lifecycle functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// An action waits.
    Action(LifecycleAction),
    /// Nothing to do, and why.
    Ignored(String),
}

/// An event for `reconcile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReconcileEvent {
    /// Look at every tagged group.
    All,
    /// Look at one cluster.
    One {
        /// The cluster.
        cluster: ClusterName,
        /// Change nothing, and tell what was seen and decided.
        dry_run: bool,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LifecycleDetail {
    auto_scaling_group_name: String,
    #[serde(rename = "EC2InstanceId")]
    instance: String,
    lifecycle_transition: String,
    lifecycle_hook_name: String,
    lifecycle_action_token: String,
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
        return Ok(LifecycleEvent::Ignored("it is a test notification".to_owned()));
    }
    let event = envelope(value)?;
    accept_source(&event, "aws.autoscaling")?;
    if event.detail_type != transition.kind() {
        return Err(EventError::WrongKind { found: event.detail_type, wanted: transition.kind() });
    }
    let detail: LifecycleDetail = detail(event.detail)?;
    if detail.lifecycle_transition != transition.name() {
        let (found, wanted) = (detail.lifecycle_transition, transition.name());
        return Err(EventError::WrongDetail(format!(
            "LifecycleTransition is {}, not {wanted:?}",
            quoted(&found)
        )));
    }
    for (field, value) in [
        ("AutoScalingGroupName", &detail.auto_scaling_group_name),
        ("LifecycleHookName", &detail.lifecycle_hook_name),
        ("LifecycleActionToken", &detail.lifecycle_action_token),
    ] {
        if value.is_empty() || value.len() > 255 {
            return Err(EventError::WrongDetail(format!(
                "{field} has {} characters, not 1 to 255",
                value.len()
            )));
        }
    }
    let instance = instance_id("EC2InstanceId", &detail.instance)?;
    Ok(LifecycleEvent::Action(LifecycleAction {
        group: detail.auto_scaling_group_name,
        instance,
        transition,
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
    let event = envelope(value)?;
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => {}
        (
            "aws.ec2",
            "EC2 Instance State-change Notification"
            | "EC2 Spot Instance Interruption Warning"
            | "EC2 Instance Rebalance Recommendation",
        ) => {
            let detail: InstanceDetail = detail(event.detail)?;
            instance_id("instance-id", &detail.instance_id)?;
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
    Ok(ReconcileEvent::All)
}

fn json(body: &[u8]) -> Result<Value, EventError> {
    if body.len() > MOST_BYTES {
        return Err(EventError::Oversized(body.len()));
    }
    let text = std::str::from_utf8(body).map_err(|_| EventError::NotText)?;
    serde_json::from_str(text).map_err(|e| EventError::NotJson(e.to_string()))
}

fn envelope(value: Value) -> Result<EventBridgeEvent<Value>, EventError> {
    if !value.is_object() {
        return Err(EventError::NotAnEvent("it is no JSON object".to_owned()));
    }
    serde_json::from_value(value).map_err(|e| EventError::NotAnEvent(e.to_string()))
}

fn detail<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, EventError> {
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

/// Auto Scaling sends one when a hook with a notification target is made.
fn is_test_notification(value: &Value) -> bool {
    let says = |v: Option<&Value>| v.and_then(Value::as_str) == Some(TEST_NOTIFICATION);
    let within = |v: &Value| says(v.get("Event")) || says(v.get("LifecycleTransition"));
    within(value) || value.get("detail").is_some_and(within)
}
