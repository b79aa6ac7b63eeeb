//! A new group forms one cluster.

use end_to_end::check;
use end_to_end::cluster::LIMIT;
use end_to_end::load::Load;
use end_to_end::wait::until;

use crate::support::on_a_stage;

#[test]
fn one_forms() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let cluster = scene.cluster(1).await?;
            cluster.settles(1).await?;
            check::ledger_invariants(&cluster).await
        },
    );
}

#[test]
fn three_form_from_simultaneous_launches() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let cluster = scene.cluster(3).await?;
            cluster.settles(3).await?;
            assert_eq!(cluster.ledger().await?.generation.number, 1, "one generation was opened");
            assert!(check::removed_voters(&cluster).await?.is_empty(), "a voter was removed");
            check::ledger_invariants(&cluster).await
        },
    );
}

/// The functions get events, but no schedule.
#[test]
fn launch_events_alone_form_a_cluster() {
    on_a_stage(
        |o| o.tick = None,
        |scene| async move {
            let cluster = scene.cluster(3).await?;
            cluster.settles(3).await
        },
    );
}

#[test]
fn the_seed_is_killed_before_it_formed_anything() {
    on_a_stage(
        |o| o.boot_delay = std::time::Duration::from_secs(4),
        |scene| async move {
            let cluster = scene.cluster(3).await?;
            let seed = until("a seed is chosen", LIMIT, || async { cluster.seed().await }).await?;
            cluster.kill(&seed).await?;
            cluster.replaces(&seed, 3).await?;
            let generation = cluster.ledger().await?.generation;
            assert!(generation.number >= 2, "the generation of the dead seed was not followed by another");
            assert_ne!(generation.seed.map(|s| s.instance.to_string()), Some(seed));
            check::ledger_invariants(&cluster).await?;
            Load::start(&cluster, "after")?.loses_nothing_of(50).await
        },
    );
}
