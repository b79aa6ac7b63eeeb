//! What `reconcile` accepts, and the sentence for each other event.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

use etcd_asg::event::{EventError, ReconcileEvent, reconcile};
use serde_json::{Value, json};

fn read(event: &Value) -> Result<ReconcileEvent, EventError> {
    reconcile(event.to_string().as_bytes())
}

fn event(source: &str, kind: &str, detail: Value) -> Value {
    json!({ "version": "0", "id": "x", "source": source, "detail-type": kind, "detail": detail })
}

#[test]
fn a_tick_means_every_group_and_a_word_of_ec2_means_its_machine() {
    let id = "i-1234567890abcdef0";
    let instance = || json!({ "instance-id": id, "state": "running" });
    for event in [
        event("aws.events", "Scheduled Event", json!({})),
        event("aws.scheduler", "Scheduled Event", json!("{}")),
        event("aws.ec2", "EC2 Instance State-change Notification", instance()),
        event("aws.ec2", "EC2 Spot Instance Interruption Warning", instance()),
        event("aws.ec2", "EC2 Instance Rebalance Recommendation", instance()),
    ] {
        let meant = match event["source"] == "aws.ec2" {
            true => ReconcileEvent::Machine(id.into()),
            false => ReconcileEvent::All { scheduled: true },
        };
        assert_eq!(read(&event), Ok(meant), "{event}");
    }
}

#[test]
fn an_operator_names_a_cluster() {
    let one = |dry_run| ReconcileEvent::One { cluster: "main".into(), dry_run };
    assert_eq!(read(&json!({ "cluster": "main", "dryRun": true })), Ok(one(true)));
    assert_eq!(read(&json!({ "cluster": "main" })), Ok(one(false)));
}

#[test]
fn each_wrong_event_has_a_sentence_of_its_own() {
    for (wrong, part) in [
        (json!({ "cluster": "a/b" }), r#""a/b" is not a cluster name"#),
        (json!({ "cluster": 7 }), "the manual invocation is wrong: invalid type"),
        (json!({ "cluster": "main", "dryrun": true }), "unknown field `dryrun`"),
        (json!({ "cluster": "main", "dryRun": "yes" }), "expected a boolean"),
        (json!({}), "missing field"),
        (event("aws.s3", "Object Created", json!({})), r#"the event comes from "aws.s3""#),
        (event("aws.ec2", "EC2 Instance Retired", json!({})), r#"the event is a "EC2 Instance Retired""#),
        (
            event("aws.ec2", "EC2 Instance State-change Notification", json!({})),
            "missing field `instance-id`",
        ),
        (
            event("aws.ec2", "EC2 Instance State-change Notification", json!({ "instance-id": "i-1" })),
            r#""i-1" is not an instance ID"#,
        ),
    ] {
        let sentence = read(&wrong).unwrap_err().to_string();
        assert!(sentence.contains(part), "{wrong}: {sentence}");
    }
}
