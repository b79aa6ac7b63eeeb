//! Clients that read, write, swap and delete a few keys at any member, and record every operation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::task::JoinSet;

use super::history::{History, Operation};
use super::kv::{Request, was_never_sent};
use super::register::{Effect, Held};
use crate::cluster::{Cluster, LIMIT};
use crate::etcd::Etcd;
use crate::load::Endpoints;
use crate::wait::until;

/// How many clients there are.
const CLIENTS: u64 = 6;
/// How many keys they share at a time.
const KEYS: u64 = 6;
/// After this many operations the clients go on to new keys, because a history that is too long cannot be
/// checked.
const OPERATIONS: u64 = 1_200;
/// An operation without an answer counts as this many: each one doubles the number of orders to check.
const UNANSWERED: u64 = 40;
/// How long a client rests between two operations.
const REST: Duration = Duration::from_millis(40);
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many operations ended in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Operations with an answer.
    pub answered: usize,
    /// Operations that were never sent, because no connection could be made.
    pub unsent: usize,
    /// Reads without an answer.
    pub unread: usize,
    /// Changes without an answer: each may have happened.
    pub unknown: usize,
}

/// Clients at work.
pub struct Clients {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    begun: Instant,
    endpoints: Endpoints,
    stop: AtomicBool,
    /// The operations so far; an unanswered one counts as [`UNANSWERED`].
    counted: AtomicU64,
    /// The last value that a client wrote.
    values: AtomicU64,
    record: Mutex<(History, Outcomes)>,
}

impl Clients {
    /// Starts the clients. Their choices come from the seed; the caller keeps the endpoints up to date.
    pub fn start(endpoints: Endpoints, seed: u64) -> Result<Self> {
        let shared = Arc::new(Shared {
            begun: Instant::now(),
            endpoints,
            stop: AtomicBool::new(false),
            counted: AtomicU64::new(0),
            values: AtomicU64::new(0),
            record: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for number in 0..CLIENTS {
            let chance = ChaCha8Rng::seed_from_u64(seed ^ (number << 32));
            let etcd = Etcd::new(PATIENCE)?;
            let client = Client { number, chance, etcd, known: BTreeMap::new(), shared: Arc::clone(&shared) };
            tasks.spawn(client.work());
        }
        Ok(Self { shared, tasks })
    }

    /// How many operations have been answered so far.
    pub fn answered(&self) -> usize {
        self.shared.record().1.answered
    }

    /// Ends the clients, and adds a last read of every key to their history.
    pub async fn end(mut self, cluster: &Cluster) -> Result<(History, Outcomes)> {
        self.shared.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        let etcd = Etcd::new(Duration::from_secs(20))?;
        let began = self.shared.begun.elapsed();
        let stored = until("every key is read back", LIMIT, || async {
            let urls = cluster.endpoints().await?;
            etcd.all(urls.first().context("there is no endpoint")?, "chaos/").await
        })
        .await?;
        let ended = Some(self.shared.begun.elapsed());
        let stored: BTreeMap<String, String> = stored.into_iter().collect();
        let (mut history, outcomes) = std::mem::take(&mut *self.shared.record());
        for key in history.keys().into_iter().map(str::to_owned).collect::<Vec<_>>() {
            let held: Held = stored.get(&key).map(|value| value.parse()).transpose()?;
            let (client, effect) = (usize::try_from(CLIENTS)?, Effect::Read(held));
            history.add(Operation { client, key, began, ended, effect });
        }
        Ok((history, outcomes))
    }
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, (History, Outcomes)> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Client {
    number: u64,
    chance: ChaCha8Rng,
    etcd: Etcd,
    /// What the client last saw in each key.
    known: BTreeMap<String, Held>,
    shared: Arc<Shared>,
}

impl Client {
    async fn work(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if let Some(url) = self.endpoint() {
                self.operate(&url).await;
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn operate(&mut self, url: &str) {
        let (key, request) = self.choose();
        let began = self.shared.begun.elapsed();
        let answer = request.ask(&self.etcd, url, &key).await;
        let ended = self.shared.begun.elapsed();
        let (effect, ended, weight) = match answer {
            Ok(effect) => (Some(effect), Some(ended), 1),
            Err(error) if was_never_sent(&error) => (None, None, 0),
            Err(_) => (request.unanswered(), None, UNANSWERED),
        };
        let mut record = self.shared.record();
        match (effect, weight) {
            (Some(_), 1) => record.1.answered += 1,
            (_, 0) => record.1.unsent += 1,
            (Some(_), _) => record.1.unknown += 1,
            (None, _) => record.1.unread += 1,
        }
        let Some(effect) = effect else { return };
        self.shared.counted.fetch_add(weight, Ordering::Relaxed);
        if ended.is_some() {
            self.known.insert(key.clone(), after(effect));
        }
        let client = usize::try_from(self.number).unwrap_or_default();
        record.0.add(Operation { client, key, began, ended, effect });
    }

    /// Chooses the next operation. One in ten reads a key of any epoch so far: what was written to it must
    /// still be there.
    fn choose(&mut self) -> (String, Request) {
        let epoch = self.shared.counted.load(Ordering::Relaxed) / OPERATIONS;
        let key = self.below(KEYS);
        if self.below(10) == 0 {
            return (format!("chaos/{:05}/{key}", self.below(epoch + 1)), Request::Read);
        }
        let key = format!("chaos/{epoch:05}/{key}");
        let request = match self.below(20) {
            0..8 => Request::Read,
            8..14 => Request::Put(self.value()),
            14..19 => Request::Swap { from: self.known.get(&key).copied().flatten(), to: self.value() },
            _ => Request::Delete,
        };
        (key, request)
    }

    /// A value that no client has written before.
    fn value(&self) -> u64 {
        self.shared.values.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Any of the published endpoints, so that all members are asked.
    fn endpoint(&mut self) -> Option<String> {
        let urls = self.shared.endpoints.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let place = usize::try_from(self.below(urls.len().max(1) as u64)).unwrap_or_default();
        urls.get(place).cloned()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.next_u64() % bound
    }
}

/// What the key held after this operation.
fn after(effect: Effect) -> Held {
    match effect {
        Effect::Put { value, .. } | Effect::Swapped { to: value, .. } => Some(value),
        Effect::Read(held) | Effect::Kept { found: held, .. } => held,
        _ => None,
    }
}
