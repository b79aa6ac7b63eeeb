//! Answers and errors in the form of each service.

use axum::body::Body;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::xml::to_xml;

/// An error of an AWS API, independent of the service's format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error code, as AWS names it.
    pub code: String,
    /// The text, as AWS words it.
    pub message: String,
}

impl ApiError {
    /// An error of the client, HTTP 400.
    pub fn bad_request(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into() }
    }

    /// Auto Scaling's `ValidationError`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::bad_request("ValidationError", message)
    }

    /// An action that the service does not have.
    pub fn invalid_action(action: &str, version: &str) -> Self {
        Self::bad_request("InvalidAction", format!("Could not find operation {action} for version {version}"))
    }

    /// The answer, in the form that clients of `service` expect.
    pub fn into_answer(self, service: &str, request_id: &str) -> Response<Body> {
        Refusal { service, request_id }.render(&self)
    }
}

/// The service and the request that an error answers.
struct Refusal<'a> {
    service: &'a str,
    request_id: &'a str,
}

impl Refusal<'_> {
    fn render(&self, error: &ApiError) -> Response<Body> {
        let (content_type, body) = match self.service {
            "ssm" => ("application/x-amz-json-1.1", self.json(error)),
            "ec2" => ("text/xml;charset=UTF-8", self.ec2(error)),
            "s3" => ("application/xml", self.s3(error)),
            _ => ("text/xml", self.query(error)),
        };
        respond(error.status, content_type, self.request_id, body)
    }

    fn json(&self, error: &ApiError) -> String {
        let mut body = json!({"__type": error.code});
        if !error.message.is_empty() {
            // SSM's model spells this member in lower case in all its exceptions.
            body["message"] = Value::from(error.message.clone());
        }
        body.to_string()
    }

    fn query(&self, error: &ApiError) -> String {
        let kind = if error.status < 500 { "Sender" } else { "Receiver" };
        let value = json!({"Error": {"Type": kind, "Code": error.code, "Message": error.message}, "RequestId": self.request_id});
        to_xml("ErrorResponse", "member", &value).replacen(
            "<ErrorResponse>",
            "<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">",
            1,
        )
    }

    fn ec2(&self, error: &ApiError) -> String {
        let value = json!({"Errors": {"Error": {"Code": error.code, "Message": error.message}}, "RequestID": self.request_id});
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", to_xml("Response", "item", &value))
    }

    fn s3(&self, error: &ApiError) -> String {
        let value = json!({"Code": error.code, "Message": error.message, "RequestId": self.request_id});
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", to_xml("Error", "item", &value))
    }
}

/// An answer in Auto Scaling's query protocol.
pub fn autoscaling(action: &str, request_id: &str, result: &Value) -> Response<Body> {
    let result = to_xml(&format!("{action}Result"), "member", result);
    let body = format!(
        "<{action}Response xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">{result}\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    );
    respond(200, "text/xml", request_id, body)
}

/// An answer in EC2's query protocol.
pub fn ec2(action: &str, request_id: &str, result: &Value) -> Response<Body> {
    let result = to_xml("_", "item", result);
    let result = result.trim_start_matches("<_>").trim_end_matches("</_>");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>{request_id}</requestId>{result}</{action}Response>"
    );
    respond(200, "text/xml;charset=UTF-8", request_id, body)
}

/// An answer in the JSON protocol of SSM.
pub fn json(request_id: &str, result: &Value) -> Response<Body> {
    respond(200, "application/x-amz-json-1.1", request_id, result.to_string())
}

fn respond(status: u16, content_type: &str, request_id: &str, body: String) -> Response<Body> {
    let answer = Response::builder()
        .status(status)
        .header("content-type", content_type)
        .header("x-amzn-requestid", request_id)
        .body(Body::from(body));
    answer.unwrap_or_else(|error| {
        let mut answer = Response::new(Body::from(error.to_string()));
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        answer
    })
}
