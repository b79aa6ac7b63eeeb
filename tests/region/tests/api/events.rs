//! The lifecycle events, as a real process behind the runtime API receives them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use region::Options;
use serde_json::{Value, json};

use crate::support::{Fixture, hook, options, until};

/// A Lambda function in shell: writes the event to a file beside itself and answers.
const FUNCTION: &str = r#"#!/bin/sh
api="http://${AWS_LAMBDA_RUNTIME_API#http://}/2018-06-01/runtime/invocation"
while curl -sSf -D "$0.headers" -o "$0.part" "$api/next"; do
  id=$(tr -d '\r' < "$0.headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  mv "$0.part" "$0.event"
  curl -sSf -d '{}' "$api/$id/response" > /dev/null
done
"#;

fn install(directory: &Path, name: &str) {
    let path = directory.join(name);
    std::fs::write(&path, FUNCTION).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

async fn event(directory: &Path, function: &str) -> Value {
    let path = directory.join(format!("{function}.event"));
    until(&format!("{function} gets its event"), async || {
        std::fs::read(&path).ok().map(|text| serde_json::from_slice(&text).expect("JSON"))
    })
    .await
}

#[tokio::test]
async fn both_lifecycle_events_have_the_exact_form() {
    let directory = tempfile::tempdir().expect("a directory");
    install(directory.path(), "instance-launch");
    install(directory.path(), "instance-terminate");
    install(directory.path(), "reconcile");
    let fixture = Fixture::start(Options { functions_dir: directory.path().to_owned(), ..options() }).await;
    fixture.group(1, &[hook("launch", 300, "ABANDON"), hook("terminate", 300, "CONTINUE")]).await;
    let instance = fixture.wait_for(1, "Pending:Wait").await.remove(0);
    let arn = fixture.describe().await.auto_scaling_group_arn().expect("an ARN").to_owned();

    let launch = event(directory.path(), "instance-launch").await;
    let token = launch["detail"]["LifecycleActionToken"].as_str().expect("a token").to_owned();
    assert_eq!(token.len(), 36, "{token}");
    let envelope = |detail_type: &str, event: &Value, detail: Value| {
        json!({
            "version": "0", "id": event["id"], "detail-type": detail_type, "source": "aws.autoscaling",
            "account": "123456789012", "time": event["time"], "region": "us-west-2", "resources": [arn],
            "detail": detail,
        })
    };
    let detail = json!({
        "LifecycleActionToken": token, "AutoScalingGroupName": "g", "LifecycleHookName": "launch",
        "EC2InstanceId": instance, "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "Origin": "EC2", "Destination": "AutoScalingGroup",
    });
    assert_eq!(launch, envelope("EC2 Instance-launch Lifecycle Action", &launch, detail));

    let call = fixture.autoscaling.complete_lifecycle_action().auto_scaling_group_name("g");
    let call =
        call.lifecycle_hook_name("launch").lifecycle_action_token(token).lifecycle_action_result("CONTINUE");
    call.send().await.expect("the event's token completes the action");
    fixture.wait_for(1, "InService").await;
    let call = fixture.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(&instance);
    call.should_decrement_desired_capacity(true).send().await.expect("terminating");

    let terminate = event(directory.path(), "instance-terminate").await;
    let detail = json!({
        "LifecycleActionToken": terminate["detail"]["LifecycleActionToken"], "AutoScalingGroupName": "g",
        "LifecycleHookName": "terminate", "EC2InstanceId": instance,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "Origin": "AutoScalingGroup", "Destination": "EC2",
    });
    assert_eq!(terminate, envelope("EC2 Instance-terminate Lifecycle Action", &terminate, detail));
    fixture.region.shutdown().await;
}
