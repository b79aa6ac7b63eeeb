use anyhow::ensure;
use end_to_end::check;
use end_to_end::cluster::LIMIT;
use end_to_end::wait::until;
use membership::change::Change;
use serde_json::json;

use crate::support::{nothing_lost, on_a_stage};

/// One voter is frozen when another is told to leave. etcd itself would accept the removal, and lose the quorum; it
/// is never leaned on: the leaving voter goes only once its replacement votes beside the one that is left.
#[test]
fn a_frozen_voter_is_never_leaned_on() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let frozen = cluster.follower().await?;
            let leader = cluster.leader().await?;
            let nodes = cluster.nodes().await?;
            let leaving = nodes.iter().map(|n| n.id.clone()).find(|id| *id != frozen && *id != leader);
            let leaving = leaving.expect("a third instance");
            scene.account.fault(json!({"fault": "pause", "instance": frozen})).await?;
            cluster.terminate(&leaving).await?;
            until("the replacement votes", LIMIT, || async {
                let promoted = check::claimed(&cluster).await?;
                let new = promoted.iter().filter(|c| matches!(c, Change::Promote { .. })).count();
                ensure!(new >= 3, "two were promoted to form, and a third now: {new}");
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
