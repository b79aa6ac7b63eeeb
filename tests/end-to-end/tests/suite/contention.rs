//! Many invocations at the same time.

use futures::future::join_all;
use serde_json::json;

use crate::support::{nothing_lost, on_a_stage};

/// Twenty scheduled events at once, while the leader is terminated in order and then a follower dies.
/// `nothing_lost` reads every version of the ledger: there were never two changes in flight.
#[test]
fn twenty_invocations_at_once() {
    on_a_stage(
        |_| {},
        |scene| async move {
            let (cluster, load) = scene.three_under_load().await?;
            let (follower, leader) = (cluster.follower().await?, cluster.leader().await?);
            cluster.terminate(&leader).await?;
            let tick = json!({
                "version": "0", "id": "12345678-1234-1234-1234-123456789012", "detail-type": "Scheduled Event",
                "source": "aws.events", "account": "123456789012", "time": "2026-11-22T06:00:00Z",
                "region": "us-east-1", "resources": [], "detail": {}
            });
            let invocations =
                (0..20).map(|_| scene.account.invoke("reconcile", tick.to_string().into_bytes()));
            let (answers, replaced) = futures::join!(join_all(invocations), cluster.replaces(&leader, 3));
            for answer in answers {
                answer?;
            }
            replaced?;
            cluster.kill(&follower).await?;
            cluster.replaces(&follower, 3).await?;
            nothing_lost(&cluster, load).await
        },
    );
}
