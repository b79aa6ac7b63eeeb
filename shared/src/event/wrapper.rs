//! Events that came by another way than a rule of EventBridge that targets the function.
//!
//! AWS's services wrap what they pass on (AWS Lambda developer guide, "Using Lambda with events from other AWS
//! services"). A wrapped event is refused with the wrapper's name and the cure, and not unwrapped: a lifecycle hook
//! that notifies a topic or a queue is not known to reach every function, and the functions have no permission on it.

use serde_json::Value;

use super::{TEST_NOTIFICATION, is_test_notification};
use crate::event::{kind, transition_name};
use membership::instance::Transition;
use membership::words::quoted;

/// How deep wrappers are looked into, such as a queue behind a topic.
const DEEPEST: usize = 4;

/// A wrapper, and what is in it.
pub struct Wrapper {
    /// What wrapped the event, as part of a sentence.
    pub by: String,
    /// What to do about it.
    pub cure: &'static str,
    /// What was passed on, where it can be read.
    inner: Vec<Value>,
}

const DIRECTLY: &str = "EventBridge must invoke the function directly: target the rule at the function itself, as in template.yaml";
const NO_NOTIFICATION: &str = "EventBridge must invoke the function directly: target a rule at the function itself, as in template.yaml, and give the lifecycle hook no notification target";
const NOTHING_ELSE: &str = "only EventBridge's rules and the schedule of template.yaml may invoke the function, and an operator with {\"cluster\": \"name\", \"dryRun\": true}";
const NO_TRANSFORMER: &str = "EventBridge must hand the whole event on: take the input path or the input transformer away from the rule's target";
const PLAIN_JSON: &str = "give the payload as JSON, not as a text that holds JSON";

/// The wrapper of this event. `None` where the event looks like EventBridge's own, or like nothing known.
pub fn wrapper(value: &Value) -> Option<Wrapper> {
    let wrapped = |by: &str, cure, inner| Some(Wrapper { by: by.to_owned(), cure, inner });
    let object = match value {
        Value::String(text) => {
            let inner = json_in(text).filter(|inner| inner.is_object() || inner.is_array())?;
            return wrapped("a caller that sends JSON as text", PLAIN_JSON, vec![inner]);
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            return wrapped(
                "a batch, as EventBridge Pipes and event source mappings send it",
                DIRECTLY,
                items.clone(),
            );
        }
        Value::Object(object) => object,
        _ => return None,
    };
    if object.contains_key("detail-type") && object.contains_key("source") {
        return None;
    }
    let has = |key: &str| object.contains_key(key);
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let inner =
        |keys: &[&str]| keys.iter().filter_map(|key| object.get(*key).map(unquoted)).collect::<Vec<_>>();
    if let Some(records) = object.get("Records").or_else(|| object.get("records")).and_then(Value::as_array) {
        return Some(records_wrapper(records));
    }
    if has("Message") && (has("TopicArn") || text("Type") == Some("Notification")) {
        return wrapped("an SNS topic", NO_NOTIFICATION, inner(&["Message"]));
    }
    if let Some(token) = object.keys().find(|key| is_token(key)) {
        let rest = object.iter().filter(|(key, _)| *key != token).map(|(_, value)| unquoted(value));
        return wrapped("a Step Functions state with a task token", DIRECTLY, rest.collect());
    }
    if has("requestPayload") {
        return wrapped("a Lambda destination", DIRECTLY, inner(&["requestPayload"]));
    }
    if has("requestContext") || has("httpMethod") {
        return wrapped("an HTTP request", NOTHING_ELSE, inner(&["body"]));
    }
    if has("alarmData") || has("AlarmName") {
        return wrapped("a CloudWatch alarm", NOTHING_ELSE, Vec::new());
    }
    if has("awslogs") {
        return wrapped("a CloudWatch Logs subscription", NOTHING_ELSE, Vec::new());
    }
    if has("ResponseURL") && has("RequestType") {
        return wrapped("a custom resource of CloudFormation", NOTHING_ELSE, Vec::new());
    }
    if has("LifecycleTransition") && has("AutoScalingGroupName") {
        let by = match text("Service") {
            Some("AWS Auto Scaling") => "a lifecycle hook's own notification target",
            _ => {
                return wrapped(
                    "a rule's input path or input transformer",
                    NO_TRANSFORMER,
                    vec![value.clone()],
                );
            }
        };
        return wrapped(by, NO_NOTIFICATION, vec![value.clone()]);
    }
    if has("detail-type") || has("source") {
        return None;
    }
    let parts: Vec<Value> = object.values().map(unquoted).filter(holds_event).collect();
    if parts.is_empty() {
        return None;
    }
    wrapped("a state machine or an input transformer that puts it into a field", DIRECTLY, parts)
}

/// The records of a service that Lambda polls, or that invokes it.
fn records_wrapper(records: &[Value]) -> Wrapper {
    let source = |record: &Value| {
        let named = record.get("eventSource").or_else(|| record.get("EventSource"));
        named.and_then(Value::as_str).map(str::to_owned)
    };
    let (by, cure) = match records.iter().find_map(source).as_deref() {
        Some("aws:sns") => ("an SNS topic".to_owned(), NO_NOTIFICATION),
        Some("aws:sqs") => ("an SQS queue".to_owned(), NO_NOTIFICATION),
        Some("aws:kinesis") => ("a Kinesis stream".to_owned(), DIRECTLY),
        Some("aws:s3") => ("a notification of an S3 bucket".to_owned(), NOTHING_ELSE),
        Some("aws:dynamodb") => ("a DynamoDB stream".to_owned(), NOTHING_ELSE),
        Some(other) => (format!("records of {}", quoted(other)), NOTHING_ELSE),
        None => ("records of another service".to_owned(), NOTHING_ELSE),
    };
    let within = |record: &Value| record.get("body").or_else(|| record.pointer("/Sns/Message")).map(unquoted);
    Wrapper { by, cure, inner: records.iter().filter_map(within).collect() }
}

/// `taskToken`, `TaskToken`, `task_token`, `token`: a state machine's author names the field.
fn is_token(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphabetic).collect();
    matches!(letters.to_ascii_lowercase().as_str(), "tasktoken" | "token")
}

/// The value, or the JSON that its text holds.
fn unquoted(value: &Value) -> Value {
    value.as_str().and_then(json_in).unwrap_or_else(|| value.clone())
}

fn json_in(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn holds_event(value: &Value) -> bool {
    value.get("detail-type").is_some()
        || is_test_notification(value)
        || value.get("LifecycleTransition").is_some()
}

impl Wrapper {
    /// Whether all that was passed on is Auto Scaling's test of a hook's target.
    pub fn is_test_notification(&self) -> bool {
        !self.inner.is_empty() && self.inner.iter().all(|inner| is_test(inner, DEEPEST))
    }

    /// The lifecycle action in the wrapper, in words: its hook waits on.
    pub fn lifecycle_action(&self) -> Option<String> {
        self.inner.iter().find_map(|inner| action(inner, DEEPEST))
    }
}

fn is_test(value: &Value, deep: usize) -> bool {
    is_test_notification(value)
        || deep > 0
            && wrapper(value).is_some_and(|w| {
                !w.inner.is_empty() && w.inner.iter().all(|inner| inner != value && is_test(inner, deep - 1))
            })
}

fn action(value: &Value, deep: usize) -> Option<String> {
    let detail = value.get("detail").map_or_else(|| value.clone(), unquoted);
    let text = |key: &str| detail.get(key).and_then(Value::as_str);
    let transition = text("LifecycleTransition").filter(|transition| *transition != TEST_NOTIFICATION);
    if let (Some(transition), Some(instance)) = (transition, text("EC2InstanceId")) {
        let known = [Transition::Launch, Transition::Terminate]
            .into_iter()
            .find(|t| transition_name(*t) == transition);
        let what = known.map_or("lifecycle action", kind);
        let group = text("AutoScalingGroupName").unwrap_or_default();
        return Some(format!("the {what} of {} in {}", quoted(instance), quoted(group)));
    }
    if deep == 0 {
        return None;
    }
    let inner = wrapper(value)?.inner;
    inner.iter().filter(|inner| *inner != value).find_map(|inner| action(inner, deep - 1))
}
