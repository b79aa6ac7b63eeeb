//! Times as AWS writes them.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 with milliseconds in UTC, as AWS writes times in its XML.
pub fn timestamp(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    rfc3339(at.replace_millisecond(at.millisecond()).unwrap_or(at))
}

/// RFC 3339 with whole seconds in UTC, as EventBridge writes `time`.
pub fn timestamp_seconds(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    rfc3339(at.replace_nanosecond(0).unwrap_or(at))
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
