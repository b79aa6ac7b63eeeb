//! A function is killed at each of its outgoing calls in a kind of step that needs a second failure: a
//! joiner's env is repaired. (The other step of that kind, retaining a leaving instance, comes after 100
//! heartbeats; no test waits for it.)

use anyhow::{Context, Result};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;
use serde_json::json;

use crate::killed_calls::{CALLS, Tally, claim, quick, set_kills};
use crate::support::{Scene, nothing_lost, on_a_stage};

/// A joiner is paused before it starts, and a voter dies, so that the `initial-cluster` in the joiner's env
/// is no longer right.
async fn an_env_is_repaired(scene: &Scene, cluster: &Cluster) -> Result<()> {
    let (leader, leaving) = (cluster.leader().await?, cluster.follower().await?);
    let known = cluster.ids().await?;
    let dies =
        known.iter().find(|id| **id != leader && **id != leaving).context("there is no third instance")?;
    let address =
        cluster.addresses().await?.remove(dies).with_context(|| format!("{dies} has no address"))?;
    cluster.terminate(&leaving).await?;
    let joiner = cluster.newcomer(&known).await?;
    scene.account.pause(&joiner).await?;
    until("the joiner's env is created", LIMIT, || async { cluster.env(&joiner).await.map(drop) }).await?;
    cluster.kill(dies).await?;
    until("the joiner's env is repaired", LIMIT, || async {
        let env = cluster.env(&joiner).await?;
        anyhow::ensure!(!env.contains(&format!("{address}:")), "the env still names {dies}: {env}");
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
