//! What can happen to a joiner: it dies, freezes, hangs, is terminated, or is silent for a while.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::etcd::Etcd;
use end_to_end::hold::Hold;
use end_to_end::load::Load;
use end_to_end::wait::until;
use end_to_end::{check, witness};
use futures::{StreamExt, TryStreamExt, stream};
use membership::change::Change;
use membership::ids::Timestamp;
use membership::ledger::ConditionKey;

use crate::support::{Scene, brisk, every_second, nothing_lost, on_a_stage};

/// Entries until a joiner needs a snapshot: etcd takes one every 10,000 entries, and then drops all but the
/// last 5,000.
const PAST_ITS_FIRST_SNAPSHOT: usize = 10_500;

/// Three members under load. One of them leaves, and the promotion of its replacement is claimed; the
/// claimant has not looked again yet.
struct AboutToBePromoted {
    cluster: Cluster,
    load: Load,
    leaving: String,
    learner: String,
    hold: Hold,
    /// How often the functions have asked etcd for a promotion so far.
    promotions: u64,
}

impl AboutToBePromoted {
    /// Lifts the hold, and waits until the learner is removed. The second look must not send its promotion to
    /// etcd.
    async fn goes_without_its_promotion(self) -> Result<(Cluster, Load)> {
        self.hold.lift().await?;
        is_out(&self.cluster, &self.learner).await?;
        let promotions = promotions(&self.cluster).await?;
        ensure!(promotions == self.promotions, "etcd was asked to promote {}", self.learner);
        self.cluster.replaces(&self.leaving, 3).await?;
        Ok((self.cluster, self.load))
    }
}

async fn promotions(cluster: &Cluster) -> Result<u64> {
    cluster.account.function_calls("etcd", "cluster/member/promote").await
}

async fn about_to_be_promoted(scene: &Scene, patience: &str) -> Result<AboutToBePromoted> {
    let (cluster, load) = scene.under_load(3, &[("join-patience", patience)]).await?;
    let leaving = cluster.follower().await?;
    let (known, promotions) = (cluster.ids().await?, promotions(&cluster).await?);
    let hold = Hold::claim(&scene.account, "promote", 4_000).await?;
    cluster.terminate(&leaving).await?;
    let learner = cluster.newcomer(&known).await?;
    let of_it = |c: &Change| matches!(c, Change::Promote { instance, .. } if instance.as_str() == learner);
    hold.is_claimed(&cluster, of_it).await?;
    Ok(AboutToBePromoted { cluster, load, leaving, learner, hold, promotions })
}

/// Waits until the member of an instance is out of the member list.
async fn is_out(cluster: &Cluster, instance: &str) -> Result<()> {
    until("the member is removed", LIMIT, || async {
        let members = cluster.members().await?;
        ensure!(members.iter().all(|m| m.name != instance), "{members:?}");
        Ok(())
    })
    .await
}

/// A learner has caught up and answered, and loses its power when its promotion is claimed and not sent yet.
/// etcd would promote a dead learner that had caught up, so the second look must not send the promotion.
#[test]
#[ignore = "make matrix"]
fn a_learner_dies_after_it_has_caught_up() {
    on_a_stage(brisk, |scene| async move {
        let claimed = about_to_be_promoted(&scene, "300").await?;
        scene.account.cut_power(&claimed.learner).await?;
        let (cluster, load) = claimed.goes_without_its_promotion().await?;
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// Story 6, "Frozen since the probe". The learner freezes when its promotion is claimed and not sent yet. Its
/// instance still runs, so only its silence shows that it is frozen. Without the second look it would be
/// promoted; without the join patience the cluster would wait for it for ever.
#[test]
#[ignore = "make matrix"]
fn a_learner_freezes_between_its_probe_and_its_promotion() {
    on_a_stage(brisk, |scene| async move {
        let claimed = about_to_be_promoted(&scene, "25").await?;
        let learner = claimed.learner.clone();
        scene.account.pause(&learner).await?;
        let (cluster, load) = claimed.goes_without_its_promotion().await?;
        assert!(witness::given_up(&cluster).await?.contains(&learner), "the learner was not given up");
        assert_eq!(witness::added(&cluster, &learner).await?, 1, "the learner was added again");
        nothing_lost(&cluster, load).await
    });
}

/// Story 19, "The silent new voter". A learner freezes while its promotion is on its way to the leader. Every
/// change waits for the new voter's first answer, except its own removal; otherwise everything would wait for
/// ever.
#[test]
#[ignore = "make matrix"]
fn a_voter_is_silent_from_its_promotion_on() {
    on_a_stage(brisk, |scene| async move {
        let cluster = scene.cluster_with(3, &[("join-patience", "25")]).await?;
        cluster.settles(3).await?;
        let leaving = cluster.follower().await?;
        let known = cluster.ids().await?;
        let hold = Hold::etcd(&scene.account, "cluster/member/promote", 2_500).await?;
        cluster.terminate(&leaving).await?;
        let learner = cluster.newcomer(&known).await?;
        hold.caught().await?;
        scene.account.pause(&learner).await?;
        until("the frozen learner votes", LIMIT, || async {
            let members = cluster.members().await?;
            ensure!(members.iter().any(|m| m.name == learner && !m.learner), "{members:?}");
            Ok(())
        })
        .await?;
        // The load starts only now: under a load the frozen learner would fall behind, and etcd would refuse
        // to promote it.
        let load = Load::start(&cluster, "load")?;
        cluster.replaces(&leaving, 3).await?;
        assert!(!cluster.ids().await?.contains(&learner), "the silent voter was not replaced");
        assert!(witness::given_up(&cluster).await?.contains(&learner), "the silent voter was not given up");
        nothing_lost(&cluster, load).await
    });
}

/// Story 15, "Seven silent seconds". Once the leader has applied more than about a hundred entries, etcd 3.6
/// sends a joiner a snapshot, and the joiner answers nothing for 7 s after its start. That silence is not a
/// failure.
#[test]
#[ignore = "make matrix"]
fn a_learner_that_joined_by_snapshot_is_silent_for_a_while() {
    on_a_stage(brisk, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("join-patience", "30")]).await?;
        let (etcd, url) =
            (Etcd::new(Duration::from_secs(20))?, cluster.client_url(&cluster.leader().await?).await?);
        let value = "0123456789".repeat(10_000);
        for number in 0..200 {
            etcd.put(&url, &format!("snapshot/{number}"), &value).await?;
        }
        let follower = cluster.follower().await?;
        let known = cluster.ids().await?;
        cluster.terminate(&follower).await?;
        let joiner = cluster.newcomer(&known).await?;
        cluster.replaces(&follower, 3).await?;
        assert!(cluster.ids().await?.contains(&joiner), "another instance joined instead");
        assert!(witness::given_up(&cluster).await?.is_empty(), "an instance was given up");
        let console = scene.account.page(&format!("console/{joiner}")).await?;
        assert!(console.contains("snapshot"), "it did not join by a snapshot: {console}");
        nothing_lost(&cluster, load).await
    });
}

/// Stories 12, "The undead launch", and 11, "In and out". The replacement hangs before its etcd has ever
/// started. Its launch hook is kept alive while it can still join, and no longer. It is added once, and the
/// next instance joins in its place.
#[test]
#[ignore = "make matrix"]
fn a_joiner_hangs() {
    let slow = |o: &mut region::Options| {
        brisk(o);
        o.boot_delay = Duration::from_secs(2);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.under_load(3, &[("join-patience", "40")]).await?;
        cluster.launch_heartbeat(30).await?;
        let follower = cluster.follower().await?;
        let known = cluster.ids().await?;
        cluster.kill(&follower).await?;
        let joiner = cluster.newcomer(&known).await?;
        scene.account.pause(&joiner).await?;
        cluster.replaces(&joiner, 3).await?;
        assert!(witness::given_up(&cluster).await?.contains(&joiner), "the joiner was not given up");
        assert_eq!(witness::added(&cluster, &joiner).await?, 1, "the joiner was added again");
        let timeline = scene.account.timeline().await?;
        let of = |text: &str| timeline.iter().position(|e| e.who == joiner && e.text.contains(text));
        let kept = of("kept alive").context("its launch hook was never kept alive")?;
        let ended = of("completed: ABANDON").context("the functions did not abandon its launch")?;
        assert!(kept < ended, "its launch hook was kept alive only after the launch was abandoned");
        nothing_lost(&cluster, load).await
    });
}

/// A joiner is terminated after it was added and before it has started. Its learner is removed, its hooks
/// end, and the instance that is launched instead joins.
#[test]
fn a_joiner_is_terminated_while_it_joins() {
    let slow = |o: &mut region::Options| {
        brisk(o);
        o.boot_delay = Duration::from_secs(3);
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        let known = cluster.ids().await?;
        cluster.terminate(&leaving).await?;
        let joiner = cluster.newcomer(&known).await?;
        cluster.has_a_learner().await?;
        cluster.terminate(&joiner).await?;
        cluster.replaces(&joiner, 3).await?;
        assert!(!cluster.ids().await?.contains(&leaving), "{leaving} is still in the group");
        let promoted = check::claimed(&cluster).await?;
        let promoted = promoted
            .iter()
            .any(|c| matches!(c, Change::Promote { instance, .. } if instance.as_str() == joiner));
        assert!(!promoted, "a promotion of the leaving joiner was claimed");
        witness::replaced_before_removed_throughout(&cluster, 3).await?;
        nothing_lost(&cluster, load).await
    });
}

/// The log is long, and there are no writes. The joiner gets a snapshot, and its etcd refuses every call
/// ("too many requests") until it has applied one more entry. `make bench` found this on a machine fast
/// enough for 5,000 entries.
#[test]
#[ignore = "make matrix"]
fn an_idle_cluster_with_a_long_log_grows() {
    on_a_stage(brisk, |scene| async move {
        let cluster = scene.cluster(1).await?;
        cluster.settles(1).await?;
        let url = cluster.client_url(&cluster.leader().await?).await?;
        let etcd = Etcd::new(LIMIT)?;
        let write = async |n: usize| etcd.put(&url, &format!("long-log/{}", n % 50), "v").await;
        stream::iter(0..PAST_ITS_FIRST_SNAPSHOT).map(write).buffer_unordered(32).try_collect::<()>().await?;
        cluster.scale(2).await?;
        cluster.settles(2).await
    });
}

/// The leader sends a snapshot to a joiner that takes longer than the join patience to receive it. That is progress, so
/// the joiner is waited for, and it joins.
#[test]
fn a_joiner_that_receives_a_snapshot_slowly_is_not_given_up() {
    let settings = [("ETCD_SNAPSHOT_COUNT", "50"), ("ETCD_SNAPSHOT_CATCHUP_ENTRIES", "5")];
    let slow = |o: &mut region::Options| {
        every_second(o);
        o.instance_config.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    };
    on_a_stage(slow, |scene| async move {
        let (cluster, load) = scene.under_load(1, &[("join-patience", "10")]).await?;
        let (etcd, url) = (Etcd::new(LIMIT)?, cluster.client_url(&cluster.leader().await?).await?);
        // More than the buffers of a connection hold.
        let value = "0123456789".repeat(100_000);
        for number in 0..60 {
            etcd.put(&url, &format!("snapshot/{number}"), &value).await?;
        }
        let known = cluster.ids().await?;
        cluster.scale(2).await?;
        let joiner = cluster.newcomer(&known).await?;
        let leader = cluster.leader().await?;
        scene.account.slow_link(&leader, &joiner, 1_000).await?;
        is_receiving_for(&cluster, &joiner, Duration::from_secs(25)).await?;
        scene.account.mend_link(&leader, &joiner).await?;
        cluster.settles(2).await?;
        ensure!(cluster.ids().await?.contains(&joiner), "another instance joined instead");
        ensure!(witness::given_up(&cluster).await?.is_empty(), "an instance was given up");
        nothing_lost(&cluster, load).await
    });
}

/// Waits until the ledger has had it on record for so long that the leader sends the joiner a snapshot.
async fn is_receiving_for(cluster: &Cluster, joiner: &str, long: Duration) -> Result<()> {
    let key = ConditionKey::Receiving(joiner.into());
    let received = until("the joiner has been receiving for longer than its patience", LIMIT, || async {
        let ledger = cluster.ledger().await?;
        let notes = cluster.dry_run().await?["summary"]["notes"].to_string();
        ensure!(notes.contains("receiving-snapshot"), "{notes}");
        let now = Timestamp(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?);
        ensure!(ledger.aged(&key, now, long), "since {:?}, and it is {now:?}", ledger.since(&key));
        Ok(())
    });
    cluster.explained(received.await).await
}
