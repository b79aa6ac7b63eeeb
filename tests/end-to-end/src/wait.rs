//! Waiting on conditions, never on time alone.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to rest between two looks at a condition, at least.
const REST: Duration = Duration::from_millis(100);

/// Looks again and again until `look` gives something, or says for the last time why it does not. A look that takes
/// long is followed by twice as long a rest: what is looked at shares the machine with the looking.
pub async fn until<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Result<T>
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
            Err(_) => tokio::time::sleep(REST.max(looked.elapsed() * 2)).await,
        }
    }
}
