//! What `instance-launch` and `instance-terminate` accept, and the sentence for each other event.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

use etcd_asg::event::{EventError, LifecycleEvent, MOST_BYTES, Transition, lifecycle};
use serde_json::{Value, json};

const KIND: &str = "EC2 Instance-launch Lifecycle Action";
const TRANSITION: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";

fn event() -> Value {
    json!({
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": KIND,
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2026-11-22T06:00:00Z",
        "region": "us-west-2",
        "resources": ["arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:x:autoScalingGroupName/my-asg"],
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
            "AutoScalingGroupName": "my-asg",
            "LifecycleHookName": "my-hook",
            "EC2InstanceId": "i-1234567890abcdef0",
            "LifecycleTransition": TRANSITION,
            "NotificationMetadata": "etcd-asg",
            "Origin": "EC2",
            "Destination": "AutoScalingGroup"
        }
    })
}

fn read(event: &Value) -> Result<LifecycleEvent, EventError> {
    lifecycle(event.to_string().as_bytes(), Transition::Launch)
}

fn sentence(event: &Value) -> String {
    read(event).unwrap_err().to_string()
}

/// The event with the value at `pointer` replaced, or taken away.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut event = event();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(key.to_owned(), value)),
        None => drop(parent.remove(key).unwrap()),
    }
    event
}

#[test]
fn the_documented_event_is_accepted() {
    let Ok(LifecycleEvent::Action(action)) = read(&event()) else {
        panic!("it was not accepted");
    };
    assert_eq!(action.group, "my-asg");
    assert_eq!(action.instance.as_str(), "i-1234567890abcdef0");
    assert_eq!(action.transition, Transition::Launch);
    assert!(action.marked);
}

#[test]
fn a_hook_is_marked_by_its_metadata() {
    let marked = |metadata: Option<Value>| match read(&with("/detail/NotificationMetadata", metadata)) {
        Ok(LifecycleEvent::Action(action)) => action.marked,
        other => panic!("{other:?}"),
    };
    assert!(marked(Some(json!({"owner": "etcd-asg"}))));
    assert!(marked(Some(json!("{\"owner\":\"etcd-asg\"}"))));
    assert!(!marked(Some(json!("codedeploy"))) && !marked(Some(json!(null))) && !marked(None));
}

#[test]
fn what_aws_may_leave_out_may_be_missing() {
    for optional in [
        "/detail/Origin",
        "/detail/Destination",
        "/detail/NotificationMetadata",
        "/detail/LifecycleActionToken",
        "/detail/LifecycleHookName",
        "/id",
        "/time",
        "/version",
        "/account",
        "/region",
        "/resources",
    ] {
        assert!(matches!(read(&with(optional, None)), Ok(LifecycleEvent::Action(_))), "{optional}");
    }
}

#[test]
fn what_is_not_used_may_have_any_value() {
    for odd in
        [json!("yyyy-mm-ddThh:mm:ssZ"), json!(["auto-scaling-group-arn"]), json!(7), json!(null), json!({})]
    {
        for unused in
            ["/time", "/resources", "/version", "/id", "/account", "/region", "/detail/LifecycleActionToken"]
        {
            let event = with(unused, Some(odd.clone()));
            assert!(matches!(read(&event), Ok(LifecycleEvent::Action(_))), "{event}");
        }
    }
    let text = with("/detail", Some(json!(event()["detail"].to_string())));
    assert!(matches!(read(&text), Ok(LifecycleEvent::Action(_))), "a detail as text");
}

#[test]
fn a_terminate_event_is_accepted_by_its_own_function_only() {
    let mut terminate = with("/detail-type", Some(json!("EC2 Instance-terminate Lifecycle Action")));
    terminate["detail"]["LifecycleTransition"] = json!("autoscaling:EC2_INSTANCE_TERMINATING");
    let body = terminate.to_string();
    assert!(matches!(lifecycle(body.as_bytes(), Transition::Terminate), Ok(LifecycleEvent::Action(_))));
    assert!(sentence(&terminate).contains("EC2 Instance-terminate Lifecycle Action"));
}

#[test]
fn each_wrong_event_has_a_sentence_of_its_own() {
    for (wrong, expected) in [
        (
            with("/source", Some(json!("aws.ec2"))),
            r#"the event comes from "aws.ec2", this function accepts aws.autoscaling"#,
        ),
        (
            with("/detail-type", Some(json!("Scheduled Event"))),
            r#"the event is a "Scheduled Event", this function accepts EC2 Instance-launch Lifecycle Action"#,
        ),
        (with("/source", None), "the event is not an EventBridge event: missing field `source`"),
        (with("/detail", None), "the event is not an EventBridge event: missing field `detail`"),
        (with("/detail/EC2InstanceId", None), "the event's detail is wrong: missing field `EC2InstanceId`"),
        (
            with("/detail/AutoScalingGroupName", None),
            "the event's detail is wrong: missing field `AutoScalingGroupName`",
        ),
        (
            with("/detail/LifecycleTransition", None),
            "the event's detail is wrong: missing field `LifecycleTransition`",
        ),
        (
            with("/detail/AutoScalingGroupName", Some(json!(""))),
            "the event's detail is wrong: AutoScalingGroupName has 0 characters, not 1 to 255",
        ),
        (
            with("/detail/EC2InstanceId", Some(json!("i-XYZ"))),
            r#"the event's detail is wrong: EC2InstanceId: "i-XYZ" is not an instance ID (i- and 8 or 17 hexadecimal digits)"#,
        ),
        (
            with("/detail/LifecycleTransition", Some(json!("autoscaling:EC2_INSTANCE_TERMINATING"))),
            r#"the event's detail is wrong: LifecycleTransition is "autoscaling:EC2_INSTANCE_TERMINATING", not "autoscaling:EC2_INSTANCE_LAUNCHING""#,
        ),
        (json!([1, 2]), "the event is not an EventBridge event: it is no JSON object"),
    ] {
        assert_eq!(sentence(&wrong), expected);
    }
}

#[test]
fn bytes_that_are_not_json_are_refused() {
    let read = |body: &[u8]| lifecycle(body, Transition::Launch).unwrap_err();
    assert!(matches!(read(b"not json"), EventError::NotJson(_)));
    assert!(matches!(read(b""), EventError::NotJson(_)));
    assert!(matches!(read(b"{} {}"), EventError::NotJson(_)));
    assert_eq!(read(b"\xff\xfe"), EventError::NotText);
    let deep = "[".repeat(10_000);
    assert!(matches!(read(deep.as_bytes()), EventError::NotJson(_)));
}

#[test]
fn an_event_is_as_long_as_eventbridge_delivers_and_no_longer() {
    let fill = |bytes: usize| {
        let padding = bytes - with("/detail/NotificationMetadata", Some(json!(""))).to_string().len();
        with("/detail/NotificationMetadata", Some(json!("x".repeat(padding))))
    };
    assert!(read(&fill(MOST_BYTES)).is_ok());
    assert_eq!(read(&fill(MOST_BYTES + 1)), Err(EventError::Oversized(MOST_BYTES + 1)));
}

#[test]
fn test_notifications_are_recognised() {
    let plain = json!({ "Event": "autoscaling:TEST_NOTIFICATION", "AutoScalingGroupName": "my-asg" });
    let wrapped = with("/detail/LifecycleTransition", Some(json!("autoscaling:TEST_NOTIFICATION")));
    for event in [plain, wrapped] {
        assert_eq!(read(&event), Ok(LifecycleEvent::TestNotification));
    }
}

/// The origins and destinations that AWS names (EC2 Auto Scaling user guide, "Warm pool example events and patterns" and
/// "Replace root volumes during instance refresh"). Which hook waits follows from the transition, and it is the group that
/// tells where the instance stands, so each of these events only wakes its function.
#[test]
fn every_documented_way_of_an_instance_is_an_action() {
    for (transition, origin, destination) in [
        (Transition::Launch, "EC2", "AutoScalingGroup"),
        (Transition::Launch, "EC2", "WarmPool"),
        (Transition::Launch, "WarmPool", "AutoScalingGroup"),
        (Transition::Launch, "AutoScalingGroup", "AutoScalingGroup"),
        (Transition::Terminate, "AutoScalingGroup", "EC2"),
        (Transition::Terminate, "AutoScalingGroup", "WarmPool"),
        (Transition::Terminate, "WarmPool", "EC2"),
        (Transition::Terminate, "AutoScalingGroup", "AutoScalingGroup"),
    ] {
        let mut event = event();
        event["detail"]["Origin"] = json!(origin);
        event["detail"]["Destination"] = json!(destination);
        if transition == Transition::Terminate {
            event["detail-type"] = json!("EC2 Instance-terminate Lifecycle Action");
            event["detail"]["LifecycleTransition"] = json!("autoscaling:EC2_INSTANCE_TERMINATING");
        }
        let read = lifecycle(event.to_string().as_bytes(), transition);
        let Ok(LifecycleEvent::Action(action)) = read else {
            panic!("{transition:?} from {origin} to {destination}: {read:?}");
        };
        assert_eq!(action.transition, transition);
    }
}
