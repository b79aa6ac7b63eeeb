//! Scaling activities: what a group did and why, as DescribeScalingActivities shows it.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::site::Site;
use super::time::timestamp_seconds;

/// One launch or termination.
#[derive(Clone, Debug)]
pub struct Activity {
    pub id: String,
    pub group: String,
    pub group_arn: String,
    pub description: String,
    pub cause: String,
    pub started: SystemTime,
    pub ended: Option<SystemTime>,
    pub status: &'static str,
    pub message: Option<String>,
    pub progress: u8,
}

impl Activity {
    /// An activity for a launch that begins now.
    pub fn begin(site: &Site, group: &str, arn: &str, description: String, cause: String) -> Self {
        Self {
            id: site.uuid(),
            group: group.to_owned(),
            group_arn: arn.to_owned(),
            description,
            cause,
            started: SystemTime::now(),
            ended: None,
            status: "PreInService",
            message: None,
            progress: 30,
        }
    }

    /// The activity as the API shows it.
    pub fn show(&self) -> Value {
        json!({
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "AutoScalingGroupARN": self.group_arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": timestamp_seconds(self.started),
            "EndTime": self.ended.map(timestamp_seconds),
            "StatusCode": self.status,
            "StatusMessage": self.message,
            "Progress": self.progress,
            "Details": "{}",
        })
    }

    /// Ends the activity with a status, and the message that is shown.
    pub fn end(&mut self, status: &'static str, message: Option<String>) {
        self.status = status;
        self.message = message;
        self.progress = 100;
        self.ended = Some(SystemTime::now());
    }
}
