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
            let log = scene.account.logs().await?;
            assert!(log.contains("hand leadership"), "leadership was moved before the leader was removed");
            nothing_lost(&cluster, load).await
        },
    );
}
