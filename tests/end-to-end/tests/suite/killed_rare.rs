//! A function is killed after each of its outgoing calls in a kind of step that only happens beside trouble: an env is
//! repaired. (That a leaving instance is retained under a claim comes after 100 heartbeats, which no test waits for.)

use anyhow::{Context, Result};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;
use serde_json::json;

use crate::killed_calls::{CALLS, Tally, claim, quick, set_kills};
use crate::support::{Scene, nothing_lost, on_a_stage};

/// A joiner is held before it starts, and a voter dies: the string in its env is no longer the membership's.
async fn an_env_is_repaired(scene: &Scene, cluster: &Cluster) -> Result<()> {
    let (leader, leaving) = (cluster.leader().await?, cluster.follower().await?);
    let known: Vec<String> = cluster.nodes().await?.into_iter().map(|n| n.id).collect();
    let dies = known.iter().find(|id| **id != leader && **id != leaving).context("there is a third")?;
    let address = cluster.addresses().await?.remove(dies).context("it has an address")?;
    cluster.terminate(&leaving).await?;
    let joiner = cluster.newcomer(&known).await?;
    scene.account.pause(&joiner).await?;
    until("its env is published", LIMIT, || async { cluster.env(&joiner).await.map(drop) }).await?;
    cluster.kill(dies).await?;
    until("its env is repaired", LIMIT, || async {
        let env = cluster.env(&joiner).await?;
        anyhow::ensure!(!env.contains(&format!("{address}:")), "it still names {dies}: {env}");
        Ok(())
    })
    .await?;
    scene.account.resume(&joiner).await?;
    cluster.replaces(&leaving, 3).await
}

#[test]
#[ignore = "make matrix"]
fn killed_while_an_env_is_repaired() {
    let slow = |o: &mut region::Options| {
        quick(o);
        o.boot_delay = std::time::Duration::from_secs(3);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let steps = [claim("repair-env")];
        let mut tally = Tally::new(steps.len());
        for call in (0..CALLS).step_by(3) {
            set_kills(&scene, call, &steps).await?;
            an_env_is_repaired(&scene, &cluster).await?;
            tally.add(&scene, call).await?;
        }
        scene.account.fault(json!({"fault": "clear"})).await?;
        tally.all_hit(&["repair an env"])?;
        nothing_lost(&cluster, load).await
    });
}
