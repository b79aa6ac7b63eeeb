//! Waiting on conditions, never on time alone.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to rest between two looks at a condition, at least.
const REST: Duration = Duration::from_millis(100);
/// The same for a look that asks every part of a cluster, while the cluster has a minute's work to do.
const LONG_REST: Duration = Duration::from_millis(300);

/// Looks again and again until `look` gives something, or says for the last time why it does not. A look that takes
/// long is followed by twice as long a rest: what is looked at shares the machine with the looking.
pub async fn until<T, F>(what: &str, limit: Duration, look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    resting(REST, what, limit, look).await
}

/// [`until`], for what is costly to look at and takes its time.
pub async fn in_the_end<T, F>(what: &str, limit: Duration, look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    resting(LONG_REST, what, limit, look).await
}

async fn resting<T, F>(rest: Duration, what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    loop {
        let looked = Instant::now();
        match look().await {
            Ok(found) => return Ok(found),
            Err(error) if begun.elapsed() >= limit => {
                bail!("not within {} s: {what}: {error:#}", limit.as_secs());
            }
            Err(_) => tokio::time::sleep(rest.max(looked.elapsed() * 2)).await,
        }
    }
}
