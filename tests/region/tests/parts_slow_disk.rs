//! A disk is made slow, and mended. Where this machine does not allow that, the fault says so.
#![allow(clippy::unwrap_used, reason = "a test ends where its surroundings fail")]

mod parts_support;

use std::path::Path;

use parts_support::{Bench, lines, process_state, until};
use serde_json::json;

const UNIT: &str = "[Service]\nExecStart=/usr/local/bin/etcd-asg run\nStateDirectory=etcd\n";
const INSTANCE: &str = "i-0000000000000000a";
const HOUR: u64 = 3_600_000;
/// A shell named etcd, which syncs a file repeatedly.
const SYNC: &str = r#"
cp /bin/sh "$ETCD_ASG_DATA_DIR/etcd"
exec "$ETCD_ASG_DATA_DIR/etcd" -c 'while :; do echo x >>"$ETCD_ASG_DATA_DIR/seen"; sync -d "$ETCD_ASG_DATA_DIR/seen"; done'"#;

/// Whether one of its syncs is delayed: the sync has begun, and the tracer keeps the process stopped.
fn is_held(bench: &Bench) -> bool {
    let syncs = bench.processes(INSTANCE).into_iter().filter(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sync")
    });
    let mut states = syncs.map(process_state);
    states.any(|state| state == Some('t'))
}

async fn goes_on(seen: &Path) {
    let before = lines(seen);
    until("it syncs", || lines(seen) > before + 3).await;
}

#[tokio::test]
async fn a_disk_is_slow_until_it_is_mended_or_its_instance_is_paused() {
    let bench = Bench::start(UNIT, SYNC, |_| {}).await;
    let seen = bench.launch(INSTANCE).await.join("var/lib/etcd/seen");
    goes_on(&seen).await;
    let slow = json!({ "fault": "slow-disk", "instance": INSTANCE, "millis": HOUR });
    for cure in ["mend-disk", "pause"] {
        let (status, answer) = bench.fault(&slow).await;
        if status == 501 {
            assert!(answer["error"].as_str().unwrap().contains("strace"), "{answer}");
            continue;
        }
        assert_eq!(status, 200, "{answer}");
        until("a sync is held", || is_held(&bench)).await;
        bench.set(json!({ "fault": cure, "instance": INSTANCE })).await;
        bench.set(json!({ "fault": "resume", "instance": INSTANCE })).await;
        goes_on(&seen).await;
    }
    bench.region.shutdown().await;
}

#[tokio::test]
async fn without_an_etcd_there_is_nothing_to_hold_back() {
    let bench = Bench::start(UNIT, "exec sleep 1000", |_| {}).await;
    bench.launch(INSTANCE).await;
    let slow = json!({ "fault": "slow-disk", "instance": INSTANCE, "millis": HOUR });
    let (status, answer) = bench.fault(&slow).await;
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("no etcd runs"), "{answer}");
    bench.region.shutdown().await;
}
