//! A region that is killed outright leaves no process and no file behind.
#![allow(clippy::unwrap_used, reason = "a test ends where its surroundings fail")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::Duration;

use region::machines::guard::MARKER;
use region::machines::processes::Marker;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_killed_region_is_cleaned_up_after() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let [functions, etcd, instance] = ["functions", "etcd", "instance"].map(|name| folder.path().join(name));
    for directory in [&functions, &etcd, &instance] {
        std::fs::create_dir(directory).unwrap();
    }
    // Nothing here gets as far as to need more of them than that they are there.
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
    let mut region = Command::new(env!("CARGO_BIN_EXE_region"))
        .args(["--port", "0", "--friendly", "--boot-delay", "0", "--tick", "0", "--state-dir"])
        .arg(&state)
        .arg("--instance-dir")
        .arg(&instance)
        .arg("--functions-dir")
        .arg(&functions)
        .arg("--etcd-dir")
        .arg(&etcd)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let greeting = BufReader::new(region.stdout.take().unwrap());
    let endpoint = greeting
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("export AWS_ENDPOINT_URL=").map(str::to_owned))
        .unwrap();
    create_group(&endpoint).await;
    let marker = Marker::new(MARKER, state.display().to_string());
    until("the instance's two processes run", || marker.processes().len() == 2).await;

    region.kill().unwrap();
    region.wait().unwrap();
    until("the processes are gone", || marker.processes().is_empty()).await;
    until("the files are gone", || !state.exists()).await;
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
