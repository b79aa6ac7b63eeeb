//! A region that is killed outright leaves no process, no file, no mount and no packet filter rule behind.
#![allow(clippy::unwrap_used, reason = "a test ends where its surroundings fail")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use region::machines::guard::MARKER;
use region::machines::processes::Marker;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_killed_region_is_cleaned_up_after() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let disks = may_mount(folder.path());
    let mut region = start(folder.path(), disks.then_some("--disk-mib=1"));
    let greeting = BufReader::new(region.stdout.take().unwrap());
    let endpoint = greeting
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("export AWS_ENDPOINT_URL=").map(str::to_owned))
        .unwrap();
    create_group(&endpoint).await;
    let marker = Marker::new(MARKER, state.display().to_string());
    until("the instance's two processes run", || marker.processes().len() == 2).await;
    let instance = marker_instance(&state);
    let cut = isolate(&endpoint, &instance).await;
    let mounted = || std::fs::read_to_string("/proc/mounts").unwrap().contains(&instance);
    assert_eq!(mounted(), disks, "an instance has a disk of its own where the region may mount one");

    region.kill().unwrap();
    region.wait().unwrap();
    until("the processes are gone", || marker.processes().is_empty()).await;
    until("the files are gone", || !state.exists()).await;
    assert!(!mounted());
    if let Some(table) = cut {
        until("the rules are gone", || !tables().contains(&table)).await;
    }
}

#[tokio::test]
async fn a_region_whose_greeting_nobody_reads_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut region = start(folder.path(), None);
    drop(region.stdout.take());
    // The region handles signals before it makes its directory.
    let state = folder.path().join("state");
    until("it has made its folder", || state.exists()).await;
    let pid = i32::try_from(region.id()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(region.wait().unwrap().success());
}

/// A region in this directory, whose instances have two processes that do nothing.
fn start(folder: &Path, option: Option<&str>) -> Child {
    let [functions, etcd, instance] = ["functions", "etcd", "instance"].map(|name| folder.join(name));
    for directory in [&functions, &etcd, &instance] {
        std::fs::create_dir(directory).unwrap();
    }
    // The files only have to exist: nothing here runs them.
    for name in ["instance-launch", "instance-terminate", "reconcile"] {
        symlink("/bin/true", functions.join(name)).unwrap();
    }
    for name in ["etcd", "etcdctl", "etcdutl"] {
        symlink("/bin/true", etcd.join(name)).unwrap();
    }
    std::fs::write(instance.join("etcd-asg.service"), "[Service]\nExecStart=/usr/local/bin/etcd-asg run\n")
        .unwrap();
    let program = instance.join("etcd-asg.sh");
    std::fs::write(&program, "#!/bin/sh\nsetsid sleep 1000 & exec sleep 1000\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_region"))
        .args(["--port", "0", "--friendly", "--boot-delay", "0", "--tick", "0", "--state-dir"])
        .arg(folder.join("state"))
        .arg("--instance-dir")
        .arg(&instance)
        .arg("--functions-dir")
        .arg(&functions)
        .arg("--etcd-dir")
        .arg(&etcd)
        .args(option)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn may_mount(folder: &Path) -> bool {
    let tried =
        Command::new("mount").args(["-t", "tmpfs", "trial"]).arg(folder).stderr(Stdio::null()).status();
    let may = tried.is_ok_and(|status| status.success());
    if may {
        assert!(Command::new("umount").arg(folder).status().unwrap().success());
    }
    may
}

fn marker_instance(state: &Path) -> String {
    let mut instances = std::fs::read_dir(state.join("instances")).unwrap();
    instances.next().unwrap().unwrap().file_name().to_str().unwrap().to_owned()
}

/// Cuts the instance off; returns the name of the packet filter table, if this machine allows one.
async fn isolate(endpoint: &str, instance: &str) -> Option<String> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let fault = serde_json::json!({ "fault": "isolate", "instance": instance });
    let answer = client.post(format!("{endpoint}/_region/faults")).json(&fault).send().await.unwrap();
    if answer.status() == 501 {
        println!("links are not cut here: {}", answer.text().await.unwrap());
        return None;
    }
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let state = client.get(format!("{endpoint}/_region/state")).send().await.unwrap();
    let state: serde_json::Value = state.json().await.unwrap();
    let network: Vec<&str> = state["network"].as_str().unwrap().split('.').collect();
    let table = format!("etcd_asg_region_{}_{}", network[1], network[2]);
    assert!(tables().contains(&table), "{}", tables());
    Some(table)
}

fn tables() -> String {
    let output =
        Command::new("nft").env("PATH", "/usr/sbin:/sbin:/usr/bin").args(["list", "tables"]).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

async fn create_group(endpoint: &str) {
    let credential = "AWS4-HMAC-SHA256 Credential=AKIDOUTSIDE/20261122/us-west-2/autoscaling/aws4_request";
    let form = "Action=CreateAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName=g&MinSize=0&MaxSize=1\
                &DesiredCapacity=1&LaunchTemplate.LaunchTemplateName=any&AvailabilityZones.member.1=us-west-2a";
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(endpoint).header("authorization", credential).body(form);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "waited in vain until {what}");
}
