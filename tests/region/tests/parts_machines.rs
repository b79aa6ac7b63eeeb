//! The machines: the unit runs as under systemd, nothing survives a machine, and metadata needs a token.

mod parts_support;

use std::path::Path;

use parts_support::{Bench, lines, process_state, until};
use region::machines::unit::{Refusal, Unit};
use serde_json::json;

const RUN_ONLY: &str = "[Service]\nExecStart=/usr/local/bin/etcd-asg run\n";
/// Becomes `sleep`, with a child in its own session that no process waits for.
const LEAVES_A_CHILD: &str = "setsid sleep 1000 & echo up; exec sleep 1000";

#[tokio::test]
async fn the_main_process_is_restarted_until_its_status_forbids_it() {
    let unit = "[Service]\nType=simple\nExecStartPre=/usr/local/bin/etcd-asg prepare\n\
                ExecStart=/usr/local/bin/etcd-asg run\nRestart=always\nRestartSec=10ms\n\
                RestartPreventExitStatus=64 87\nStateDirectory=etcd\n";
    let script = "echo $1 >> $ETCD_ASG_DATA_DIR/order; [ $1 = prepare ] && exit 0\n\
                  [ $(grep -c run $ETCD_ASG_DATA_DIR/order) -ge 3 ] && exit 87; exit 7";
    let bench = Bench::start(unit, script, |_| {}).await;
    let root = bench.launch("i-0000000000000000a").await;
    until("the service stays down", || bench.console("i-0000000000000000a").contains("stays down")).await;
    let order = std::fs::read_to_string(root.join("var/lib/etcd/order")).unwrap();
    assert_eq!(order, "prepare\nrun\n".repeat(3));
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_failing_start_pre_is_tried_again_whatever_its_status_and_the_burst_limit_ends_it() {
    let unit = "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=3\n[Service]\n\
                ExecStartPre=/usr/local/bin/etcd-asg prepare\nExecStart=/usr/local/bin/etcd-asg run\n\
                Restart=on-failure\nRestartSec=1ms\nRestartPreventExitStatus=87\nStateDirectory=etcd\n";
    let bench = Bench::start(unit, "echo $1 >> $ETCD_ASG_DATA_DIR/order; exit 87", |_| {}).await;
    let root = bench.launch("i-0000000000000000a").await;
    until("the burst limit is met", || bench.console("i-0000000000000000a").contains("too quickly")).await;
    let order = std::fs::read_to_string(root.join("var/lib/etcd/order")).unwrap();
    assert_eq!(order, "prepare\n".repeat(3));
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_clean_end_is_no_failure_and_a_failing_start_post_ends_the_main_process() {
    let unit = "[Service]\nExecStart=/usr/local/bin/etcd-asg run\nExecStartPost=/usr/local/bin/etcd-asg ready\n\
                Restart=on-failure\nRestartSec=1ms\nStateDirectory=etcd\n";
    let script = "echo $1 >> $ETCD_ASG_DATA_DIR/order; runs=$(grep -c run $ETCD_ASG_DATA_DIR/order)\n\
                  [ $1 = ready ] && { [ $runs -ge 2 ]; exit; }\n[ $runs -ge 2 ] && exit 0; exec sleep 1000";
    let bench = Bench::start(unit, script, |_| {}).await;
    let root = bench.launch("i-0000000000000000a").await;
    until("the service stays down", || bench.console("i-0000000000000000a").contains("stays down")).await;
    let order = std::fs::read_to_string(root.join("var/lib/etcd/order")).unwrap();
    assert_eq!(order.matches("run").count(), 2, "{order}");
    assert!(bench.console("i-0000000000000000a").contains("(success) and stays down"));
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_ended_with_everything_it_began() {
    let unit = "[Service]\nExecStartPre=/usr/local/bin/etcd-asg prepare\nExecStart=/usr/local/bin/etcd-asg run\n\
                TimeoutStartSec=300ms\n";
    let bench = Bench::start(unit, LEAVES_A_CHILD, |_| {}).await;
    bench.launch("i-0000000000000000a").await;
    until("the service stays down", || bench.console("i-0000000000000000a").contains("(timeout) and stays"))
        .await;
    assert!(bench.processes("i-0000000000000000a").is_empty());
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_power_cut_leaves_no_process_and_no_disk() {
    let bench = Bench::start(RUN_ONLY, LEAVES_A_CHILD, |_| {}).await;
    let root = bench.launch("i-0000000000000000a").await;
    until("both run", || bench.processes("i-0000000000000000a").len() == 2).await;
    let pids = bench.processes("i-0000000000000000a");
    bench.region.parts().machines.terminate("i-0000000000000000a").await;
    assert!(pids.iter().all(|pid| matches!(process_state(*pid), None | Some('Z'))), "{pids:?}");
    assert!(!root.exists());
    assert!(bench.console("i-0000000000000000a").contains("up"), "the console is kept");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn the_end_of_the_region_ends_everything_dropped_or_shut_down() {
    for dropped in [true, false] {
        let bench = Bench::start(RUN_ONLY, LEAVES_A_CHILD, |_| {}).await;
        let root = bench.launch("i-0000000000000000a").await;
        until("both run", || bench.processes("i-0000000000000000a").len() == 2).await;
        let pids = bench.processes("i-0000000000000000a");
        if dropped {
            drop(bench.region);
        } else {
            bench.region.shutdown().await;
        }
        let gone = || pids.iter().all(|pid| matches!(process_state(*pid), None | Some('Z')));
        until("all are gone", gone).await;
        assert!(!root.exists());
    }
}

#[tokio::test]
async fn a_paused_machine_is_stopped_whole_and_starts_nothing() {
    let unit = "[Service]\nExecStart=/usr/local/bin/etcd-asg run\nRestart=always\nRestartSec=1ms\nStateDirectory=etcd\n";
    let script = format!("echo run >> $ETCD_ASG_DATA_DIR/order; {LEAVES_A_CHILD}");
    let bench = Bench::start(unit, &script, |_| {}).await;
    let root = bench.launch("i-0000000000000000a").await;
    until("both run", || bench.processes("i-0000000000000000a").len() == 2).await;
    bench.set(json!({ "fault": "pause", "instance": "i-0000000000000000a" })).await;
    let pids = bench.processes("i-0000000000000000a");
    assert!(pids.iter().all(|pid| process_state(*pid) == Some('T')), "all are stopped at once");
    for pid in &pids {
        kill(*pid);
    }
    until("the killed ones are gone", || bench.processes("i-0000000000000000a").is_empty()).await;
    until("its end is noticed", || bench.console("i-0000000000000000a").contains("started again")).await;
    assert_eq!(lines(&root.join("var/lib/etcd/order")), 1, "nothing starts while the machine is paused");
    bench.set(json!({ "fault": "resume", "instance": "i-0000000000000000a" })).await;
    until("it runs again", || lines(&root.join("var/lib/etcd/order")) == 2).await;
    bench.region.shutdown().await;
}

#[tokio::test]
async fn only_etcd_is_killed_and_a_wiped_disk_boots_anew() {
    let unit = "[Service]\nExecStart=/usr/local/bin/etcd-asg run\nRestart=always\nRestartSec=1ms\nStateDirectory=etcd\n";
    // The shell stays the main process, as the real script does.
    let script = "echo run >> $ETCD_ASG_DATA_DIR/order; etcd 1000; exit 3";
    let bench = Bench::start(unit, script, |_| {}).await;
    std::fs::copy("/bin/sleep", bench.folder.path().join("etcd/etcd")).unwrap();
    let root = bench.launch("i-0000000000000000a").await;
    let order = root.join("var/lib/etcd/order");
    let etcd_runs = || bench.processes("i-0000000000000000a").len() == 2;
    until("etcd runs", etcd_runs).await;
    bench.set(json!({ "fault": "kill-etcd", "instance": "i-0000000000000000a" })).await;
    until("it was started again", || lines(&order) >= 2 && etcd_runs()).await;
    assert!(bench.console("i-0000000000000000a").contains("exited with status 3"), "the script saw etcd die");
    bench.set(json!({ "fault": "wipe-disk", "instance": "i-0000000000000000a" })).await;
    until("it booted on an empty disk", || lines(&order) == 1 && etcd_runs()).await;
    bench.region.shutdown().await;
}

#[tokio::test]
async fn metadata_is_told_only_with_a_token_and_only_by_the_instances_own_address() {
    let bench = Bench::start(RUN_ONLY, "exec sleep 1000", |_| {}).await;
    bench.launch("i-0123456789abcdef0").await;
    until("it has booted", || !bench.processes("i-0123456789abcdef0").is_empty()).await;
    let state = bench.region.parts().machines.state();
    let address = state[0]["address"].as_str().unwrap().to_owned();
    let base = format!("http://{address}:8169/latest");
    let plain = bench.http.get(format!("{base}/meta-data/instance-id")).send().await.unwrap();
    assert_eq!(plain.status(), 401);
    let without_ttl = bench.http.put(format!("{base}/api/token")).send().await.unwrap();
    assert_eq!(without_ttl.status(), 400);
    let ttl =
        bench.http.put(format!("{base}/api/token")).header("X-aws-ec2-metadata-token-ttl-seconds", "60");
    let token = ttl.send().await.unwrap().text().await.unwrap();
    let role = "etcd-asg-instance";
    for (item, told) in [
        ("instance-id", "i-0123456789abcdef0"),
        ("local-ipv4", address.as_str()),
        ("placement/region", "us-west-2"),
        ("iam/security-credentials/", role),
    ] {
        let request =
            bench.http.get(format!("{base}/meta-data/{item}")).header("X-aws-ec2-metadata-token", &token);
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), told, "{item}");
    }
    let url = format!("{base}/meta-data/iam/security-credentials/{role}");
    let credentials = bench.http.get(url).header("X-aws-ec2-metadata-token", &token).send().await.unwrap();
    let credentials: serde_json::Value = credentials.json().await.unwrap();
    assert_eq!(credentials["AccessKeyId"], "ASIAI0123456789abcdef0");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_dead_instances_address_is_given_out_again_only_when_asked_for() {
    let bench = Bench::start(RUN_ONLY, "exec sleep 1000", |_| {}).await;
    bench.launch("i-0000000000000000a").await;
    let (machines, addresses) = (&bench.region.parts().machines, &bench.region.parts().site.addresses);
    let address = machines.state()[0]["address"].as_str().unwrap().to_owned();
    let (status, answer) = bench.fault(&json!({ "fault": "reuse-address", "address": address })).await;
    assert_eq!(status, 400, "its instance lives: {answer}");
    machines.terminate("i-0000000000000000a").await;
    let next = addresses.allocate();
    assert_ne!(next.to_string(), address);
    bench.set(json!({ "fault": "reuse-address", "address": address })).await;
    assert_eq!(addresses.allocate().to_string(), address);
    bench.region.shutdown().await;
}

#[test]
fn a_unit_that_the_region_does_not_understand_is_refused_by_name() {
    let unknown = Unit::parse("[Service]\nExecStart=/bin/true\nWatchdogSec=3\n").unwrap_err();
    assert_eq!(unknown, Refusal::Unknown { section: "Service".to_owned(), name: "WatchdogSec".to_owned() });
    for (text, part) in [
        ("[Service]\nType=notify\nExecStart=/bin/true\n", "Type=notify"),
        ("[Service]\nExecStart=true\n", "absolute path"),
        ("[Service]\nExecStart=/bin/echo %i\n", "specifiers"),
        ("[Service]\nExecStart=/bin/true\nRestart=sometimes\n", "not a value of Restart="),
        ("[Service]\nExecStart=/bin/true\nExecStart=/bin/true\n", "more than once"),
        ("[Service]\nRestart=no\n", "no ExecStart"),
        ("[Service]\nnonsense\n", "line 2"),
        ("[Service]\nExecStart=/bin/true\nRestartSec=3 parsecs\n", "not a time span"),
    ] {
        let refusal = Unit::parse(text).unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
    }
}

#[test]
fn the_unit_that_ships_is_understood() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../instance/etcd-asg.service");
    let unit = Unit::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(unit.start.words, ["/usr/local/bin/etcd-asg", "run"]);
    assert_eq!(unit.start_pre.len(), 1);
    assert_eq!(unit.start_post.len(), 1);
}

fn kill(pid: i64) {
    let done = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()));
}
