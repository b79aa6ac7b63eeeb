//! Links between instances are cut and mended, instances isolated, and disks filled. Where this machine does
//! not allow that, the fault says so.
#![allow(clippy::unwrap_used, reason = "a test ends where its surroundings fail")]

mod parts_support;

use std::path::{Path, PathBuf};

use parts_support::{Bench, until};
use serde_json::{Value, json};

const UNIT: &str = "[Service]\nExecStart=/usr/local/bin/etcd-asg run\nStateDirectory=etcd\n";
/// Asks a neighbour's metadata service repeatedly: host 10 asks host 11, all others ask host 10.
const ASK: &str = r#"
own=${AWS_EC2_METADATA_SERVICE_ENDPOINT#http://}; own=${own%:*}; peer=${own%.*}.10
[ "${own##*.}" = 10 ] && peer=${own%.*}.11
while :; do
  if curl -s --max-time 1 -o /dev/null "http://$peer:8169/"; then echo up; else echo down; fi >>"$ETCD_ASG_DATA_DIR/seen"
  sleep 0.05
done"#;
const INSTANCES: [&str; 3] = ["i-0000000000000000a", "i-0000000000000000b", "i-0000000000000000c"];

/// Serves a page of a megabyte, and fetches a neighbour's: host 10 fetches host 11's, all others fetch host 10's.
const FETCH: &str = r#"
own=${AWS_EC2_METADATA_SERVICE_ENDPOINT#http://}; own=${own%:*}; peer=${own%.*}.10
[ "${own##*.}" = 10 ] && peer=${own%.*}.11
mkdir "$ETCD_ASG_DATA_DIR/pages"; head -c 1000000 /dev/zero >"$ETCD_ASG_DATA_DIR/pages/page"
python3 -m http.server 8170 --bind "$own" --directory "$ETCD_ASG_DATA_DIR/pages" >/dev/null 2>&1 &
while :; do
  if curl -s --max-time 3 -o /dev/null "http://$peer:8170/page"; then echo up; else echo down; fi >>"$ETCD_ASG_DATA_DIR/seen"
  sleep 0.05
done"#;

async fn neighbours(script: &str) -> (Bench, Vec<PathBuf>) {
    let bench = Bench::start(UNIT, script, |_| {}).await;
    let mut seen = Vec::new();
    for instance in INSTANCES {
        seen.push(bench.launch(instance).await.join("var/lib/etcd/seen"));
    }
    (bench, seen)
}

/// Waits for two answers in a row, because the first may have been requested earlier.
async fn each_sees(seen: &[PathBuf], expected: [&str; 3]) {
    for (file, expected) in seen.iter().zip(expected) {
        let before = text(file).len();
        let twice = format!("{expected}\n").repeat(2);
        until(&format!("{} sees its neighbour {expected}", file.display()), || {
            text(file).get(before..).is_some_and(|new| new.ends_with(&twice))
        })
        .await;
    }
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// Returns false where this machine does not allow it; the fault must say so then.
async fn allowed(bench: &Bench, fault: &Value, hint: &str) -> bool {
    let (status, answer) = bench.fault(fault).await;
    if status == 200 {
        return true;
    }
    let sentence = answer["error"].as_str().unwrap();
    assert!(status == 501 && sentence.contains(hint), "{status} {sentence}");
    println!("not here: {sentence}");
    false
}

async fn cut_links(bench: &Bench) -> usize {
    bench.region.parts().links.state().await.cut.len()
}

#[tokio::test]
async fn a_link_is_cut_in_both_directions_or_in_one_and_mended() {
    let (bench, seen) = neighbours(ASK).await;
    each_sees(&seen, ["up", "up", "up"]).await;
    let [a, b, _] = INSTANCES;
    if allowed(&bench, &json!({ "fault": "cut-link", "from": a, "to": b }), "cannot be cut here").await {
        each_sees(&seen, ["down", "down", "up"]).await;
        bench.set(json!({ "fault": "mend-link", "from": b, "to": a })).await;
        each_sees(&seen, ["up", "up", "up"]).await;
        bench.set(json!({ "fault": "cut-link", "from": a, "to": b, "one_way": true })).await;
        assert_eq!(cut_links(&bench).await, 1);
        each_sees(&seen, ["down", "down", "up"]).await;
        bench.set(json!({ "fault": "clear" })).await;
        each_sees(&seen, ["up", "up", "up"]).await;
    }
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_slow_link_lets_little_through_until_it_is_mended() {
    let (bench, seen) = neighbours(FETCH).await;
    each_sees(&seen, ["up", "up", "up"]).await;
    let [a, b, _] = INSTANCES;
    let slow = json!({ "fault": "slow-link", "from": b, "to": a, "kib_per_second": 1 });
    if allowed(&bench, &slow, "cannot be cut here").await {
        each_sees(&seen[..1], ["down", "", ""]).await;
        assert_eq!(bench.region.parts().links.state().await.slow.len(), 1);
        bench.set(json!({ "fault": "mend-link", "from": a, "to": b })).await;
        assert_eq!(bench.region.parts().links.state().await.slow.len(), 0);
        each_sees(&seen, ["up", "up", "up"]).await;
    }
    bench.region.shutdown().await;
}

#[tokio::test]
async fn an_isolated_instance_is_cut_off_from_all_until_it_rejoins_or_ends() {
    let (bench, seen) = neighbours(ASK).await;
    each_sees(&seen, ["up", "up", "up"]).await;
    let isolate = json!({ "fault": "isolate", "instance": INSTANCES[0] });
    if allowed(&bench, &isolate, "cannot be cut here").await {
        each_sees(&seen, ["down", "down", "down"]).await;
        bench.set(json!({ "fault": "rejoin", "instance": INSTANCES[0] })).await;
        each_sees(&seen, ["up", "up", "up"]).await;
        bench.set(isolate).await;
        bench.region.parts().machines.terminate(INSTANCES[0]).await;
        assert_eq!(cut_links(&bench).await, 0, "its address may be another's next");
    }
    bench.region.shutdown().await;
}

#[tokio::test]
async fn an_instance_hidden_from_the_functions_does_not_answer_them() {
    let bench = Bench::start(UNIT, "exec sleep 1000", |_| {}).await;
    bench.launch(INSTANCES[0]).await;
    let address = bench.region.parts().machines.address(INSTANCES[0]).unwrap();
    let event =
        json!({ "calls": [format!("http://{address}:8169/v3/maintenance/status")], "timeout_ms": 500 });
    let (_, answer) = bench.invoke("reconcile", &event).await;
    assert!(answer["calls"][0]["status"].is_number(), "the metadata service answers: {answer}");
    let hide = json!({ "fault": "isolate", "instance": INSTANCES[0], "peers": false, "functions": true });
    bench.set(hide).await;
    let (_, answer) = bench.invoke("reconcile", &event).await;
    assert!(answer["calls"][0]["error"].is_string(), "{answer}");
    bench.set(json!({ "fault": "rejoin", "instance": INSTANCES[0] })).await;
    let (_, answer) = bench.invoke("reconcile", &event).await;
    assert!(answer["calls"][0]["status"].is_number(), "{answer}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn faults_of_links_that_make_no_sense_are_refused() {
    let bench = Bench::start(UNIT, "exec sleep 1000", |_| {}).await;
    bench.launch(INSTANCES[0]).await;
    let nobody = json!({ "fault": "isolate", "instance": INSTANCES[0], "peers": false });
    let unknown = json!({ "fault": "cut-link", "from": INSTANCES[0], "to": "i-00000000000000fff" });
    let itself = json!({ "fault": "cut-link", "from": INSTANCES[0], "to": INSTANCES[0] });
    let nothing = json!({ "fault": "slow-link", "from": INSTANCES[0], "to": "i-1", "kib_per_second": 0 });
    let no_disk = json!({ "fault": "fill-disk", "instance": INSTANCES[0] });
    for (fault, expected, word) in [
        (nobody, 400, "cuts off nothing"),
        (unknown, 400, "no instance"),
        (itself, 400, "itself"),
        (nothing, 400, "cut the link"),
        (no_disk, 501, "disk-mib"),
    ] {
        let (status, answer) = bench.fault(&fault).await;
        assert!(status == expected && answer["error"].as_str().unwrap().contains(word), "{fault}: {answer}");
    }
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_disk_is_filled_and_freed_and_does_not_outlive_its_instance() {
    // One more page each time: a write within an allocated page succeeds even on a full disk.
    let script = r#"while :; do
          if printf %5000s x >>"$ETCD_ASG_DATA_DIR/data"; then echo written; else echo full; fi
          sleep 0.05
        done"#;
    let bench = Bench::start(UNIT, script, |options| options.disk_mib = Some(64)).await;
    let root = bench.launch(INSTANCES[0]).await;
    let told = |what: &'static str| {
        let bench = &bench;
        let before = bench.console(INSTANCES[0]).len();
        async move { until(what, || bench.console(INSTANCES[0])[before..].contains(what)).await }
    };
    until("it boots or says why not", || {
        let console = bench.console(INSTANCES[0]);
        console.contains("written") || console.contains("cannot be mounted (this needs root)")
    })
    .await;
    if bench.console(INSTANCES[0]).contains("written") {
        bench.set(json!({ "fault": "fill-disk", "instance": INSTANCES[0] })).await;
        told("full").await;
        bench.set(json!({ "fault": "free-disk", "instance": INSTANCES[0] })).await;
        told("written").await;
        bench.region.parts().machines.terminate(INSTANCES[0]).await;
        assert!(!root.exists(), "the disk was unmounted and deleted");
    }
    bench.region.shutdown().await;
}
