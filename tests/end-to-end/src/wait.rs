//! Waiting for a condition. No test waits for time alone.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The shortest rest between two looks at a condition.
const REST: Duration = Duration::from_millis(100);
/// The shortest rest between two looks that ask every part of a cluster.
const LONG_REST: Duration = Duration::from_millis(300);

/// Repeats `look` until it succeeds. After a long look it rests twice as long, because the cluster shares the
/// machine with the test.
///
/// # Errors
/// The error of the last look, once the limit has passed.
pub async fn until<T, F>(what: &str, limit: Duration, look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    resting(REST, what, limit, look).await
}

/// [`until`] for an expensive look at something that takes long: it rests longer.
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
                bail!("{what}: not within {} s: {error:#}", limit.as_secs());
            }
            Err(_) => tokio::time::sleep(rest.max(looked.elapsed() * 2)).await,
        }
    }
}
