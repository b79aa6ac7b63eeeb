//! The shape of events as EventBridge gives them to a function.

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::model::site::{ACCOUNT, REGION, Site};
use crate::model::time::timestamp_seconds;

/// An event's JSON (EventBridge user guide, event structure).
pub(super) fn event(
    site: &Site,
    detail_type: &str,
    source: &str,
    resources: &[String],
    detail: &Value,
) -> Bytes {
    let event = json!({
        "version": "0",
        "id": site.uuid(),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": timestamp_seconds(SystemTime::now()),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    });
    Bytes::from(event.to_string())
}

/// The ARN of an instance.
pub(super) fn instance_arn(instance: &str) -> String {
    format!("arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance}")
}

/// The ARN of the rule behind the schedule.
pub(super) fn schedule_arn() -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/etcd-asg-schedule")
}
