//! An instance is terminated in order.

use end_to_end::check;

use crate::support::{nothing_lost, on_a_stage};

#[test]
fn a_follower_is_terminated_in_order() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let follower = cluster.follower().await?;
            cluster.terminate(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            check::replaced_before_removed(&cluster, &follower).await?;
            nothing_lost(&cluster, load).await
        },
    );
}

#[test]
fn the_leader_is_terminated_in_order_and_hands_over() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let leader = cluster.leader().await?;
            cluster.terminate(&leader).await?;
            cluster.replaces(&leader, 3).await?;
            check::replaced_before_removed(&cluster, &leader).await?;
            let moved = scene.account.function_calls("etcd", "maintenance/transfer-leadership").await?;
            assert!(moved > 0, "the leader was removed before leadership was moved");
            nothing_lost(&cluster, load).await
        },
    );
}
