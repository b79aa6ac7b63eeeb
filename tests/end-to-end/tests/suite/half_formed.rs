//! A generation that dies before it has formed: all its instances must be gone before the next one opens.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::hold::Hold;
use end_to_end::load::Load;
use end_to_end::wait::until;
use end_to_end::{check, witness};
use membership::change::Change;
use membership::ledger::Phase;
use serde_json::json;

use crate::support::{Scene, brisk, on_a_stage};

fn slow_boot(options: &mut region::Options) {
    brisk(options);
    options.boot_delay = Duration::from_secs(4);
}

/// The end of these tests: a later generation has formed, and every instance of the first is gone.
async fn forms_in_a_later_generation(cluster: &Cluster, founders: &[&str]) -> Result<()> {
    cluster.settles(3).await?;
    let nodes = cluster.nodes().await?;
    for founder in founders {
        ensure!(
            nodes.iter().all(|n| n.id != *founder),
            "{founder} of the first generation is still in the group"
        );
    }
    check::ledger_invariants(cluster).await?;
    witness::changes_only_under_claim(cluster).await?;
    witness::all_gone_before_next(cluster).await?;
    ensure!(cluster.ledger().await?.generation.number >= 2, "the first generation is still the current one");
    Load::start(cluster, "after")?.loses_nothing_of(50).await
}

/// Waits until a seed is chosen, and returns it.
async fn seed(cluster: &Cluster) -> Result<String> {
    until("a seed is chosen", LIMIT, || async { cluster.seed().await }).await
}

/// Cuts the power of the first joiner while its promotion is on its way. etcd promotes the dead learner, and
/// the quorum of the two voters is lost before the generation has formed. Returns the joiner.
async fn half_a_pair(scene: &Scene, cluster: &Cluster) -> Result<String> {
    let hold = Hold::etcd(&scene.account, "cluster/member/promote", 2_500).await?;
    hold.caught().await?;
    let claim = cluster.ledger().await?.claim.context("the ledger has no claim")?;
    let joiner =
        claim.proposal.change.instance().context("the claimed change is about no instance")?.to_string();
    scene.account.cut_power(&joiner).await?;
    Ok(joiner)
}

async fn reaches(cluster: &Cluster, phase: Phase) -> Result<()> {
    until(&format!("the generation is {phase:?}"), LIMIT, || async {
        let generation = cluster.ledger().await?.generation;
        ensure!(generation.phase == phase, "the generation is {:?}", generation.phase);
        Ok(())
    })
    .await
}

/// Story 1, "The half-formed pair". The seed is only frozen, and thaws when its generation has just been
/// abandoned. If the next generation had opened because a majority was gone, there would be two clusters.
#[test]
#[ignore = "make matrix"]
fn the_half_formed_pair_whose_seed_was_only_frozen() {
    on_a_stage(brisk, |scene| async move {
        let cluster = scene.cluster_with(3, &[("formation-patience", "10")]).await?;
        let joiner = half_a_pair(&scene, &cluster).await?;
        let seed = seed(&cluster).await?;
        scene.account.pause(&seed).await?;
        reaches(&cluster, Phase::Abandoned).await?;
        scene.account.resume(&seed).await?;
        forms_in_a_later_generation(&cluster, &[&seed, &joiner]).await
    });
}

/// Stories 18, "The abandoned who waits", and 14, "Nobody's claim". The seed of the half-formed pair is in
/// service when its generation is abandoned. So it is set unhealthy, and comes to its terminate hook, where
/// no member list can ever be read. The function that promoted has died, and its claim is still open.
#[test]
#[ignore = "make matrix"]
fn the_half_formed_pair_whose_seed_is_in_service() {
    on_a_stage(brisk, |scene| async move {
        let dies = json!({"fault": "kill-function", "call": 0, "when": "after",
            "from": {"service": "etcd", "operation": "cluster/member/promote"}});
        scene.account.fault(dies).await?;
        let cluster = scene.cluster_with(3, &[("formation-patience", "10")]).await?;
        let joiner = half_a_pair(&scene, &cluster).await?;
        let seed = seed(&cluster).await?;
        let complete = scene.account.autoscaling.complete_lifecycle_action().instance_id(&seed);
        let complete = complete.auto_scaling_group_name(&cluster.name).lifecycle_hook_name("etcd-asg-launch");
        complete.lifecycle_action_result("CONTINUE").send().await?;
        forms_in_a_later_generation(&cluster, &[&seed, &joiner]).await?;
        assert!(
            witness::healed(&cluster, &seed).await?,
            "the seed was not set unhealthy, though it was in service"
        );
        Ok(())
    });
}

/// The seed never boots. After the join patience its generation is abandoned, and another instance is the
/// seed of the next. The first seed must be gone by then, because it could still found its cluster.
#[test]
#[ignore = "make matrix"]
fn the_seed_never_boots() {
    on_a_stage(slow_boot, |scene| async move {
        let cluster = scene.cluster_with(3, &[("join-patience", "25")]).await?;
        let seed = seed(&cluster).await?;
        scene.account.pause(&seed).await?;
        reaches(&cluster, Phase::Abandoned).await?;
        forms_in_a_later_generation(&cluster, &[&seed]).await
    });
}

/// The first joiner never boots. It is given up, another instance joins in its place, and the generation goes
/// on.
#[test]
#[ignore = "make matrix"]
fn the_second_never_boots() {
    on_a_stage(slow_boot, |scene| async move {
        let cluster = scene.cluster_with(3, &[("join-patience", "25")]).await?;
        let seed = seed(&cluster).await?;
        let second = cluster
            .by_age()
            .await?
            .into_iter()
            .find(|id| *id != seed)
            .context("there is no other instance")?;
        scene.account.pause(&second).await?;
        cluster.replaces(&second, 3).await?;
        assert_eq!(cluster.ledger().await?.generation.number, 1, "the first generation was left");
        assert!(witness::given_up(&cluster).await?.contains(&second), "it was not given up");
        check::ledger_invariants(&cluster).await?;
        Load::start(&cluster, "after")?.loses_nothing_of(50).await
    });
}

/// Story 21, "The slow image". Every instance boots more slowly than the formation patience. The patience
/// counts from the first contact; otherwise every generation would be abandoned.
#[test]
#[ignore = "make matrix"]
fn every_instance_boots_slowly() {
    let slow = |o: &mut region::Options| {
        brisk(o);
        o.boot_delay = Duration::from_secs(26);
    };
    on_a_stage(slow, |scene| async move {
        let cluster = scene.cluster_with(3, &[("formation-patience", "20"), ("join-patience", "90")]).await?;
        cluster.settles(3).await?;
        assert_eq!(cluster.ledger().await?.generation.number, 1, "a generation was abandoned");
        check::ledger_invariants(&cluster).await
    });
}

/// Story 3, "Born twice". The seed of a formed cluster loses its disk, and boots again with its old ID and
/// address. It must refuse to start: with the state `new` it would found the cluster a second time, with the
/// same IDs.
#[test]
#[ignore = "make matrix"]
fn the_seed_loses_its_disk() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("unproven-grace", "10")]).await?;
        let seed = cluster.seed().await?;
        scene.account.fault(json!({"fault": "wipe-disk", "instance": seed})).await?;
        cluster.replaces(&seed, 3).await?;
        let console = scene.account.page(&format!("console/{seed}")).await?;
        let after = console.rsplit("the root volume was replaced").next().unwrap_or_default();
        assert!(
            after.contains("is new, but this member has already run"),
            "its console does not say why it did not start: {after}"
        );
        assert!(!after.contains("ready to serve client requests"), "its etcd served again");
        crate::support::nothing_lost(&cluster, load).await
    });
}

/// Story 3, "Born twice", before the first instance has joined. An unformed cluster may die, and is never
/// founded twice.
#[test]
#[ignore = "make matrix"]
fn the_seed_loses_its_disk_before_the_first_joins() {
    on_a_stage(brisk, |scene| async move {
        let hold = Hold::claim(&scene.account, "add-learner", 4_000).await?;
        let settings = [("formation-patience", "10"), ("join-patience", "30")];
        let cluster = scene.cluster_with(3, &settings).await?;
        hold.is_claimed(&cluster, |c| matches!(c, Change::AddLearner { .. })).await?;
        let seed = seed(&cluster).await?;
        scene.account.fault(json!({"fault": "wipe-disk", "instance": seed})).await?;
        hold.lift().await?;
        forms_in_a_later_generation(&cluster, &[&seed]).await
    });
}
