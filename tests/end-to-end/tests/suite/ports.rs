//! Ports that cannot be: the same port twice, and ports that are changed under a living cluster.

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::{Cluster, LIMIT};
use end_to_end::wait::until;

use crate::support::{every_second, is_kept, nothing_lost, on_a_stage};

async fn launching(cluster: &Cluster) -> Result<String> {
    until("an instance waits to launch", LIMIT, || async {
        let nodes = cluster.nodes().await?;
        let waiting = nodes.iter().find(|n| n.lifecycle == "Pending:Wait");
        waiting.map(|n| n.id.clone()).context("none waits")
    })
    .await
}

/// Nothing is founded whose etcd could not listen. Once the tag is right, the same instance is the seed.
#[test]
fn one_port_for_clients_and_peers_founds_nothing() {
    for (setting, right) in [(("client-port", "2380"), "2379"), (("peer-port", "2379"), "2380")] {
        on_a_stage(every_second, |scene| async move {
            let cluster = scene.cluster_with(1, &[setting]).await?;
            cluster.reports("cluster", "ports-equal").await?;
            let waiting = launching(&cluster).await?;
            is_kept(&cluster, &waiting, "Pending:Wait").await?;
            ensure!(cluster.ledger().await.is_err(), "{setting:?}: a cluster was founded");
            cluster.tag(setting.0, right).await?;
            cluster.settles(1).await?;
            ensure!(cluster.seed().await? == waiting, "another instance became the seed");
            Ok(())
        });
    }
}

/// Members cannot move to another port. The change is refused, a leaving voter is kept, and all goes on once the setting
/// is set back.
#[test]
fn other_ports_under_a_living_cluster_are_refused() {
    on_a_stage(every_second, |scene| async move {
        let (cluster, load) = scene.three_under_load().await?;
        let leaving = cluster.follower().await?;
        cluster.tag("peer-port", "2390").await?;
        cluster.reports("cluster", "ports-changed").await?;
        cluster.terminate(&leaving).await?;
        cluster.becomes(&leaving, "Terminating:Wait").await?;
        for (setting, value) in [("peer-port", "2390"), ("client-port", "2389"), ("scheme", "https")] {
            cluster.tag("paused", "true").await?;
            for other in ["peer-port", "client-port", "scheme"] {
                cluster.untag(&format!("etcd-asg:{other}")).await?;
            }
            cluster.tag(setting, value).await?;
            cluster.untag("etcd-asg:paused").await?;
            cluster.reports("cluster", "ports-changed").await?;
            is_kept(&cluster, &leaving, "Terminating:Wait").await?;
            ensure!(cluster.members().await?.len() == 3, "{setting}={value}: the members changed");
        }
        cluster.untag("etcd-asg:scheme").await?;
        cluster.replaces(&leaving, 3).await?;
        nothing_lost(&cluster, load).await
    });
}
