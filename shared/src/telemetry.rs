//! Logs: one JSON line per thing done, with fixed field names, on the standard output.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging as `levels` say, such as `info,etcd_asg=debug`: at INFO where they say nothing that can be read. A
/// second start changes nothing.
///
/// The richer filter of spans and fields would compile regular expressions at every cold start.
pub fn start(levels: Option<&str>) {
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    // Fails only where a subscriber is set already, as in a test.
    let _already_started =
        tracing_subscriber::registry().with(lines.with_target(false)).with(filter(levels)).try_init();
}

fn filter(levels: Option<&str>) -> Targets {
    let told = levels.and_then(|text| text.parse().ok());
    told.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::filter;

    #[test]
    fn levels_are_those_of_the_variable_and_else_info() {
        let default = |levels| filter(levels).default_level();
        assert_eq!(default(None), Some(LevelFilter::INFO));
        assert_eq!(default(Some("warn")), Some(LevelFilter::WARN));
        assert_eq!(default(Some("a=b=c")), Some(LevelFilter::INFO));
        let chosen = filter(Some("info,etcd_asg=debug"));
        assert!(chosen.would_enable("etcd_asg::run", &tracing::Level::DEBUG));
        assert!(!chosen.would_enable("hyper", &tracing::Level::DEBUG));
    }
}
