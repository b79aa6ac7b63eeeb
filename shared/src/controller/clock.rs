//! The one clock, and the one source of nonces.

use std::time::{Duration, SystemTime};

use membership::ids::{Nonce, Timestamp};
use uuid::Uuid;

/// The longest that an invocation can live (AWS Lambda quotas).
const LONGEST: Duration = Duration::from_secs(900);

/// The present time, by the machine's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A new nonce: a random UUID.
pub fn nonce() -> Nonce {
    Nonce(Uuid::new_v4().to_string())
}

/// The moment at which the platform kills the invocation. Some local runtimes tell a moment in 1970 or no moment at all.
/// Then it is now plus the function's configured timeout.
pub fn deadline(told: u64, now: Timestamp, timeout: Duration) -> Timestamp {
    let told = Timestamp(told);
    if told > now && told <= now.plus(LONGEST) { told } else { now.plus(timeout) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_deadline_is_not_believed() {
        let (now, timeout) = (Timestamp(1_800_000_000_000), Duration::from_secs(60));
        let fallback = now.plus(timeout);
        assert_eq!(deadline(now.0 + 30_000, now, timeout), Timestamp(now.0 + 30_000));
        assert_eq!(deadline(600_000, now, timeout), fallback);
        assert_eq!(deadline(0, now, timeout), fallback);
        assert_eq!(deadline(now.0 + 3_600_000, now, timeout), fallback);
    }
}
