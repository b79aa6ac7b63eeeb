//! What every part of one region shares: its options, addresses, seeded randomness and timeline.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

use super::addresses::Addresses;
use super::options::Options;
use super::timeline::Timeline;

/// The region's name in ARNs, events and credentials.
pub const REGION: &str = "us-west-2";
/// The VPC of all instances.
pub const VPC: &str = "vpc-0a1b2c3d4e5f60718";
/// The account in ARNs and events: AWS's own documentation account.
pub const ACCOUNT: &str = "123456789012";
/// The unique ID of the role that every instance has.
pub const ROLE_ID: &str = "AROALOCALREGIONROLE";
/// The secret of every access key here. Only S3 requests are checked against it.
pub const SECRET_ACCESS_KEY: &str = "local-region-secret";

/// The shared surroundings of one region's parts. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    /// The options given at the start.
    pub options: Arc<Options>,
    /// The addresses of the instances' network, and which of them are free.
    pub addresses: Addresses,
    /// `http://127.0.0.1:PORT`, where all APIs are served.
    pub endpoint: String,
    /// The directory for everything that the region writes; removed at its end.
    pub state_dir: PathBuf,
    /// When the region started.
    pub started: SystemTime,
    /// What has happened in the region.
    pub timeline: Timeline,
    random: Arc<Mutex<StdRng>>,
}

impl Site {
    /// The surroundings of a new region; its randomness starts at the options' seed.
    ///
    /// `network` is `[a, b]` of the instances' network 127.a.b.0/24.
    pub fn new(options: Arc<Options>, network: [u8; 2], endpoint: String, state_dir: PathBuf) -> Self {
        let random = Arc::new(Mutex::new(StdRng::seed_from_u64(options.seed)));
        Self {
            options,
            addresses: Addresses::new(network),
            endpoint,
            state_dir,
            started: SystemTime::now(),
            timeline: Timeline::default(),
            random,
        }
    }

    /// True with the given probability (0.0 to 1.0), from the region's seeded randomness.
    pub fn chance(&self, probability: f64) -> bool {
        self.random(|random| random.random_bool(probability.clamp(0.0, 1.0)))
    }

    /// A number in `0..limit` (0 where `limit` is 0), from the region's seeded randomness.
    pub fn below(&self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.random(|random| random.random_range(0..limit)) }
    }

    /// A version 4 UUID from the region's seeded randomness.
    pub fn uuid(&self) -> String {
        self.random(|random| {
            let mut bytes = [0_u8; 16];
            random.fill_bytes(&mut bytes);
            uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
        })
    }

    /// Seventeen lower-case hexadecimal digits, as in today's EC2 IDs.
    pub fn hex17(&self) -> String {
        self.random(|random| {
            format!("{:017x}", u128::from(random.next_u64()) << 4 | u128::from(random.next_u64() & 15))
        })
    }

    fn random<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
