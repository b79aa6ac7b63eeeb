//! Events that the functions must refuse, and the dry run.

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::{Scene, on_a_stage};

fn launch() -> Value {
    json!({
        "version": "0", "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": "EC2 Instance-launch Lifecycle Action", "source": "aws.autoscaling",
        "account": "123456789012", "time": "2026-11-22T06:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:x:autoScalingGroupName/main"],
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321", "AutoScalingGroupName": "main",
            "LifecycleHookName": "etcd-asg-launch", "EC2InstanceId": "i-1234567890abcdef0",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"
        }
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut event = launch();
    change(&mut event);
    event.to_string().into_bytes()
}

/// Succeeds if the function refuses the event under this code, in one sentence that names what is wrong.
/// Returns the sentence.
async fn refused(scene: &Scene, function: &str, event: Vec<u8>, code: &str, names: &str) -> Result<String> {
    let answer = scene.account.invoke(function, event).await?;
    assert_eq!(answer["outcome"], "refused", "{code}: {answer}");
    assert_eq!(answer["code"], code, "{answer}");
    let reason = answer["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains(names), "{names:?} is not named in {reason:?}");
    assert!(!reason.contains('\n'), "the reason has several lines: {reason:?}");
    Ok(reason)
}

/// Each malformed event is refused with a code and a sentence of its own, and nothing is written anywhere.
#[test]
fn malformed_events_are_refused() {
    on_a_stage(
        |o| o.tick = None,
        |scene| async move {
            let detail = "event-detail-wrong";
            let without =
                |field: &str| with(|e| drop(e["detail"].as_object_mut().and_then(|d| d.remove(field))));
            let instance = json!("i-../../etc");
            let terminating = json!("autoscaling:EC2_INSTANCE_TERMINATING");
            let other_kind = json!("EC2 Instance Launch Successful");
            let long = json!("x".repeat(300_000));
            let events: Vec<(&str, &str, Vec<u8>)> = vec![
                ("event-from-elsewhere", "aws.ec2", with(|e| e["source"] = json!("aws.ec2"))),
                (
                    "event-of-another-kind",
                    "EC2 Instance Launch Successful",
                    with(|e| e["detail-type"] = other_kind),
                ),
                (detail, "AutoScalingGroupName", without("AutoScalingGroupName")),
                (detail, "EC2InstanceId", without("EC2InstanceId")),
                (detail, "i-../../etc", with(|e| e["detail"]["EC2InstanceId"] = instance)),
                (detail, "LifecycleTransition", with(|e| e["detail"]["LifecycleTransition"] = terminating)),
                (detail, "a string", with(|e| e["detail"] = json!("a string"))),
                ("event-too-large", "300", with(|e| e["detail"]["NotificationMetadata"] = long)),
                ("event-not-json", "", b"this is not JSON".to_vec()),
            ];
            let mut reasons = std::collections::BTreeSet::new();
            for (code, names, event) in events {
                let reason = refused(&scene, "instance-launch", event, code, names).await?;
                assert!(!reasons.contains(&reason), "two events have the same reason: {reason:?}");
                reasons.insert(reason);
            }
            let (launch, named) = (launch().to_string().into_bytes(), "EC2 Instance-launch Lifecycle Action");
            refused(&scene, "instance-terminate", launch, "event-of-another-kind", named).await?;
            let request = br#"{"cluster": "a/b"}"#.to_vec();
            refused(&scene, "reconcile", request, "request-wrong", "a/b").await?;
            let state = scene.account.state().await?;
            assert_eq!(state["ledgers"], json!({}), "a ledger was written");
            let parameters = &state["parameters"];
            assert!(
                parameters.as_object().is_none_or(|p| p.is_empty()),
                "a parameter was written: {parameters}"
            );
            let log = scene.account.logs().await?;
            let lines = |level: &str| log.lines().filter(|l| l.contains(level)).count();
            let by_hand = ["event-too-large", "event-not-json", "request-wrong"].len();
            assert_eq!(lines("ERROR"), reasons.len() + 2 - by_hand, "one ERROR line for each event:\n{log}");
            assert_eq!(lines("WARN"), by_hand, "one WARN line for each call by hand:\n{log}");
            Ok(())
        },
    );
}

/// Whoever misspells a cluster's name reads that in the answer; no alarm on ERROR lines rings.
#[test]
fn a_typo_in_a_call_by_hand_is_no_error() {
    on_a_stage(
        |o| o.tick = None,
        |scene| async move {
            for request in [r#"{"cluster": "mian", "dryRun": true}"#, r#"{"cluster": "mian"}"#] {
                refused(&scene, "reconcile", request.into(), "no-such-cluster", "mian").await?;
            }
            let misspelt = br#"{"clutser": "main"}"#.to_vec();
            refused(&scene, "reconcile", misspelt, "event-not-eventbridge", "").await?;
            let extra = br#"{"cluster": "main", "dryrun": true}"#.to_vec();
            refused(&scene, "reconcile", extra, "request-wrong", "dryrun").await?;
            let log = scene.account.logs().await?;
            anyhow::ensure!(!log.contains("ERROR"), "a typo is an ERROR line:\n{log}");
            anyhow::ensure!(log.contains("no-such-cluster"), "the typo is not logged:\n{log}");
            Ok(())
        },
    );
}

/// A dry run changes nothing, and answers what it would do.
#[test]
fn a_dry_run_changes_nothing() {
    on_a_stage(
        |o| o.tick = None,
        |scene| async move {
            let cluster = scene.cluster(1).await?;
            cluster.settles(1).await?;
            let before = cluster.ledgers().await?.len();
            let answer = cluster.dry_run().await?;
            assert_eq!(answer["cluster"], "main", "{answer}");
            for part in ["generation", "summary", "observation", "decision"] {
                assert!(!answer[part].is_null(), "{part} is missing in {answer}");
            }
            assert_eq!(cluster.ledgers().await?.len(), before, "the dry run wrote a ledger");
            Ok(())
        },
    );
}
