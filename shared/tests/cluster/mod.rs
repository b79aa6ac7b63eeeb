//! Members of a real etcd on loopback addresses. Each is a process of its own that ends with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tempfile::TempDir;

/// How long a test waits for a condition. No condition takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the etcd that tests use, provided by `tools/provide-etcd.sh`.
static ETCD: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/provide-etcd.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "no etcd could be provided");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().lines().last().unwrap())
});

/// Each member has an address 127.77.x.y of its own, so that tests can run beside each other: x is the test process, y
/// the member.
static NEXT: AtomicU8 = AtomicU8::new(1);

pub struct Node {
    pub name: String,
    pub client_url: String,
    pub peer_url: String,
    pub address: String,
    data: TempDir,
    process: Option<Child>,
}

impl Node {
    /// Makes a member that serves `http` or `https`. It does not run yet.
    pub fn new(scheme: &'static str) -> Self {
        let (process, member) = (std::process::id() % 250 + 1, NEXT.fetch_add(1, Ordering::Relaxed));
        let address = format!("127.77.{process}.{member}");
        Self {
            name: format!("m{member}"),
            client_url: format!("{scheme}://{address}:2379"),
            peer_url: format!("http://{address}:2380"),
            address,
            data: TempDir::new().unwrap(),
            process: None,
        }
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Starts it with the members that it is to find (`name=peer URL`), including itself.
    pub fn start(&mut self, state: &str, members: &[(&str, &str)], extra: &[String]) {
        let members: Vec<String> = members.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let process = Command::new(ETCD.join("etcd"))
            .env_clear()
            .env("ETCD_NAME", &self.name)
            .env("ETCD_DATA_DIR", self.data.path().join("etcd"))
            .env("ETCD_INITIAL_CLUSTER", members.join(","))
            .env("ETCD_INITIAL_CLUSTER_STATE", state)
            .env("ETCD_LISTEN_CLIENT_URLS", &self.client_url)
            .env("ETCD_ADVERTISE_CLIENT_URLS", &self.client_url)
            .env("ETCD_LISTEN_PEER_URLS", &self.peer_url)
            .env("ETCD_INITIAL_ADVERTISE_PEER_URLS", &self.peer_url)
            .env("ETCD_LOG_LEVEL", "error")
            .args(extra)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.log()).unwrap())
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    fn log(&self) -> PathBuf {
        self.data().join("etcd.log")
    }

    /// Starts it as the first and only member of a new cluster.
    pub fn found(&mut self, extra: &[String]) {
        let (name, peer_url) = (self.name.clone(), self.peer_url.clone());
        self.start("new", &[(&name, &peer_url)], extra);
    }

    /// Stops its process as on a frozen machine: the connections stay open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}: {}", self.name, std::fs::read_to_string(self.log()).unwrap_or_default());
        }
    }
}

/// Waits until the call succeeds, and returns its result.
pub async fn eventually<T, E: std::fmt::Debug>(what: &str, mut call: impl AsyncFnMut() -> Result<T, E>) -> T {
    let begin = std::time::Instant::now();
    loop {
        match call().await {
            Ok(value) => return value,
            Err(error) if begin.elapsed() > PATIENCE => panic!("{what}: {error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
