//! The group grows, shrinks, and ends.

use anyhow::ensure;
use end_to_end::check;
use end_to_end::cluster::LIMIT;
use end_to_end::load::Load;
use end_to_end::wait::until;
use membership::ledger::Phase;

use crate::support::{nothing_lost, on_a_stage};

#[test]
fn three_grow_to_five_and_shrink_back() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            for size in [5, 3] {
                cluster.scale(size).await?;
                cluster.settles(size as usize).await?;
            }
            assert_eq!(check::voters_to_be_removed(&cluster).await?.len(), 2, "two voters are removed");
            nothing_lost(&cluster, load).await
        },
    );
}

#[test]
#[ignore = "make matrix"]
fn one_grows_to_five_and_shrinks_to_one_and_grows_again() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let cluster = scene.cluster(1).await?;
            cluster.settles(1).await?;
            let load = Load::start(&cluster, "load")?;
            for size in [3, 5, 3, 1, 3] {
                cluster.scale(size).await?;
                cluster.settles(size as usize).await?;
                println!("settled at {size}, {} writes so far", load.so_far());
            }
            nothing_lost(&cluster, load).await
        },
    );
}

/// With its word and maximum size 0 the operator ends the cluster. If the group grows again, the next generation opens,
/// with a new token.
#[test]
#[ignore = "make matrix"]
fn maximum_size_zero_ends_the_cluster_and_growing_opens_the_next() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let cluster = scene.cluster(3).await?;
            cluster.settles(3).await?;
            let first = cluster.ledger().await?.generation;
            cluster.end(first.number).await?;
            until("the cluster has ended and its instances are gone", LIMIT, || async {
                let (nodes, ledger) = (cluster.nodes().await?, cluster.ledger().await?);
                ensure!(nodes.is_empty(), "the group still has {nodes:?}");
                ensure!(
                    ledger.generation.phase == Phase::Ended,
                    "the generation is {:?}",
                    ledger.generation.phase
                );
                ensure!(cluster.endpoints().await.is_err(), "its endpoints are still published");
                Ok(())
            })
            .await?;
            cluster.resize(9, 3).await?;
            cluster.settles(3).await?;
            let second = cluster.ledger().await?.generation;
            assert_eq!(second.number, 2);
            assert_ne!(first.token, second.token);
            assert_ne!(first.identity.map(|i| i.cluster), second.identity.map(|i| i.cluster));
            check::ledger_invariants(&cluster).await?;
            Load::start(&cluster, "after")?.loses_nothing_of(50).await
        },
    );
}
