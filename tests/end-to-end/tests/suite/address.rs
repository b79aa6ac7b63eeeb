//! A replacement that gets the address of the dead instance.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::etcd::Etcd;
use end_to_end::load::Load;
use end_to_end::wait::until;
use serde_json::json;

use crate::support::{brisk, nothing_lost, on_a_stage};

/// The group notices late that an instance has died, so that there is time to free its address.
fn unnoticed(options: &mut region::Options) {
    brisk(options);
    options.health_check_delay = Duration::from_secs(5);
}

/// An instance loses its power, and its replacement gets its address. etcd derives the member ID from the
/// peer URL and the time: an empty node under the old voter's ID would break raft's promises, and if the
/// voter led, etcd would not notice.
async fn taken_over(cluster: &Cluster, load: Load, dies: &str) -> Result<()> {
    let members = cluster.members().await?;
    let old = members
        .iter()
        .find(|m| m.name == dies)
        .with_context(|| format!("{dies} is not a member"))?
        .id
        .clone();
    let address =
        cluster.addresses().await?.remove(dies).with_context(|| format!("{dies} has no address"))?;
    let known = cluster.ids().await?;
    cluster.account.cut_power(dies).await?;
    until("the dead instance's address is free", LIMIT, || async {
        cluster.account.fault(json!({"fault": "reuse-address", "address": address})).await
    })
    .await?;
    let successor = cluster.newcomer(&known).await?;
    cluster.replaces(dies, 3).await?;
    let now = cluster.addresses().await?.remove(&successor);
    ensure!(now.as_ref() == Some(&address), "{successor} has the address {now:?} instead of {address}");
    let etcd = Etcd::new(Duration::from_secs(5))?;
    let status = etcd.status(&cluster.client_url(&successor).await?).await?;
    ensure!(status.member != old, "{successor} runs under the member ID of {dies}");
    let members = cluster.members().await?;
    ensure!(members.iter().all(|m| m.id != old), "the old member is still listed: {members:?}");
    let console = cluster.account.page(&format!("console/{successor}")).await?;
    let number: u64 = old.parse()?;
    ensure!(
        !console.contains(&format!("\"local-member-id\":\"{number:x}\"")),
        "{successor} once ran as member {number:x}"
    );
    nothing_lost(cluster, load).await
}

#[test]
#[ignore = "make matrix"]
fn the_replacement_gets_the_dead_leaders_address() {
    on_a_stage(unnoticed, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leader = cluster.leader().await?;
        taken_over(&cluster, load, &leader).await
    });
}

#[test]
#[ignore = "make matrix"]
fn the_replacement_gets_the_dead_followers_address() {
    on_a_stage(unnoticed, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let follower = cluster.follower().await?;
        taken_over(&cluster, load, &follower).await
    });
}
