//! Upgrades as they are at AWS: a new version of the launch template with another image, then every instance replaced.

use std::time::Instant;

use anyhow::{Result, ensure};
use end_to_end::check;
use end_to_end::cluster::Cluster;
use end_to_end::image::{image, images, launch_template};
use end_to_end::load::Load;

use crate::support::{Scene, nothing_lost, on_a_stage};

#[test]
#[ignore = "make matrix"]
fn one_minor_at_a_time_from_3_4_to_3_7_under_load() {
    let path = ["3.4.23", "3.5.35", "3.6.16", "3.7.3"];
    let Some(images) = images(&path).unwrap() else { return };
    on_a_stage(
        |o| o.images = images,
        |scene| async move {
            let (cluster, load) = three_under_load_on(&scene, path[0]).await?;
            for version in &path[1..] {
                let (begun, before) = (Instant::now(), load.so_far());
                cluster.launches_with(version).await?;
                replace_all(&cluster).await?;
                cluster.runs(version).await?;
                println!(
                    "to etcd {version}: {:.0} s, {} writes acknowledged meanwhile, longest gap {} ms",
                    begun.elapsed().as_secs_f64(),
                    load.so_far() - before,
                    load.longest_gap_since(begun).as_millis()
                );
            }
            nothing_lost(&cluster, load).await
        },
    );
}

async fn three_under_load_on(scene: &Scene, version: &str) -> Result<(Cluster, Load)> {
    launch_template(&scene.account, "main", Some(image(version))).await?;
    let (cluster, load) = scene.three_under_load().await?;
    cluster.runs(version).await?;
    Ok((cluster, load))
}

/// Every instance of three, one after another.
async fn replace_all(cluster: &Cluster) -> Result<()> {
    let before = cluster.nodes().await?;
    ensure!(before.len() == 3, "the group has {before:?}");
    for node in before {
        cluster.terminate(&node.id).await?;
        cluster.replaces(&node.id, 3).await?;
        check::replaced_before_removed(cluster, &node.id).await?;
    }
    Ok(())
}
