//! A frozen voter beside a termination.

use anyhow::ensure;
use end_to_end::check;
use end_to_end::cluster::LIMIT;
use end_to_end::wait::until;
use membership::change::Change;
use serde_json::json;

use crate::support::{nothing_lost, on_a_stage};

/// One voter is frozen when another is terminated. etcd itself would accept the removal, and lose the quorum.
/// The frozen voter never counts for the majority: the leaving voter is removed only once its replacement
/// votes beside the leader.
#[test]
fn a_frozen_voter_never_counts_for_the_majority() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let frozen = cluster.follower().await?;
            let leader = cluster.leader().await?;
            let nodes = cluster.nodes().await?;
            let leaving = nodes.iter().map(|n| n.id.clone()).find(|id| *id != frozen && *id != leader);
            let leaving = leaving.expect("there are three instances");
            scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
            cluster.terminate(&leaving).await?;
            until("the replacement votes", LIMIT, || async {
                let promoted = check::claimed(&cluster).await?;
                let new = promoted.iter().filter(|c| matches!(c, Change::Promote { .. })).count();
                ensure!(
                    new >= 3,
                    "{new} promotions were claimed: two formed the cluster, and the replacement's is missing"
                );
                Ok(())
            })
            .await?;
            scene.account.fault(json!({"fault": "resume", "instance": frozen})).await?;
            cluster.replaces(&leaving, 3).await?;
            check::replaced_before_removed(&cluster, &leaving).await?;
            nothing_lost(&cluster, load).await
        },
    );
}
