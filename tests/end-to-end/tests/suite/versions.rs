//! The core of the suite, on each version of etcd in the matrix.

use std::time::Instant;

use end_to_end::check;
use end_to_end::image::etcd_dir;

use crate::support::{nothing_lost, on_a_stage};

#[test]
#[ignore = "make matrix"]
fn the_core_on_3_4() {
    the_core_on("3.4.23");
}

#[test]
#[ignore = "make matrix"]
fn the_core_on_3_5() {
    the_core_on("3.5.35");
}

#[test]
#[ignore = "make matrix"]
fn the_core_on_3_6() {
    the_core_on("3.6.16");
}

#[test]
#[ignore = "make matrix"]
fn the_core_on_3_7() {
    the_core_on("3.7.3");
}

/// Three members form a cluster. Under a load the leader and a follower are terminated in order, the leader
/// is killed, and the group grows to five and shrinks back. No acknowledged write is lost.
fn the_core_on(version: &str) {
    let Some(dir) = etcd_dir(version).unwrap() else { return };
    on_a_stage(
        |o| o.etcd_dir = dir,
        |scene| async move {
            let begun = Instant::now();
            let (cluster, load) = scene.three_under_load().await?;
            cluster.runs(version).await?;
            let leader = cluster.leader().await?;
            cluster.terminate(&leader).await?;
            cluster.replaces(&leader, 3).await?;
            check::replaced_before_removed(&cluster, &leader).await?;
            let follower = cluster.follower().await?;
            cluster.terminate(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            check::replaced_before_removed(&cluster, &follower).await?;
            let in_order = load.longest_gap_since(begun);
            let leader = cluster.leader().await?;
            cluster.kill(&leader).await?;
            cluster.replaces(&leader, 3).await?;
            cluster.scale(5).await?;
            cluster.settles(5).await?;
            cluster.scale(3).await?;
            cluster.settles(3).await?;
            cluster.runs(version).await?;
            println!(
                "etcd {version}: {} writes acknowledged, longest gap {} ms while instances leave in order, {} ms in all, {:.0} s",
                load.so_far(),
                in_order.as_millis(),
                load.longest_gap_since(begun).as_millis(),
                begun.elapsed().as_secs_f64()
            );
            nothing_lost(&cluster, load).await
        },
    );
}
