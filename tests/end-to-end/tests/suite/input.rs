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

async fn refused(scene: &Scene, function: &str, event: Vec<u8>, because: &str) -> Result<String> {
    let answer = scene.account.invoke(function, event).await?;
    assert_eq!(answer["outcome"], "refused", "{because}: {answer}");
    let reason = answer["reason"].as_str().unwrap_or_default().to_owned();
    assert!(
        reason.to_lowercase().contains(&because.to_lowercase()),
        "{because:?} is not named in {reason:?}"
    );
    assert!(!reason.contains('\n'), "one sentence: {reason:?}");
    Ok(reason)
}

/// Each malformed event is refused with a sentence of its own, and nothing is written anywhere.
#[test]
fn malformed_events_are_refused() {
    on_a_stage(
        |o| o.tick = None,
        |scene| async move {
            let events: Vec<(&str, Vec<u8>)> = vec![
                ("comes from \"aws.ec2\"", with(|e| e["source"] = json!("aws.ec2"))),
                (
                    "is a \"EC2 Instance Launch Successful\"",
                    with(|e| e["detail-type"] = json!("EC2 Instance Launch Successful")),
                ),
                (
                    "AutoScalingGroupName",
                    with(|e| drop(e["detail"].as_object_mut().unwrap().remove("AutoScalingGroupName"))),
                ),
                (
                    "EC2InstanceId",
                    with(|e| drop(e["detail"].as_object_mut().unwrap().remove("EC2InstanceId"))),
                ),
                ("i-../../etc", with(|e| e["detail"]["EC2InstanceId"] = json!("i-../../etc"))),
                (
                    "LifecycleTransition",
                    with(|e| {
                        e["detail"]["LifecycleTransition"] = json!("autoscaling:EC2_INSTANCE_TERMINATING")
                    }),
                ),
                ("detail", with(|e| e["detail"] = json!("a string"))),
                ("bytes", with(|e| e["detail"]["NotificationMetadata"] = json!("x".repeat(300_000)))),
                ("JSON", b"this is not JSON".to_vec()),
            ];
            let mut reasons = std::collections::BTreeSet::new();
            for (because, event) in events {
                assert!(
                    reasons.insert(refused(&scene, "instance-launch", event, because).await?),
                    "a sentence of its own"
                );
            }
            refused(&scene, "instance-terminate", launch().to_string().into_bytes(), "this function accepts")
                .await?;
            refused(&scene, "reconcile", br#"{"cluster": "a/b"}"#.to_vec(), "cluster").await?;
            let state = scene.account.state().await?;
            assert_eq!(state["ledgers"], json!({}), "no ledger was written");
            let parameters = &state["parameters"];
            assert!(
                parameters.as_object().is_none_or(|p| p.is_empty()),
                "no parameter was written: {parameters}"
            );
            let log = scene.account.logs().await?;
            let errors = log.lines().filter(|l| l.contains("ERROR")).count();
            assert_eq!(errors, reasons.len() + 2, "one ERROR line each:\n{log}");
            Ok(())
        },
    );
}

/// A dry run changes nothing and tells what it would do.
#[test]
fn a_dry_run_changes_nothing() {
    on_a_stage(
        |o| o.tick = None,
        |scene| async move {
            let cluster = scene.cluster(1).await?;
            cluster.settles(1).await?;
            let before = cluster.ledgers().await?.len();
            let event = json!({"cluster": "main", "dryRun": true}).to_string().into_bytes();
            let answer = scene.account.invoke("reconcile", event).await?;
            assert_eq!(answer["cluster"], "main", "{answer}");
            for part in ["generation", "observation", "decision"] {
                assert!(!answer[part].is_null(), "{part} is missing in {answer}");
            }
            assert_eq!(cluster.ledgers().await?.len(), before, "nothing was written");
            Ok(())
        },
    );
}
