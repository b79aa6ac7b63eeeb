//! Logs: one JSON line per thing done, with fixed field names, on the standard output.

use lambda_runtime::tracing::subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts logging at INFO, or as the variable `RUST_LOG` says. A second start changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt().json().flatten_event(true).with_current_span(true).with_span_list(false);
    // Fails only where a subscriber is set already, as in a test.
    let _already_started = lines.with_target(false).with_env_filter(filter).try_init();
}
