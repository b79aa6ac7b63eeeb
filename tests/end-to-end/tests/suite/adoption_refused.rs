//! Running clusters that cannot be adopted, each refused with its reason: nobody could join them, or they cannot be
//! read. Nothing is changed, and an instance that launches beside them waits.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;
use serde_json::{Value, json};

use crate::adoption::{hand_over, image};
use crate::support::{Scene, every_second, is_kept, on_a_stage};

/// An etcd of its own, with the arguments of a file, where ADDRESS stands for the instance's address.
const LONE: &str = r#"#!/usr/bin/env bash
set -eu
here=$(dirname "$(readlink -f "$0")")
if grep -q '^ETCD_ASG_CLUSTER=' "$ETCD_ASG_CONFIG"; then exec "$here/ours/etcd-asg.sh" "$@"; fi
[[ $1 == run ]] || exit 0
address=${AWS_EC2_METADATA_SERVICE_ENDPOINT#http://} address=${address%%:*}
for variable in $(compgen -e ETCD_); do unset "$variable"; done
read -ra words <"$here/arguments"
exec etcd --name lone --data-dir "$here/data" --initial-cluster-state new --initial-cluster-token legacy \
  "${words[@]//ADDRESS/$address}"
"#;
const PEERS: &str = "--listen-peer-urls http://ADDRESS:2380 --initial-advertise-peer-urls http://ADDRESS:2380 \
                     --initial-cluster lone=http://ADDRESS:2380";
const CLIENTS: &str = "--listen-client-urls http://ADDRESS:2379 --advertise-client-urls http://ADDRESS:2379";

/// The arguments of etcd's members, and the code of the refusal.
fn cases() -> Vec<(String, &'static str)> {
    let peers = |listen: &str, url: &str| {
        format!(
            "--listen-peer-urls {listen} --initial-advertise-peer-urls {url} --initial-cluster lone={url} {CLIENTS}"
        )
    };
    let plain = "http://ADDRESS:2380";
    vec![
        (format!("--peer-auto-tls {}", peers("https://ADDRESS:2380", "https://ADDRESS:2380")), "peer-scheme"),
        (peers(plain, "http://etcd-1.invalid:2380"), "peer-name-unknown"),
        (peers(plain, "http://localhost:2380"), "peer-url-unreachable"),
        (
            format!(
                "--auto-tls {PEERS} --listen-client-urls https://ADDRESS:2379 --advertise-client-urls https://ADDRESS:2379"
            ),
            "unreadable",
        ),
        (format!("--enable-grpc-gateway=false {PEERS} {CLIENTS}"), "unreadable"),
    ]
}

/// A group of one, without hooks and tag, in whose instance etcd runs.
async fn lone(scene: &Scene, place: &Path) -> Result<Cluster> {
    let template = LaunchTemplateSpecification::builder().launch_template_name("etcd").version("1").build();
    let group = scene.account.autoscaling.create_auto_scaling_group().auto_scaling_group_name("main");
    let group = group.min_size(0).max_size(9).desired_capacity(1).availability_zones("us-east-1a");
    group.launch_template(template).send().await.context("creating the group")?;
    let cluster = Cluster::existing(scene.account.clone(), "main")?;
    until("its etcd has data", LIMIT, || async {
        let nodes = cluster.nodes().await?;
        ensure!(nodes.len() == 1 && nodes[0].lifecycle == "InService", "{nodes:?}");
        ensure!(place.join("data/member/snap/db").is_file(), "no data yet");
        Ok(())
    })
    .await?;
    Ok(cluster)
}

/// It is refused with this code, nothing is founded beside it, and an instance that launches is kept waiting.
async fn is_refused(scene: &Scene, cluster: &Cluster, code: &str) -> Result<String> {
    let first = cluster.ids().await?.remove(0);
    hand_over(scene).await?;
    cluster.reports_fact(code, "").await?;
    let known = cluster.ids().await?;
    cluster.scale(2).await?;
    let second = cluster.newcomer(&known).await?;
    cluster.becomes(&second, "Pending:Wait").await?;
    is_kept(cluster, &second, "Pending:Wait").await?;
    cluster.reports_fact(code, "").await?;
    ensure!(cluster.ledger().await.is_err(), "{code}: a ledger was written");
    let nodes = cluster.nodes().await?;
    ensure!(nodes.iter().any(|n| n.id == first && n.lifecycle == "InService"), "{code}: {nodes:?}");
    Ok(second)
}

/// A region whose instances run an etcd with these arguments. Its data is in the folder that the test is given.
fn with_an_etcd<Fut: Future<Output = Result<()>>>(arguments: &str, test: impl FnOnce(Scene, PathBuf) -> Fut) {
    let directory = prepared(arguments);
    let (place, instance_dir) = (directory.path().to_owned(), directory.path().to_owned());
    let options = |o: &mut region::Options| {
        every_second(o);
        o.instance_dir = instance_dir;
    };
    on_a_stage(options, |scene| test(scene, place));
}

fn prepared(arguments: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    image(directory.path(), LONE).unwrap();
    fs::write(directory.path().join("arguments"), format!("{arguments}\n")).unwrap();
    directory
}

#[test]
fn what_nobody_could_join_or_read_is_not_adopted() {
    for (arguments, code) in cases() {
        let told = arguments.clone();
        with_an_etcd(&arguments, |scene, place| async move {
            let cluster = lone(&scene, &place).await?;
            is_refused(&scene, &cluster, code).await.with_context(|| told.clone())?;
            ensure!(place.join("data/member/snap/db").is_file(), "{told}: the data is gone");
            Ok(())
        });
    }
}

/// The refusal says what to do, and it works: with an address in the member's peer URL, the same cluster is adopted, and
/// the instance that waited joins it.
#[test]
fn a_peer_url_that_was_updated_is_adopted() {
    let (arguments, _) = cases().remove(1);
    with_an_etcd(&arguments, |scene, place| async move {
        let cluster = lone(&scene, &place).await?;
        let first = cluster.ids().await?.remove(0);
        let url = cluster.client_url(&first).await?;
        let second = is_refused(&scene, &cluster, "peer-name-unknown").await?;
        let member = cluster.etcd().status(&url).await?.member;
        let address = url.trim_start_matches("http://").trim_end_matches(":2379");
        let body = json!({"ID": member, "peerURLs": [format!("http://{address}:2380")]});
        let http = reqwest::Client::builder().no_proxy().build()?;
        let updated = http.post(format!("{url}/v3/cluster/member/update")).json(&body).send().await?;
        let said: Value = updated.error_for_status()?.json().await?;
        ensure!(said["members"].is_array(), "{said}");
        until("it is adopted, and both vote", LIMIT, || async {
            cluster.ledger().await?;
            let members = cluster.members().await?;
            ensure!(members.len() == 2 && members.iter().all(|m| !m.learner), "{members:?}");
            let nodes = cluster.nodes().await?;
            ensure!(nodes.iter().any(|n| n.id == second && n.lifecycle == "InService"), "{nodes:?}");
            Ok(())
        })
        .await
    });
}
