//! What belongs to others in the same account: hooks in our group, and groups whose names are patterns.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use end_to_end::account::Account;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;
use membership::ledger::Ledger;
use serde_json::Value;

use crate::support::{brisk, nothing_lost, on_a_stage};

const FOREIGN: &str = "CodeDeploy-managed-x";

/// Another's launch hook, as CodeDeploy puts it into a group.
async fn put_foreign_hook(cluster: &Cluster) -> Result<()> {
    let hook = cluster.account.autoscaling.put_lifecycle_hook().auto_scaling_group_name(&cluster.name);
    let hook = hook.lifecycle_hook_name(FOREIGN).heartbeat_timeout(600).default_result("ABANDON");
    let hook = hook.lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING");
    hook.notification_metadata("692c1da4-940d-492a-ac3f-e81e0620b0f1").send().await?;
    Ok(())
}

/// What CodeDeploy does for an instance that waits at its hook.
async fn complete_foreign_hook(cluster: &Cluster, instance: &str) -> Result<()> {
    until("the instance waits at the other hook, too", LIMIT, || async {
        let call = cluster.account.autoscaling.complete_lifecycle_action().instance_id(instance);
        let call = call.auto_scaling_group_name(&cluster.name).lifecycle_hook_name(FOREIGN);
        call.lifecycle_action_result("CONTINUE").send().await?;
        Ok(())
    })
    .await
}

async fn completions(account: &Account) -> Result<u64> {
    account.function_calls("autoscaling", "CompleteLifecycleAction").await
}

async fn launch_hook_on_record(cluster: &Cluster) -> Result<String> {
    cluster.ledger().await?.hooks.launch.context("no launch hook is on record")
}

/// Neither hook says etcd-asg. The one that the ledger remembers stays ours; the other is never completed by us, and may
/// come and go.
#[test]
fn anothers_launch_hook_does_not_stop_the_management() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(1, &[]).await?;
        ensure!(launch_hook_on_record(&cluster).await? == "etcd-asg-launch");
        put_foreign_hook(&cluster).await?;
        let known = cluster.ids().await?;
        cluster.scale(2).await?;
        let joiner = cluster.newcomer(&known).await?;
        until("the joiner votes", LIMIT, || async {
            let members = cluster.members().await?;
            ensure!(members.iter().any(|m| m.name == joiner && !m.learner), "{members:?}");
            Ok(())
        })
        .await?;
        let before = completions(&scene.account).await?;
        cluster.had_their_chance(3).await?;
        let asked = completions(&scene.account).await? - before;
        ensure!(asked <= 6, "a hook that waits no more was completed {asked} times");
        let waits = cluster.nodes().await?.into_iter().find(|n| n.id == joiner).map(|n| n.lifecycle);
        ensure!(waits.as_deref() == Some("Pending:Wait"), "the other hook was completed: {waits:?}");
        complete_foreign_hook(&cluster, &joiner).await?;
        cluster.settles(2).await?;
        ensure!(launch_hook_on_record(&cluster).await? == "etcd-asg-launch", "another hook is on record");

        let delete =
            cluster.account.autoscaling.delete_lifecycle_hook().auto_scaling_group_name(&cluster.name);
        delete.lifecycle_hook_name(FOREIGN).send().await?;
        cluster.scale(3).await?;
        cluster.settles(3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// The region's own record of a cluster's ledger, which is never stale.
async fn ledger_of(account: &Account, cluster: &str) -> Result<Ledger> {
    let state = account.state().await?;
    let ledgers = state["ledgers"].as_object().context("no ledger")?;
    let wanted = format!("/{cluster}/ledger.json");
    let (_, last) = ledgers.iter().find(|(key, _)| key.ends_with(&wanted)).context("it has no ledger")?;
    let body = if last["body"].is_null() { last } else { &last["body"] };
    Ok(Ledger::from_json(body.to_string().as_bytes())?)
}

async fn of_group(account: &Account, group: &str) -> Result<BTreeSet<String>> {
    let state = account.state().await?;
    let instances = state["instances"].as_object().context("no instances")?;
    let is_in = |one: &Value| one["group"] == group;
    Ok(instances.iter().filter(|(_, one)| is_in(one)).map(|(id, _)| id.clone()).collect())
}

/// Groups whose names are patterns of AWS's filters found clusters of their own. No instance of the neighbour gets into
/// their ledgers, and the neighbour stays whole.
#[test]
fn a_group_whose_name_is_a_pattern_takes_nothing_of_its_neighbour() {
    on_a_stage(brisk, |scene| async move {
        let account = scene.account.clone();
        let blue = Cluster::create(account.clone(), "etcd-blue", 1, &[]).await?;
        blue.settles(1).await?;
        for (number, name) in ["etcd*", "etcd-blu?", "*"].into_iter().enumerate() {
            let cluster = format!("star{number}");
            let group = Cluster::create(account.clone(), name, 0, &[]).await?;
            group.tag("cluster", &cluster).await?;
            group.scale(1).await?;
            let what = format!("{name} has formed a cluster of its own");
            let formed = until(&what, LIMIT, || async {
                let nodes = group.nodes().await?;
                ensure!(nodes.len() == 1 && nodes[0].lifecycle == "InService", "{nodes:?}");
                let ledger = ledger_of(&account, &cluster).await?;
                ensure!(ledger.generation.identity.is_some(), "{:?}", ledger.generation);
                Ok(ledger)
            });
            let ledger = group.explained(formed.await).await?;
            let own = of_group(&account, name).await?;
            for id in ledger.instances.keys() {
                ensure!(own.contains(id.as_str()), "{name} took {id}, and has {own:?}");
            }
            let neighbour = ledger_of(&account, "etcd-blue").await?;
            ensure!(
                ledger.cluster_id() != neighbour.cluster_id(),
                "{name} has adopted its neighbour's cluster"
            );
        }
        blue.settles(1).await?;
        let own = of_group(&account, "etcd-blue").await?;
        ensure!(own.len() == 1, "instances of etcd-blue were replaced: {own:?}");
        Ok(())
    });
}
