//! A setting that cannot be read. Where it says whether or where anything is to be done, nothing is done and no hook
//! runs out; where it is a time, its default counts.

use anyhow::ensure;
use end_to_end::cluster::LIMIT;
use end_to_end::wait::until;

use crate::support::{brisk, every_second, is_kept, is_said, on_a_stage};

/// Each unreadable value in turn, while a voter waits to leave: its hook is kept alive and its voter stays.
#[test]
fn an_unreadable_setting_touches_nothing_and_lets_no_hook_run_out() {
    on_a_stage(every_second, |scene| async move {
        let cluster = scene.cluster(3).await?;
        cluster.settles(3).await?;
        cluster.tag("paused", "until monday").await?;
        let leaving = cluster.follower().await?;
        cluster.terminate(&leaving).await?;
        cluster.becomes(&leaving, "Terminating:Wait").await?;
        for (tag, value, code) in [
            ("paused", "until monday", "setting-wrong"),
            ("paused", "", "setting-wrong"),
            ("client-port", "http", "setting-wrong"),
            ("peer-port", "2380,2381", "setting-wrong"),
            ("scheme", "tls", "setting-wrong"),
            ("cluster", "main cluster", "cluster-tag-wrong"),
            ("Paused", "yes", "paused-misspelt"),
            ("pasue", "?", "paused-misspelt"),
        ] {
            cluster.tag(tag, value).await?;
            if tag != "paused" {
                cluster.untag("etcd-asg:paused").await?;
            }
            let revision = cluster.ledger().await?.revision;
            cluster.reports("cluster", code).await?;
            is_kept(&cluster, &leaving, "Terminating:Wait").await?;
            ensure!(cluster.members().await?.len() == 3, "{tag}={value:?}: a member was removed or added");
            ensure!(
                cluster.ledger().await?.revision <= revision + 1,
                "{tag}={value:?}: the ledger was written"
            );
            is_said(&cluster, "ERROR", code).await?;
            let summary = cluster.dry_run().await?["summary"].clone();
            ensure!(summary["members"].as_array().is_some_and(|m| m.len() >= 3), "{tag}: {summary}");
            // Hands off again, before the tag is set right.
            cluster.tag("paused", "True").await?;
            match tag {
                "cluster" => cluster.tag(tag, "main").await?,
                "paused" => {}
                _ => cluster.untag(&format!("etcd-asg:{tag}")).await?,
            }
        }
        cluster.tag("paused", "off").await?;
        cluster.replaces(&leaving, 3).await
    });
}

/// The words that people use are understood, and a time that is not understood does not stop the management.
#[test]
fn an_unreadable_time_counts_as_its_default() {
    on_a_stage(brisk, |scene| async move {
        let settings = [
            ("paused", "No"),
            ("join-patience", " 5 min "),
            ("leave-patience", "soon"),
            ("unproven-grace", "1d"),
        ];
        let cluster = scene.cluster_with(3, &settings).await?;
        cluster.settles(3).await?;
        let leaving = cluster.follower().await?;
        cluster.kill(&leaving).await?;
        cluster.replaces(&leaving, 3).await?;
        for fact in ["etcd-asg:leave-patience", "etcd-asg:unproven-grace"] {
            cluster.reports_fact("setting-defaulted", fact).await?;
        }
        is_said(&cluster, "ERROR", "setting-defaulted").await
    });
}

/// The same in the functions' environment, for every cluster: nothing is founded, and the launches wait.
#[test]
fn an_unreadable_variable_founds_nothing() {
    for (variable, value) in [
        ("ETCD_ASG_CLIENT_PORT", "two"),
        ("ETCD_ASG_TLS_CA_FILE", "/none/ca.pem"),
        ("ETCD_ASG_PREFIX", "etcd"),
    ] {
        let wrong = |o: &mut region::Options| {
            every_second(o);
            o.function_environment.insert(variable.to_owned(), value.to_owned());
        };
        on_a_stage(wrong, |scene| async move {
            let cluster = scene.cluster(1).await?;
            cluster.reports("cluster", "setting-wrong").await?;
            let launching = until("an instance launches", LIMIT, || async {
                let nodes = cluster.nodes().await?;
                ensure!(nodes.len() == 1 && nodes[0].lifecycle == "Pending:Wait", "{nodes:?}");
                Ok(nodes[0].id.clone())
            })
            .await?;
            is_kept(&cluster, &launching, "Pending:Wait").await?;
            ensure!(cluster.ledger().await.is_err(), "{variable}={value}: a cluster was founded");
            Ok(())
        });
    }
}

/// EC2 does not answer for a while: nothing can be decided, and the hook is kept alive all the same.
#[test]
fn without_ec2_the_hooks_are_kept_alive() {
    on_a_stage(every_second, |scene| async move {
        let cluster = scene.cluster(3).await?;
        cluster.settles(3).await?;
        let fault = serde_json::json!({
            "fault": "api", "service": "ec2", "operation": "DescribeInstances", "caller": "function",
            "effect": "fail", "status": 503, "code": "Unavailable"
        });
        let away = scene.account.lasting_fault(fault).await?;
        let leaving = cluster.follower().await?;
        cluster.terminate(&leaving).await?;
        cluster.becomes(&leaving, "Terminating:Wait").await?;
        is_kept(&cluster, &leaving, "Terminating:Wait").await?;
        scene.account.fault(serde_json::json!({"fault": "clear", "id": away})).await?;
        cluster.replaces(&leaving, 3).await
    });
}
