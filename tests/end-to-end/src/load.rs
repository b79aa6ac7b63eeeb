//! A load of writers. Each writes to a published endpoint, and to the next one when a write fails, as a
//! client would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::cluster::{Cluster, LIMIT};
use crate::etcd::Etcd;
use crate::wait::until;

/// How many writers there are, and how long each rests after a write.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The number of writers.
    pub writers: usize,
    /// How long a writer rests after each write.
    pub rest: Duration,
}

impl Pace {
    /// Enough to find lost writes. Three etcds spend 3 ms of processor time on each write, and several tests
    /// share a machine.
    pub const STEADY: Self = Self { writers: 4, rest: Duration::from_millis(200) };
    /// Dense enough to measure the gaps between acknowledged writes, too.
    pub const DENSE: Self = Self { writers: 4, rest: Duration::from_millis(20) };
    /// Leaves room for other clients.
    pub const GENTLE: Self = Self { writers: 2, rest: Duration::from_millis(60) };
}

/// The client URLs that the writers use. They may change at any time.
pub type Endpoints = Arc<Mutex<Vec<String>>>;

/// A load that runs until [`Load::end`].
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<(Instant, String, String)>>>,
    writers: JoinSet<()>,
    endpoints: Endpoints,
    follower: Option<AbortOnDrop>,
    prefix: String,
}

/// A task that is aborted when this is dropped.
pub(crate) struct AbortOnDrop(pub(crate) tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The result of a load.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The number of writes that etcd acknowledged.
    pub acknowledged: usize,
    /// The keys of acknowledged writes that could not be read back.
    pub lost: Vec<String>,
    /// The longest time between two consecutive acknowledged writes.
    pub longest_gap: Duration,
}

impl Load {
    /// Starts a steady load below this prefix, at the endpoints that the cluster publishes.
    pub fn start(cluster: &Cluster, prefix: &str) -> Result<Self> {
        Self::following(cluster, prefix, Vec::new(), Pace::STEADY)
    }

    /// Starts a dense load below this prefix, at the endpoints that the cluster publishes.
    pub fn dense(cluster: &Cluster, prefix: &str) -> Result<Self> {
        Self::following(cluster, prefix, Vec::new(), Pace::DENSE)
    }

    /// Starts a dense load below this prefix, at these client URLs until the cluster publishes endpoints.
    pub fn beginning_at(cluster: &Cluster, prefix: &str, urls: Vec<String>) -> Result<Self> {
        Self::following(cluster, prefix, urls, Pace::DENSE)
    }

    /// Starts a dense load below this prefix, at endpoints that the caller keeps up to date.
    pub fn at(endpoints: Endpoints, prefix: &str) -> Result<Self> {
        Self::paced(endpoints, prefix, Pace::DENSE)
    }

    fn following(cluster: &Cluster, prefix: &str, urls: Vec<String>, pace: Pace) -> Result<Self> {
        let endpoints = Endpoints::new(Mutex::new(urls));
        let follower = tokio::spawn(follow(cluster.clone(), endpoints.clone()));
        let mut load = Self::paced(endpoints, prefix, pace)?;
        load.follower = Some(AbortOnDrop(follower));
        Ok(load)
    }

    /// Starts a load of this pace below this prefix, at endpoints that the caller keeps up to date.
    pub fn paced(endpoints: Endpoints, prefix: &str, pace: Pace) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let mut writers = JoinSet::new();
        let next = Arc::new(AtomicUsize::new(0));
        for writer in 0..pace.writers {
            let etcd = Etcd::new(Duration::from_secs(2))?;
            let (stop, acknowledged, next) = (stop.clone(), acknowledged.clone(), next.clone());
            let (endpoints, prefix) = (endpoints.clone(), prefix.to_owned());
            writers.spawn(async move {
                let mut at = writer;
                while !stop.load(Ordering::Relaxed) {
                    let urls: Vec<String> = lock(&endpoints).clone();
                    let Some(url) = urls.get(at % urls.len().max(1)).cloned() else {
                        tokio::time::sleep(pace.rest).await;
                        continue;
                    };
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (key, value) = (format!("{prefix}/{number:09}"), format!("{writer}-{number}"));
                    if etcd.put(&url, &key, &value).await.is_ok() {
                        lock(&acknowledged).push((Instant::now(), key, value));
                        tokio::time::sleep(pace.rest).await;
                    } else {
                        at += 1;
                        tokio::time::sleep(pace.rest).await;
                    }
                }
            });
        }
        Ok(Self { stop, acknowledged, writers, endpoints, follower: None, prefix: prefix.to_owned() })
    }

    /// How many writes have been acknowledged so far.
    pub fn so_far(&self) -> usize {
        lock(&self.acknowledged).len()
    }

    /// The longest time between two consecutive acknowledged writes since this moment. The time since the
    /// last write counts, too.
    pub fn longest_gap_since(&self, begun: Instant) -> Duration {
        let mut moments: Vec<Instant> = lock(&self.acknowledged).iter().map(|(at, ..)| *at).collect();
        moments.retain(|at| *at >= begun);
        moments.sort_unstable();
        moments.push(Instant::now());
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// Stops writing, and reads everything back, linearizably.
    pub async fn end(mut self) -> Result<LoadReport> {
        let begun = lock(&self.acknowledged).iter().map(|(at, ..)| *at).min().unwrap_or_else(Instant::now);
        let longest_gap = self.longest_gap_since(begun);
        self.stop.store(true, Ordering::Relaxed);
        while self.writers.join_next().await.is_some() {}
        let stored =
            until("everything is read back", LIMIT, || read_back(&self.endpoints, &self.prefix)).await?;
        let acknowledged = lock(&self.acknowledged);
        let missing = acknowledged.iter().filter(|(_, key, value)| stored.get(key) != Some(value));
        let lost = missing.map(|(_, key, _)| key.clone()).collect();
        Ok(LoadReport { acknowledged: acknowledged.len(), lost, longest_gap })
    }

    /// Waits for this many acknowledged writes, then ends as [`Load::loses_nothing`] does.
    pub async fn loses_nothing_of(self, writes: usize) -> Result<()> {
        until("enough writes are acknowledged", LIMIT, || async {
            ensure!(self.so_far() >= writes, "{} of {writes} writes", self.so_far());
            Ok(())
        })
        .await?;
        self.loses_nothing().await.map(drop)
    }

    /// Ends the load.
    ///
    /// # Errors
    /// If no write was acknowledged, or if an acknowledged write was lost.
    pub async fn loses_nothing(self) -> Result<LoadReport> {
        let report = self.end().await?;
        ensure!(report.acknowledged > 0, "no write was acknowledged");
        ensure!(report.lost.is_empty(), "acknowledged writes were lost: {:?}", report.lost);
        Ok(report)
    }
}

/// Reads everything below the prefix, linearizably, from the first endpoint that answers.
async fn read_back(endpoints: &Endpoints, prefix: &str) -> Result<BTreeMap<String, String>> {
    let etcd = Etcd::new(Duration::from_secs(20))?;
    let urls = lock(endpoints).clone();
    let mut read = Err(anyhow::anyhow!("no endpoint is published"));
    for url in urls {
        read = etcd.all(&url, &format!("{prefix}/")).await;
        if read.is_ok() {
            break;
        }
    }
    Ok(read?.into_iter().collect())
}

/// Keeps the endpoints up to date. While they cannot be read, the last ones stay.
pub(crate) async fn follow(cluster: Cluster, endpoints: Endpoints) {
    loop {
        if let Ok(urls) = cluster.endpoints().await {
            *lock(&endpoints) = urls;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
