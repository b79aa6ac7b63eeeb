//! Two deployments of the functions in one account and region, each with a bucket of its own, see one group.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::account::Account;
use end_to_end::cluster::LIMIT;
use end_to_end::wait::{in_the_end, until};
use region::Options;
use serde_json::{Value, json};

use crate::support::on_a_stage;

/// The deployments by their stacks' names, with the prefix of their functions' names in the region.
const DEPLOYMENTS: [(&str, &str); 2] = [("first", ""), ("second", "second--")];

fn bucket(deployment: &str) -> String {
    format!("{deployment}-ledgers")
}

fn variables(deployment: &str) -> Value {
    json!({ "ETCD_ASG_BUCKET": bucket(deployment), "ETCD_ASG_DEPLOYMENT": deployment })
}

/// Longer than a read of the hostile region may be stale.
fn settling(options: &mut Options) {
    options.tick = Some(Duration::from_secs(3));
    options.function_environment.insert("ETCD_ASG_OWNER_SETTLES".to_owned(), "3".to_owned());
}

/// The name and the value of the only record of an owner, from the region's own state, which is never stale.
async fn record(account: &Account) -> Result<(String, Value)> {
    let state = account.state().await?;
    let all = state["parameters"].as_object().context("the region has parameters")?;
    let (name, parameter) =
        all.iter().find(|(name, _)| name.starts_with("/etcd-asg-owners/")).context("a record of an owner")?;
    let value = parameter["value"].as_str().context("a value")?;
    Ok((name.clone(), serde_json::from_str(value)?))
}

/// What a deployment's dry run says: the phase of the ledger that it has, and its notes as `code: text`.
async fn dry_run(account: &Account, prefix: &str) -> Result<(Value, String)> {
    let event = json!({"cluster": "main", "dryRun": true}).to_string();
    let told = account.invoke(&format!("{prefix}reconcile"), event.into_bytes()).await?;
    let notes = told["decision"]["notes"].as_array().cloned().unwrap_or_default();
    let notes: Vec<String> = notes.iter().map(|n| format!("{}: {}", n["code"], n["text"])).collect();
    Ok((told["observation"]["ledger"].clone(), notes.join("\n")))
}

/// Succeeds once this deployment refuses the group and names both deployments.
async fn refused(account: &Account, prefix: &str, names: [&str; 2]) -> Result<()> {
    until("the other deployment is refused with both names", LIMIT, || async {
        let (_, notes) = dry_run(account, prefix).await?;
        ensure!(notes.contains("other-owner"), "{notes}");
        ensure!(names.iter().all(|name| notes.contains(name)), "{notes}");
        Ok(())
    })
    .await
}

#[test]
fn of_two_deployments_one_founds_and_the_other_is_refused() {
    on_a_stage(settling, |scene| async move {
        let account = scene.account.clone();
        for (name, _) in DEPLOYMENTS {
            account.deploy(name, &variables(name)).await?;
        }
        let cluster = scene.cluster(1).await?;
        in_the_end("the cluster is published", LIMIT, || async {
            ensure!(!cluster.endpoints().await?.is_empty(), "no endpoint");
            Ok(())
        })
        .await?;
        let (parameter, owner) = record(&account).await?;
        let place = |(name, _): &&(&str, &str)| owner["bucket"] == bucket(name);
        let (ours, prefix) = DEPLOYMENTS.iter().find(place).context("the record names one of the two")?;
        let (_, other) = DEPLOYMENTS.iter().find(|d| d.0 != *ours).context("there are two")?;
        refused(&account, other, ["first-ledgers", "second-ledgers"]).await?;
        let (ledger, _) = dry_run(&account, other).await?;
        ensure!(!ledger.to_string().contains("generation"), "the other deployment has a ledger: {ledger}");

        // The record is deleted: the deployment whose ledger the cluster bears out writes it again.
        account.ssm.delete_parameter().name(&parameter).send().await?;
        until("the record is written again", LIMIT, || async {
            let (_, again) = record(&account).await?;
            ensure!(again["bucket"] == bucket(ours), "{again}");
            Ok(())
        })
        .await?;
        refused(&account, other, ["first-ledgers", "second-ledgers"]).await?;

        // The prefix of the owner's ledgers is changed under the living cluster.
        let mut moved = variables(ours);
        moved["ETCD_ASG_LEDGER_PREFIX"] = json!("elsewhere");
        account.deploy(ours, &moved).await?;
        refused(&account, prefix, ["ledgers under ledgers", "ledgers under elsewhere"]).await?;
        account.deploy(ours, &variables(ours)).await?;

        // A deployment in another VPC leaves the group alone.
        account.deploy("third", &json!({"ETCD_ASG_BUCKET": "third", "ETCD_ASG_VPC": "vpc-00000000"})).await?;
        let event = json!({"cluster": "main"}).to_string().into_bytes();
        let told = account.invoke("third--reconcile", event).await?;
        ensure!(told["code"] == "group-in-other-vpc", "{told}");
        Ok(())
    });
}
