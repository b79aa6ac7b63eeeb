//! Logs: one JSON line for each thing done, with fixed field names, on the standard output.

use std::fmt;

use membership::codes;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// One log line at a level that is known only when it is written.
macro_rules! log_at {
    ($severity:expr, $($fields:tt)+) => {
        match $severity {
            ::membership::decision::Severity::Info => tracing::info!($($fields)+),
            ::membership::decision::Severity::Warn => tracing::warn!($($fields)+),
            ::membership::decision::Severity::Error => tracing::error!($($fields)+),
        }
    };
}
pub(crate) use log_at;

/// Starts logging with `levels` such as `info,etcd_asg=debug`, or with INFO where they cannot be read. A second start
/// changes nothing.
///
/// The crate's filter for spans and fields is not used: it compiles regular expressions at every cold start.
pub fn start(levels: Option<&str>) {
    let lines = layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    // This fails only where a subscriber is set already, as in a test.
    let _already_started =
        tracing_subscriber::registry().with(lines.with_target(false)).with(filter(levels)).try_init();
}

fn filter(levels: Option<&str>) -> Targets {
    let told = levels.and_then(|text| text.parse().ok());
    told.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

/// A warning or an error that has a sentence of its own in the log. The field `reason` says why it came to that, and
/// the field `cause` has the code of the error behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The function ends before it has taken an event.
    CannotStart,
    /// A write of the ledger failed for good.
    LedgerNotWritten,
    /// A heartbeat for a lifecycle action failed.
    HeartbeatFailed,
    /// AWS refuses the heartbeats of a lifecycle action until an operator changes something: its hook will run out.
    HeartbeatRefused,
    /// The last words of hosts could not be read.
    ReportsNotRead,
}

codes!(Warning {
    Warning::CannotStart => "start-failed",
    Warning::LedgerNotWritten => "ledger-not-written",
    Warning::HeartbeatFailed => "heartbeat-failed",
    Warning::HeartbeatRefused => "heartbeat-refused",
    Warning::ReportsNotRead => "reports-not-read",
});

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Warning::CannotStart => "the function cannot start",
            Warning::LedgerNotWritten => "the ledger cannot be written",
            Warning::HeartbeatFailed => "the heartbeat failed",
            Warning::HeartbeatRefused => "the heartbeat is refused, so the lifecycle hook will run out",
            Warning::ReportsNotRead => "the last words of hosts cannot be read",
        })
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::filter;

    #[test]
    fn levels_come_from_the_variable_and_are_info_without_it() {
        let default = |levels| filter(levels).default_level();
        assert_eq!(default(None), Some(LevelFilter::INFO));
        assert_eq!(default(Some("warn")), Some(LevelFilter::WARN));
        assert_eq!(default(Some("a=b=c")), Some(LevelFilter::INFO));
        let chosen = filter(Some("info,etcd_asg=debug"));
        assert!(chosen.would_enable("etcd_asg::run", &tracing::Level::DEBUG));
        assert!(!chosen.would_enable("hyper", &tracing::Level::DEBUG));
    }
}
