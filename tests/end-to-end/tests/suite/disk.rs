//! A full disk: etcd ends when it needs the next page, and the instance is replaced like any sick instance.
//! etcd's alarm for its quota is softer: reads and changes of the members go on, so it must not prevent a
//! replacement.

use std::time::Duration;

use anyhow::{Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::load::Load;
use end_to_end::stage::may_mount;
use end_to_end::wait::until;
use serde_json::{Value, json};

use crate::support::{Scene, nothing_lost, on_a_stage, only_removed};

/// The disk of an instance, in MiB: room for etcd's two preallocated log files of 64 MB, and for its data.
const DISK_MIB: u32 = 256;

fn with_disks(options: &mut region::Options) {
    options.function_timeout = Duration::from_secs(12);
    options.tick = Some(Duration::from_secs(3));
    options.disk_mib = may_mount().then_some(DISK_MIB);
}

async fn under_load(scene: &Scene) -> Result<(Cluster, Load)> {
    let cluster = Cluster::create(scene.account.clone(), "main", 3, &[("unproven-grace", "10s")]).await?;
    cluster.settles(3).await?;
    let load = Load::dense(&cluster, "load")?;
    Ok((cluster, load))
}

/// Fills the instance's disk. Where this machine does not allow that, pauses the instance, and says so.
async fn fill(scene: &Scene, cluster: &Cluster, instance: &str) -> Result<()> {
    if !scene.account.fault_where_possible(json!({"fault": "fill-disk", "instance": instance})).await? {
        println!("{instance} is paused instead.");
        return scene.account.fault(json!({"fault": "pause", "instance": instance})).await;
    }
    until("etcd ends because the disk is full", LIMIT, || async {
        let console = cluster.account.page(&format!("console/{instance}")).await?;
        ensure!(console.contains("no space left on device"), "its console does not say so yet");
        Ok(())
    })
    .await
}

async fn replaced_when_full(scene: Scene, instance: String, cluster: Cluster, load: Load) -> Result<()> {
    fill(&scene, &cluster, &instance).await?;
    cluster.replaces(&instance, 3).await?;
    only_removed(&cluster, &[&instance]).await?;
    nothing_lost(&cluster, load).await
}

#[test]
fn a_follower_with_a_full_disk_is_replaced() {
    on_a_stage(with_disks, |scene| async move {
        let (cluster, load) = under_load(&scene).await?;
        let follower = cluster.follower().await?;
        replaced_when_full(scene, follower, cluster, load).await
    });
}

#[test]
#[ignore = "make matrix"]
fn a_leader_with_a_full_disk_is_replaced() {
    on_a_stage(with_disks, |scene| async move {
        let (cluster, load) = under_load(&scene).await?;
        let leader = cluster.leader().await?;
        replaced_when_full(scene, leader, cluster, load).await
    });
}

/// Activates or deactivates the NOSPACE alarm of the member at this URL.
async fn alarm(url: &str, action: &str) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
    let call =
        |path: &str, body: Value| client.post(format!("{url}/v3/maintenance/{path}")).json(&body).send();
    let status: Value = call("status", json!({})).await?.json().await?;
    let member = &status["header"]["member_id"];
    let body = json!({"action": action, "memberID": member, "alarm": "NOSPACE"});
    let answer = call("alarm", body).await?;
    ensure!(answer.status().is_success(), "{action}: {}", answer.text().await?);
    Ok(())
}

/// Under the alarm, `/health` of every member says 503.
#[test]
#[ignore = "make matrix"]
fn the_nospace_alarm_does_not_stop_a_replacement() {
    on_a_stage(
        |options| options.tick = Some(Duration::from_secs(3)),
        |scene| async move {
            let (cluster, load) = under_load(&scene).await?;
            let leader = cluster.leader().await?;
            let follower = cluster.follower().await?;
            let url = cluster.client_url(&leader).await?;
            alarm(&url, "ACTIVATE").await?;
            cluster.terminate(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            alarm(&url, "DEACTIVATE").await?;
            let before = load.so_far();
            until("writes are acknowledged again", LIMIT, || async {
                ensure!(load.so_far() > before, "no write is acknowledged");
                Ok(())
            })
            .await?;
            nothing_lost(&cluster, load).await
        },
    );
}
