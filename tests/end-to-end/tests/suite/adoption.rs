//! Adoption: a running cluster that the functions did not create, under a load. Then each of its members is
//! replaced.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, Tag};
use end_to_end::check;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::etcd::Etcd;
use end_to_end::load::Load;
use end_to_end::stage::checkout;
use end_to_end::wait::until;
use membership::ledger::{Phase, Source};

use crate::support::{Scene, nothing_lost, on_a_stage};

/// What the group's image starts. If the group had the tag `etcd-asg:cluster` at the launch, it starts the
/// boot script. Else it starts an etcd with a name and a token of its own, which finds the other two by a
/// shared folder and reads no parameter.
const IMAGE: &str = r#"#!/usr/bin/env bash
set -eu
here=$(dirname "$(readlink -f "$0")")
if grep -q '^ETCD_ASG_CLUSTER=' "$ETCD_ASG_CONFIG"; then exec "$here/ours/etcd-asg.sh" "$@"; fi
[[ $1 == run ]] || exit 0
address=${AWS_EC2_METADATA_SERVICE_ENDPOINT#http://} address=${address%%:*}
mkdir -p "$here/nodes"
touch "$here/nodes/$address"
until [[ $(ls "$here/nodes" | wc -l) -eq 3 ]]; do sleep 0.1; done
number=0 members=
for node in $(ls "$here/nodes"); do
  number=$((number + 1))
  members+=${members:+,}node-$number=http://$node:2380
  if [[ $node == "$address" ]]; then name=node-$number; fi
done
echo "$name" >>"$here/starts"
for variable in $(compgen -e ETCD_); do unset "$variable"; done
exec etcd --name "$name" --data-dir "$here/data-$name" --initial-cluster "$members" --initial-cluster-token legacy \
  --initial-cluster-state new --listen-peer-urls "http://$address:2380" --listen-client-urls "http://$address:2379" \
  --initial-advertise-peer-urls "http://$address:2380" --advertise-client-urls "http://$address:2379"
"#;

/// A folder with our unit and this script, which may start ours. What the group's image starts is in there.
pub fn image(directory: &Path, text: &str) -> Result<()> {
    let ours = checkout().join("instance").canonicalize()?;
    symlink(ours.join("etcd-asg.service"), directory.join("etcd-asg.service"))?;
    symlink(&ours, directory.join("ours"))?;
    let script = directory.join("etcd-asg.sh");
    std::fs::write(&script, text)?;
    Ok(std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755))?)
}

/// A group without the tag `etcd-asg:cluster`, with three instances in service and an etcd on each.
async fn foreign_cluster(scene: &Scene) -> Result<Cluster> {
    let template = LaunchTemplateSpecification::builder().launch_template_name("etcd").version("1").build();
    let group = scene.account.autoscaling.create_auto_scaling_group().auto_scaling_group_name("main");
    let group = group.min_size(0).max_size(9).desired_capacity(3).availability_zones("us-east-1a");
    group.launch_template(template).send().await.context("creating the group")?;
    let cluster = Cluster::existing(scene.account.clone(), "main")?;
    let etcd = Etcd::new(std::time::Duration::from_secs(2))?;
    until("three etcds have formed a cluster of their own", LIMIT, || async {
        let nodes = cluster.nodes().await?;
        ensure!(nodes.len() == 3 && nodes.iter().all(|n| n.lifecycle == "InService"), "{nodes:?}");
        for url in urls(&cluster).await? {
            ensure!(etcd.members(&url).await?.iter().filter(|m| !m.name.is_empty()).count() == 3);
        }
        Ok(())
    })
    .await?;
    Ok(cluster)
}

async fn urls(cluster: &Cluster) -> Result<Vec<String>> {
    Ok(cluster.addresses().await?.values().map(|address| format!("http://{address}:2379")).collect())
}

/// Gives the group both lifecycle hooks, and then the tag that hands it over to the functions.
pub async fn hand_over(scene: &Scene) -> Result<()> {
    let autoscaling = &scene.account.autoscaling;
    for (name, transition) in [("launch", "LAUNCHING"), ("terminate", "TERMINATING")] {
        let hook = autoscaling.put_lifecycle_hook().auto_scaling_group_name("main");
        let hook = hook.lifecycle_hook_name(format!("etcd-asg-{name}"));
        let hook = hook.lifecycle_transition(format!("autoscaling:EC2_INSTANCE_{transition}"));
        hook.heartbeat_timeout(300).default_result("ABANDON").send().await?;
    }
    let tag = Tag::builder().key("etcd-asg:cluster").value("main").propagate_at_launch(true);
    let tag = tag.resource_id("main").resource_type("auto-scaling-group").build();
    autoscaling.create_or_update_tags().tags(tag).send().await?;
    Ok(())
}

async fn names(cluster: &Cluster) -> Result<BTreeSet<String>> {
    Ok(cluster.members().await?.into_iter().map(|m| m.name).collect())
}

/// Waits until an instance has left, and the group again has three instances in service and three voters of
/// any name.
async fn replaced(cluster: &Cluster, instance: &str) -> Result<()> {
    let what = format!("{instance} is replaced");
    let done = until(&what, LIMIT, || async {
        let nodes = cluster.nodes().await?;
        let there = nodes.len() == 3 && nodes.iter().all(|n| n.lifecycle == "InService" && n.id != instance);
        ensure!(there, "{nodes:?}");
        let members = cluster.members().await?;
        ensure!(members.len() == 3 && members.iter().all(|m| !m.learner), "{members:?}");
        let ledger = cluster.ledger().await?;
        ensure!(ledger.claim.is_none() && ledger.unanswered.is_empty(), "{:?}", ledger.claim);
        Ok(())
    });
    cluster.explained(done.await).await
}

#[test]
fn a_cluster_that_something_else_created_is_adopted_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    image(directory.path(), IMAGE).unwrap();
    let place = directory.path().to_owned();
    let instance_dir = place.clone();
    on_a_stage(
        |o| o.instance_dir = instance_dir,
        |scene| async move {
            let cluster = foreign_cluster(&scene).await?;
            let load = Load::beginning_at(&cluster, "load", urls(&cluster).await?)?;
            hand_over(&scene).await?;
            adopted(&cluster).await?;
            let before: BTreeSet<String> = cluster.ids().await?.into_iter().collect();

            let leader = cluster.leading_instance().await?;
            cluster.terminate(&leader).await?;
            replaced(&cluster, &leader).await?;
            check::replaced_before_removed(&cluster, &leader).await?;
            let joined = names(&cluster).await?.into_iter().filter(|n| n.starts_with("i-")).count();
            ensure!(joined == 1, "one of three members should be new: {:?}", names(&cluster).await?);

            for instance in before.iter().filter(|id| **id != leader) {
                never_restarted(&place, &cluster).await?;
                cluster.terminate(instance).await?;
                replaced(&cluster, instance).await?;
            }
            cluster.settles(3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

/// Succeeds if no adopted etcd that is still a member was ever restarted.
async fn never_restarted(place: &Path, cluster: &Cluster) -> Result<()> {
    let starts = std::fs::read_to_string(place.join("starts"))?;
    for name in names(cluster).await?.iter().filter(|name| name.starts_with("node-")) {
        let count = starts.lines().filter(|line| line == name).count();
        ensure!(count == 1, "{name} was started {count} times");
    }
    Ok(())
}

async fn adopted(cluster: &Cluster) -> Result<()> {
    let done = until("the cluster is adopted and published", LIMIT, || async {
        let ledger = cluster.ledger().await?;
        let generation = &ledger.generation;
        ensure!(generation.source == Source::Adopted && generation.phase == Phase::Formed, "{generation:?}");
        ensure!(generation.seed.is_none() && generation.number == 1, "{generation:?}");
        let recorded: BTreeSet<String> = ledger.instances.keys().map(ToString::to_string).collect();
        let nodes: BTreeSet<String> = cluster.ids().await?.into_iter().collect();
        ensure!(recorded == nodes, "the ledger has {recorded:?}, and the group has {nodes:?}");
        ensure!(cluster.endpoints().await?.len() == 3);
        Ok(())
    });
    cluster.explained(done.await).await?;
    ensure!(check::claimed(cluster).await?.is_empty(), "adoption claimed a change");
    ensure!(names(cluster).await? == ["node-1", "node-2", "node-3"].map(str::to_owned).into());
    Ok(())
}
