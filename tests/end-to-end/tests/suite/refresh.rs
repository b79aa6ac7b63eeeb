//! Instance refreshes that replace every node.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;
use end_to_end::check;
use end_to_end::cluster::Cluster;
use end_to_end::load::Load;

use crate::support::{nothing_lost, on_a_stage};

async fn ids(cluster: &Cluster) -> Result<BTreeSet<String>> {
    Ok(cluster.ids().await?.into_iter().collect())
}

/// Every node of three is replaced under a dense load. No voter is removed before its replacement votes.
fn every_node_of_three(min: i32, max: i32) {
    on_a_stage(
        |_| {},
        |scene| async move {
            let cluster = scene.cluster(3).await?;
            cluster.settles(3).await?;
            let load = Load::dense(&cluster, "load")?;
            let old = ids(&cluster).await?;
            let begun = Instant::now();
            cluster.refresh_within(min, max).await?;
            cluster.refreshes(3).await?;
            let new = ids(&cluster).await?;
            assert!(old.is_disjoint(&new), "an instance was not replaced: {old:?} became {new:?}");
            check::never_fewer_voters_than(&cluster, 3).await?;
            assert_eq!(
                check::voters_to_be_removed(&cluster).await?.len(),
                3,
                "each of the three voters is removed"
            );
            println!(
                "refresh {min} % to {max} %: {} s, {} writes, longest gap {} ms",
                begun.elapsed().as_secs(),
                load.so_far(),
                load.longest_gap_since(begun).as_millis()
            );
            nothing_lost(&cluster, load).await
        },
    );
}

#[test]
fn every_node_is_replaced_launching_first() {
    every_node_of_three(100, 110);
}

#[test]
#[ignore = "make matrix"]
fn every_node_is_replaced_terminating_first() {
    every_node_of_three(66, 100);
}

/// The bounds allow all three at once: the group launches three instances and then terminates three. Still no
/// removal leaves fewer voters than are desired.
#[test]
#[ignore = "make matrix"]
fn every_node_is_replaced_at_once() {
    every_node_of_three(100, 200);
}
