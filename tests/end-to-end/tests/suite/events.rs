//! Events that come twice, or never.

use std::time::Duration;

use serde_json::json;

use crate::support::{nothing_lost, on_a_stage};

#[test]
fn every_event_comes_twice() {
    on_a_stage(
        |_| {},
        |scene| async move {
            scene.account.fault(json!({"fault": "events", "delivery": "twice"})).await?;
            let (cluster, load) = scene.three_under_load().await?;
            let (follower, leader) = (cluster.follower().await?, cluster.leader().await?);
            cluster.terminate(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            cluster.kill(&leader).await?;
            cluster.replaces(&leader, 3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

#[test]
fn every_event_is_lost_and_the_schedule_alone_heals() {
    on_a_stage(
        |o| o.tick = Some(Duration::from_secs(3)),
        |scene| async move {
            scene.account.fault(json!({"fault": "events", "delivery": "never"})).await?;
            let (cluster, load) = scene.three_under_load().await?;
            let (follower, leader) = (cluster.follower().await?, cluster.leader().await?);
            cluster.terminate(&leader).await?;
            cluster.replaces(&leader, 3).await?;
            cluster.kill(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}
