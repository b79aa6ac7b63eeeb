//! The answers in which s3s-fs differs from S3: to conditional writes, and where there is no bucket.

use axum::body::Body;
use hyper::Response;
use hyper::http::request::Parts as Head;

use crate::wire::ApiError;

/// The condition that a write sets on the present object.
pub enum Condition {
    /// No condition.
    None,
    /// The object must not exist.
    Absent,
    /// The object must have the given ETag.
    Same,
}

impl Condition {
    /// The condition of a request for an object.
    pub fn of(head: &Head, bucket: &str, key: &str) -> Self {
        if bucket.is_empty() || key.is_empty() {
            return Self::None;
        }
        match (head.headers.contains_key("if-match"), head.headers.contains_key("if-none-match")) {
            (true, _) => Self::Same,
            (false, true) => Self::Absent,
            (false, false) => Self::None,
        }
    }

    /// Whether the condition can only hold for an object that exists.
    pub fn needs_object(&self) -> bool {
        matches!(self, Self::Same)
    }
}

/// The answer to If-Match on a key without an object (S3 user guide, "How to prevent object overwrites": 404,
/// not 412).
pub fn no_such_key(request_id: &str) -> Response<Body> {
    error(404, "NoSuchKey", "The specified key does not exist.", request_id)
}

/// The answer for an object of a missing bucket. Status 404 as for a missing key, but with another code.
pub fn no_such_bucket(request_id: &str) -> Response<Body> {
    error(404, "NoSuchBucket", "The specified bucket does not exist", request_id)
}

/// The answer to the loser of a race.
pub fn conflict(request_id: &str) -> Response<Body> {
    let message =
        "The conditional request cannot succeed due to a conflicting operation against this resource.";
    error(409, "ConditionalRequestConflict", message, request_id)
}

fn error(status: u16, code: &str, message: &str, request_id: &str) -> Response<Body> {
    ApiError { status, code: code.into(), message: message.into() }.into_answer("s3", request_id)
}
