//! The settings of a region.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The image of instances whose launch template names no image; it has the etcd of [`Options::etcd_dir`].
pub const DEFAULT_IMAGE: &str = "ami-0123456789abcdef0";

/// Settings of one region. [`Options::default`] is friendly to tests: any port, no schedule, machines on.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port of all APIs on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The seed of all randomness in the region.
    pub seed: u64,
    /// Whether SSM reads may be stale or have empty pages, and events may come twice, late or reordered.
    pub hostile: bool,
    /// `[a, b]` of the instances' network 127.a.b.0/24; `None` finds a free one.
    pub network: Option<[u8; 2]>,
    /// Whether instances are real processes; otherwise they are only records, for tests of the APIs alone.
    pub machines: bool,
    /// The directory of the function binaries `instance-launch`, `instance-terminate`, `reconcile`.
    pub functions_dir: PathBuf,
    /// The directory of the boot script `etcd-asg.sh` and the unit `etcd-asg.service`.
    pub instance_dir: PathBuf,
    /// The directory of `etcd`, `etcdctl`, `etcdutl`.
    pub etcd_dir: PathBuf,
    /// Further images by ID, each with the directory of its etcd. As at AWS, an upgrade is a launch template
    /// that names another image.
    pub images: BTreeMap<String, PathBuf>,
    /// The directory for everything that the region writes, removed at its end; `None` takes a temporary
    /// directory.
    pub state_dir: Option<PathBuf>,
    /// MiB of a separate disk for each instance's `/var/lib/etcd`, so that it can be filled; this needs root.
    pub disk_mib: Option<u32>,
    /// The time from a launch to the start of the boot script.
    pub boot_delay: Duration,
    /// The period of the schedule that calls `reconcile`; `None` switches it off.
    pub tick: Option<Duration>,
    /// How long an invocation may take before its process is killed: Lambda's timeout.
    pub function_timeout: Duration,
    /// The delays before the first and second retry of a failed asynchronous invocation (Lambda: 1 and 2
    /// min).
    pub function_retries: [Duration; 2],
    /// The longest delay of a `late` event.
    pub event_delay: Duration,
    /// How long the group engine waits for a change before it looks for something to do.
    pub engine_step: Duration,
    /// How long a group does not notice that an instance is dead.
    pub health_check_delay: Duration,
    /// How long an instance stays `pending`, and `shutting-down`, in EC2.
    pub ec2_transition: Duration,
    /// The heartbeat timeout in seconds of hooks that do not name a timeout (AWS: 3600).
    pub default_heartbeat: u32,
    /// Divides the real duration of hook timeouts, so that a test sees a 30 s heartbeat run out quickly.
    pub hook_time_scale: f64,
    /// The pause after the first of launches that fail in a row; it doubles, up to one hundred times this.
    pub launch_backoff: Duration,
    /// Parameter Store calls a second before it throttles (SSM: 40); 0 never throttles.
    pub ssm_rate: f64,
    /// How long the name of a deleted parameter must not be used again (SSM: 30 s).
    pub ssm_reuse_delay: Duration,
    /// How long after a write a hostile SSM may answer with the previous value.
    pub ssm_staleness: Duration,
    /// The parameters' prefix.
    pub prefix: String,
    /// The ledgers' bucket; it exists from the start.
    pub bucket: String,
    /// The ledgers' prefix in the bucket.
    pub ledger_prefix: String,
    /// Additional lines of the instances' configuration file, such as `ETCD_ASG_POLL_SECONDS`.
    pub instance_config: BTreeMap<String, String>,
    /// Additional environment of the functions.
    pub function_environment: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            hostile: true,
            network: None,
            machines: true,
            functions_dir: PathBuf::from("target/debug"),
            instance_dir: PathBuf::from("instance"),
            etcd_dir: PathBuf::from(".tools/etcd/3.6.16"),
            images: BTreeMap::new(),
            state_dir: None,
            disk_mib: None,
            boot_delay: Duration::ZERO,
            tick: None,
            function_timeout: Duration::from_secs(60),
            function_retries: [Duration::from_secs(60), Duration::from_secs(120)],
            event_delay: Duration::from_secs(3),
            engine_step: Duration::from_millis(200),
            health_check_delay: Duration::from_secs(1),
            ec2_transition: Duration::from_millis(200),
            default_heartbeat: 3_600,
            hook_time_scale: 1.0,
            launch_backoff: Duration::from_secs(1),
            ssm_rate: 40.0,
            ssm_reuse_delay: Duration::from_secs(30),
            ssm_staleness: Duration::from_secs(2),
            prefix: "/etcd-asg".to_owned(),
            bucket: "etcd-asg-ledger".to_owned(),
            ledger_prefix: "ledgers".to_owned(),
            instance_config: BTreeMap::new(),
            function_environment: BTreeMap::new(),
        }
    }
}

impl Options {
    /// The directory of an image's etcd; `None` where there is no such image.
    pub fn etcd_of(&self, image: &str) -> Option<&Path> {
        let own = (image == DEFAULT_IMAGE).then_some(&self.etcd_dir);
        self.images.get(image).or(own).map(PathBuf::as_path)
    }
}
