//! Calls that AWS refuses until an operator changes something: a parameter of another type, a missing permission.
//! Each is told with its cause, is not repeated in every look, and is made again once it is allowed.

use std::time::Duration;

use anyhow::{Result, ensure};
use aws_sdk_ssm::types::ParameterType;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::{in_the_end, until};
use serde_json::{Value, json};

use crate::support::{Scene, brisk, is_kept, nothing_lost, on_a_stage};

const DENIED: &str =
    "User: arn:aws:sts::123456789012:assumed-role/x is not authorized to perform this action";

/// The functions are not allowed to make this call.
fn denial(service: &str, operation: &str, code: &str) -> Value {
    json!({"fault": "api", "service": service, "operation": operation, "caller": "function", "count": 100_000,
        "effect": "fail", "status": 403, "code": code, "message": DENIED})
}

async fn has_no_note(cluster: &Cluster, code: &str) -> Result<()> {
    in_the_end("the refusal ends", LIMIT, || async {
        let notes = cluster.dry_run().await?["decision"]["notes"].take();
        ensure!(!notes.to_string().contains(code), "{notes}");
        Ok(())
    })
    .await
}

/// Somebody keeps the endpoints in a parameter of another type.
#[test]
fn a_parameter_of_another_type_is_told_and_replaced_once_it_is_deleted() {
    on_a_stage(brisk, |scene| async move {
        let cluster = scene.cluster(1).await?;
        cluster.settles(1).await?;
        let (ssm, name) = (&scene.account.ssm, "/etcd-asg/main/endpoints");
        ssm.delete_parameter().name(name).send().await?;
        until("somebody puts another parameter there", LIMIT, || async {
            let put = ssm.put_parameter().name(name).value("pending").r#type(ParameterType::String);
            put.send().await.map(drop).or_else(|_| anyhow::bail!("not yet"))
        })
        .await?;
        cluster.reports_fact("call-refused", "HierarchyTypeMismatchException").await?;
        cluster.reports_fact("call-refused", "delete that parameter").await?;
        cluster.logs_note("call-refused", Some("cluster")).await?;
        let before = scene.account.function_calls("ssm", "PutParameter").await?;
        cluster.had_their_chance(5).await?;
        let tries = scene.account.function_calls("ssm", "PutParameter").await? - before;
        ensure!(tries <= 2, "{tries} tries while five invocations came and went");
        ssm.delete_parameter().name(name).send().await?;
        until("the endpoints are published again", LIMIT * 2, || async {
            let endpoints = cluster.endpoints().await?;
            ensure!(endpoints.len() == 1 && endpoints[0].starts_with("http"), "{endpoints:?}");
            Ok(())
        })
        .await?;
        has_no_note(&cluster, "call-refused").await
    });
}

/// A leaving voter is removed, and its hook may not be completed: it is told, and completed once that is allowed.
#[test]
fn a_hook_that_may_not_be_completed_is_told_and_completed_later() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let denied = denial("autoscaling", "CompleteLifecycleAction", "AccessDenied");
        let fault = scene.account.lasting_fault(denied).await?;
        let leaving = cluster.follower().await?;
        cluster.terminate(&leaving).await?;
        cluster.reports_fact("call-refused", "complete the termination").await?;
        scene.account.fault(json!({"fault": "clear", "id": fault})).await?;
        cluster.replaces(&leaving, 3).await?;
        has_no_note(&cluster, "call-refused").await?;
        nothing_lost(&cluster, load).await
    });
}

/// A read that is denied is a refusal with the words of the service, and no wait; hooks are kept alive meanwhile.
fn hooks_are_kept_without(
    service: &'static str,
    operation: &'static str,
    code: &'static str,
    part: &'static str,
) {
    on_a_stage(brisk, move |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let fault = scene.account.lasting_fault(denial(service, operation, code)).await?;
        let leaving = cluster.follower().await?;
        cluster.terminate(&leaving).await?;
        cluster.reports_fact("read-refused", part).await?;
        is_kept(&cluster, &leaving, "Terminating:Wait").await?;
        scene.account.fault(json!({"fault": "clear", "id": fault})).await?;
        cluster.replaces(&leaving, 3).await?;
        has_no_note(&cluster, "read-refused").await?;
        nothing_lost(&cluster, load).await
    });
}

#[test]
fn a_ledger_that_may_not_be_read_is_refused_and_hooks_are_kept() {
    hooks_are_kept_without("s3", "GetObject", "AccessDenied", "the ledger");
}

#[test]
fn machines_that_may_not_be_described_are_refused_and_hooks_are_kept() {
    hooks_are_kept_without("ec2", "DescribeInstances", "UnauthorizedOperation", "the group");
}

#[test]
fn hooks_that_may_not_be_described_are_refused_and_kept_all_the_same() {
    hooks_are_kept_without("autoscaling", "DescribeLifecycleHooks", "AccessDenied", "the group");
}

async fn state_change(scene: &Scene, instance: &str) -> Result<Value> {
    let event = json!({"version": "0", "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification",
        "detail": {"instance-id": instance, "state": "running"}});
    scene.account.invoke("reconcile", event.to_string().into_bytes()).await
}

async fn calls(scene: &Scene) -> Result<(u64, u64, u64)> {
    let of = async |service: &str, operation: &str| scene.account.function_calls(service, operation).await;
    let asg = of("autoscaling", "DescribeAutoScalingGroups").await?;
    Ok((of("ec2", "DescribeInstances").await?, asg, of("s3", "GetObject").await?))
}

/// An event about another's machine costs two calls, and an event about a machine of a cluster looks at that cluster.
#[test]
fn an_event_of_ec2_looks_at_its_own_machines_cluster_alone() {
    let unhurried = |o: &mut region::Options| {
        brisk(o);
        o.tick = None;
    };
    on_a_stage(unhurried, |scene| async move {
        let ours = Cluster::create(scene.account.clone(), "main", 1, &[]).await?;
        ours.settles(1).await?;
        let others = Cluster::create(scene.account.clone(), "others", 0, &[]).await?;
        others.untag("etcd-asg:cluster").await?;
        others.scale(1).await?;
        let other = until("another's machine runs", LIMIT, || async {
            let nodes = others.nodes().await?;
            ensure!(nodes.len() == 1, "{nodes:?}");
            Ok(nodes[0].id.clone())
        })
        .await?;
        ours.had_their_chance(1).await?;
        scene.account.fault(json!({"fault": "events", "delivery": "never"})).await?;
        until("nobody is at work", Duration::from_secs(60), || async {
            let (before, answer, after) =
                (calls(&scene).await?, state_change(&scene, &other).await?, calls(&scene).await?);
            ensure!(answer["clusters"][0]["code"] == "group-not-tagged", "{answer}");
            ensure!(
                (after.0 - before.0, after.1 - before.1, after.2 - before.2) == (1, 1, 0),
                "{before:?} {after:?}"
            );
            Ok(())
        })
        .await?;
        let [instance] =
            <[String; 1]>::try_from(ours.ids().await?).map_err(|ids| anyhow::anyhow!("{ids:?}"))?;
        let answer = state_change(&scene, &instance).await?;
        ensure!(answer["clusters"][0]["cluster"] == "main", "{answer}");
        // EC2 does not list it, so it may be anybody's.
        let answer = state_change(&scene, "i-0123456789abcdef0").await?;
        ensure!(answer["clusters"].as_array().is_some_and(|all| all.len() == 1), "{answer}");
        ensure!(answer["clusters"][0]["cluster"] == "main", "{answer}");
        Ok(())
    });
}
