//! An instance dies without notice.

use end_to_end::check;

use crate::support::{nothing_lost, on_a_stage};

#[test]
fn a_follower_is_killed() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let follower = cluster.follower().await?;
            cluster.kill(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            assert_eq!(
                check::removed_voters(&cluster).await?.len(),
                1,
                "one voter was removed, the dead one"
            );
            nothing_lost(&cluster, load).await
        },
    );
}

#[test]
fn the_leader_is_killed() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let leader = cluster.leader().await?;
            cluster.kill(&leader).await?;
            cluster.replaces(&leader, 3).await?;
            assert_eq!(
                check::removed_voters(&cluster).await?.len(),
                1,
                "one voter was removed, the dead one"
            );
            nothing_lost(&cluster, load).await
        },
    );
}
