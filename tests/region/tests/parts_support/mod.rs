//! Helpers that the tests of the region's parts share.
#![allow(dead_code, reason = "each test file uses its own share")]
#![allow(clippy::unwrap_used, reason = "a test ends where its surroundings fail")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use region::{LaunchSpec, Options, Region};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far longer than anything here takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A region with its own directories for scripts and functions.
pub struct Bench {
    pub region: Region,
    pub folder: TempDir,
    pub http: reqwest::Client,
}

impl Bench {
    /// A friendly region without a schedule; `change` may set other options.
    pub async fn start(unit: &str, script: &str, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let (functions_dir, instance_dir, etcd_dir) = (path("functions"), path("instance"), path("etcd"));
        for name in ["reconcile", "instance-launch", "instance-terminate"] {
            symlink(probe_function(), functions_dir.join(name)).unwrap();
        }
        std::fs::write(instance_dir.join("etcd-asg.service"), unit).unwrap();
        let program = instance_dir.join("etcd-asg.sh");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut options =
            Options { hostile: false, functions_dir, instance_dir, etcd_dir, ..Options::default() };
        change(&mut options);
        let region = Region::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { region, folder, http }
    }

    /// A region for tests without instances.
    pub async fn without_instances(change: impl FnOnce(&mut Options)) -> Self {
        Self::start("[Service]\nExecStart=/usr/local/bin/etcd-asg run\n", "exit 0", change).await
    }

    /// Launches an instance without a group; returns its root directory.
    pub async fn launch(&self, instance: &str) -> PathBuf {
        let parts = self.region.parts();
        let spec = LaunchSpec {
            image: region::options::DEFAULT_IMAGE.to_owned(),
            instance: instance.to_owned(),
            address: parts.site.addresses.allocate(),
            group: "group".to_owned(),
            cluster: Some("demo".to_owned()),
            prefix: "/etcd-asg".to_owned(),
            boot_delay: Duration::ZERO,
        };
        parts.machines.launch(spec).await.unwrap();
        parts.site.state_dir.join("instances").join(instance).join("root")
    }

    pub fn console(&self, instance: &str) -> String {
        self.region.parts().machines.console(instance)
    }

    /// The process IDs of an instance's running processes.
    pub fn processes(&self, instance: &str) -> Vec<i64> {
        let state = self.region.parts().machines.state();
        let machine = state.as_array().unwrap().iter().find(|machine| machine["instance"] == instance);
        let pids =
            machine.map(|machine| machine["processes"].as_array().unwrap().clone()).unwrap_or_default();
        pids.iter().filter_map(Value::as_i64).collect()
    }

    /// Sets a fault; returns the HTTP status and the answer.
    pub async fn fault(&self, fault: &Value) -> (u16, Value) {
        let url = format!("{}/_region/faults", self.region.endpoint());
        let answer = self.http.post(url).json(fault).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn set(&self, fault: Value) {
        let (status, answer) = self.fault(&fault).await;
        assert_eq!(status, 200, "{fault} was answered with {answer}");
    }

    /// Invokes a function synchronously; returns whether it failed, and its answer.
    pub async fn invoke(&self, function: &str, event: &Value) -> (bool, Value) {
        let url = format!("{}/_region/invoke/{function}", self.region.endpoint());
        let answer = self.http.post(url).json(event).send().await.unwrap();
        let failed = answer.headers().contains_key("x-amz-function-error");
        (failed, answer.json().await.unwrap())
    }

    /// Invokes `reconcile` with calls to these paths of a member.
    pub async fn calls(&self, member: &str, paths: &[&str]) -> (bool, Value) {
        let urls: Vec<String> = paths.iter().map(|path| format!("http://{member}{path}")).collect();
        self.invoke("reconcile", &json!({ "calls": urls })).await
    }

    pub fn invocations(&self) -> Value {
        self.region.parts().faults.invocations()
    }

    pub fn functions(&self) -> Value {
        self.region.parts().functions.state()
    }
}

/// Waits until a condition holds; otherwise fails the test with the condition's description.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "waited in vain until {what}");
}

/// The state letter of a process (proc(5)); `None` once it is gone.
pub fn process_state(pid: i64) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

pub fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

/// Examples are built beside the tests, in `target/PROFILE/examples`.
fn probe_function() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let binary = profile.join("examples/probe-function");
    assert!(
        binary.is_file(),
        "{} is not there: cargo build -p region --example probe-function",
        binary.display()
    );
    binary
}
