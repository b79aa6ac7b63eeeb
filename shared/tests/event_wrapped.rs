//! Events that another service passed on: each is refused with the wrapper's name and the cure, in both kinds of
//! functions; a wrapped test notification is ignored.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

use etcd_asg::event::{EventError, LifecycleEvent, ReconcileEvent, Transition, lifecycle, reconcile};
use serde_json::{Value, json};

fn action() -> Value {
    json!({
        "version": "0", "id": "x", "source": "aws.autoscaling", "time": "2026-11-22T06:00:00Z",
        "detail-type": "EC2 Instance-terminate Lifecycle Action",
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321", "AutoScalingGroupName": "demo",
            "LifecycleHookName": "terminate", "EC2InstanceId": "i-0123456789abcdef0",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"
        }
    })
}

fn test_notification() -> Value {
    json!({ "AutoScalingGroupName": "demo", "Service": "AWS Auto Scaling", "Event": "autoscaling:TEST_NOTIFICATION" })
}

fn sns(message: &Value) -> Value {
    json!({ "Records": [{ "EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {
        "Type": "Notification", "TopicArn": "arn:aws:sns:us-west-2:1:t", "Message": message.to_string() } }] })
}

fn sqs(bodies: &[Value]) -> Value {
    let record =
        |body: &Value| json!({ "messageId": "m", "body": body.to_string(), "eventSource": "aws:sqs" });
    json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() })
}

fn topic_in_a_queue(message: &Value) -> Value {
    sqs(&[
        json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:us-west-2:1:t", "Message": message.to_string() }),
    ])
}

/// The sentence of both kinds of functions, which is the same.
fn refused(event: &Value) -> String {
    let body = event.to_string();
    let sentences = [Transition::Launch, Transition::Terminate]
        .map(|transition| lifecycle(body.as_bytes(), transition).unwrap_err())
        .into_iter()
        .chain([reconcile(body.as_bytes()).unwrap_err()]);
    let all: Vec<String> = sentences
        .map(|error| {
            assert!(matches!(error, EventError::Wrapped { .. }), "{event}: {error}");
            error.to_string()
        })
        .collect();
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    all[0].clone()
}

#[test]
fn each_wrapper_is_named_with_the_cure_and_the_action_that_it_holds() {
    let directly = "EventBridge must invoke the function directly";
    for (wrapped, by, cure) in [
        (sns(&action()), "an SNS topic", directly),
        (sqs(&[action()]), "an SQS queue", directly),
        (topic_in_a_queue(&action()), "an SQS queue", directly),
        (action_in("taskToken"), "a Step Functions state with a task token", directly),
        (action_in("TaskToken"), "a Step Functions state with a task token", directly),
        (action_in("token"), "a Step Functions state with a task token", directly),
        (json!({ "Payload": action() }), "a state machine or an input transformer", directly),
        (json!({ "event": action().to_string() }), "a state machine or an input transformer", directly),
        (json!([action()]), "a batch, as EventBridge Pipes", directly),
        (json!({ "version": "1.0", "requestPayload": action() }), "a Lambda destination", directly),
        (
            action()["detail"].clone(),
            "a rule's input path or input transformer",
            "EventBridge must hand the whole event on",
        ),
        (json!(action().to_string()), "a caller that sends JSON as text", "give the payload as JSON"),
    ] {
        let sentence = refused(&wrapped);
        let expected = format!("the event came through {by}");
        assert!(sentence.starts_with(&expected) && sentence.contains(cure), "{wrapped}: {sentence}");
        let held =
            r#"it holds the EC2 Instance-terminate Lifecycle Action of "i-0123456789abcdef0" in "demo""#;
        assert!(sentence.contains(held), "{sentence}");
    }
}

fn action_in(token: &str) -> Value {
    json!({ token: "AAAAKgAAAAIAAAAAAAAAAQ==", "input": action() })
}

#[test]
fn another_service_that_invokes_the_function_is_named() {
    let records = |source: &str| json!({ "Records": [{ "eventSource": source }] });
    for (event, by) in [
        (records("aws:s3"), "a notification of an S3 bucket"),
        (records("aws:kinesis"), "a Kinesis stream"),
        (records("aws:dynamodb"), "a DynamoDB stream"),
        (records("aws:else"), r#"records of "aws:else""#),
        (json!({ "Records": [] }), "records of another service"),
        (
            json!({ "records": [{ "data": "e30=" }], "deliveryStreamArn": "arn" }),
            "records of another service",
        ),
        (json!({ "source": "aws.cloudwatch", "alarmArn": "arn", "alarmData": {} }), "a CloudWatch alarm"),
        (json!({ "awslogs": { "data": "H4sI" } }), "a CloudWatch Logs subscription"),
        (json!({ "httpMethod": "POST", "body": "{}" }), "an HTTP request"),
        (
            json!({ "RequestType": "Create", "ResponseURL": "https://x" }),
            "a custom resource of CloudFormation",
        ),
    ] {
        let sentence = refused(&event);
        assert!(sentence.starts_with(&format!("the event came through {by}")), "{event}: {sentence}");
        assert!(!sentence.contains("it holds"), "{sentence}");
    }
}

#[test]
fn a_wrapped_test_notification_is_ignored() {
    let detail = json!({ "source": "aws.autoscaling", "detail-type": "x", "detail": test_notification() });
    for event in [
        test_notification(),
        detail,
        sns(&test_notification()),
        sqs(&[test_notification(), test_notification()]),
        topic_in_a_queue(&test_notification()),
        json!({ "taskToken": "t", "input": test_notification() }),
        json!(test_notification().to_string()),
        json!([test_notification()]),
    ] {
        let body = event.to_string();
        for transition in [Transition::Launch, Transition::Terminate] {
            assert_eq!(
                lifecycle(body.as_bytes(), transition),
                Ok(LifecycleEvent::TestNotification),
                "{event}"
            );
        }
        assert_eq!(reconcile(body.as_bytes()), Ok(ReconcileEvent::TestNotification), "{event}");
    }
}

#[test]
fn a_batch_with_an_action_beside_a_test_is_not_lost() {
    let sentence = refused(&sqs(&[test_notification(), action()]));
    assert!(sentence.contains("it holds the EC2 Instance-terminate Lifecycle Action"), "{sentence}");
}

#[test]
fn what_holds_no_event_is_no_wrapper() {
    for event in [json!({}), json!([1, 2]), json!("word"), json!({ "a": { "b": 1 } }), json!(7)] {
        let error = lifecycle(event.to_string().as_bytes(), Transition::Launch).unwrap_err();
        assert!(matches!(error, EventError::NotAnEvent(_)), "{event}: {error}");
    }
}
