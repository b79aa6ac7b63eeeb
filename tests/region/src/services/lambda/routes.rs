//! The runtime API of the functions' processes, and the region's own pages about functions.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::functions::Functions;
use crate::model::faults::journal::Outcome;
use crate::model::site::{ACCOUNT, REGION};

/// How the region's API calls the deployment that needs no registration.
const FIRST: &str = "first";

/// Serves `/_lambda/{process}/2018-06-01/runtime/…` (Lambda's runtime API), `POST /_region/invoke/{function}`,
/// `POST /_region/deployments/{name}` and `GET /_region/functions/log`.
pub fn routes(functions: Functions) -> Router {
    let runtime = "/_lambda/{process}/2018-06-01/runtime";
    Router::new()
        .route(&format!("{runtime}/invocation/next"), get(next))
        .route(&format!("{runtime}/invocation/{{request}}/response"), post(response))
        .route(&format!("{runtime}/invocation/{{request}}/error"), post(error))
        .route(&format!("{runtime}/init/error"), post(init_error))
        .route("/_region/invoke/{function}", post(invoke))
        .route("/_region/deployments/{name}", post(deploy))
        .route("/_region/functions/log", get(log))
        .layer(axum::extract::DefaultBodyLimit::max(6 * 1024 * 1024))
        .with_state(functions)
}

async fn next(State(functions): State<Functions>, Path(process): Path<u64>) -> Response {
    let Some(sandbox) = functions.sandbox(process) else { return unknown_process(process) };
    let Some((request, event)) = sandbox.next().await else { return unknown_process(process) };
    functions.inner.faults.invocation_began(process, &sandbox.function, &request);
    let deadline = SystemTime::now() + functions.inner.site.options.function_timeout;
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", sandbox.function);
    let trace = format!("Root=1-{:08x}-{:024x};Sampled=0", deadline / 1_000, process);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", request),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", trace),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (headers, event).into_response()
}

async fn response(
    State(functions): State<Functions>,
    Path((process, request)): Path<(u64, String)>,
    body: Bytes,
) -> Response {
    let answer = String::from_utf8_lossy(&body).into_owned();
    complete(&functions, process, &request, Outcome::Answered { answer })
}

async fn error(
    State(functions): State<Functions>,
    Path((process, request)): Path<(u64, String)>,
    body: Bytes,
) -> Response {
    complete(&functions, process, &request, failure(&body))
}

/// Notes the error only: the process ends itself after this, and the invocation fails at that end.
async fn init_error(State(functions): State<Functions>, Path(process): Path<u64>, body: Bytes) -> Response {
    let function = functions.function_of(process).unwrap_or_default();
    let text = format!("process {process} reports that it cannot start: {}", String::from_utf8_lossy(&body));
    functions.inner.site.timeline.note("function", &function, text);
    accepted()
}

fn complete(functions: &Functions, process: u64, request: &str, outcome: Outcome) -> Response {
    let Some(sandbox) = functions.sandbox(process) else { return unknown_process(process) };
    if sandbox.complete(request, outcome) {
        return accepted();
    }
    let error =
        json!({ "errorType": "InvalidRequestID", "errorMessage": format!("no such invocation: {request}") });
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}

fn failure(body: &[u8]) -> Outcome {
    let report: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field: &str| report.get(field).and_then(Value::as_str).map(str::to_owned);
    Outcome::Failed {
        error_type: text("errorType").unwrap_or_else(|| "Unhandled".to_owned()),
        message: text("errorMessage").unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()),
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
}

fn unknown_process(process: u64) -> Response {
    let error =
        json!({ "errorType": "Forbidden", "errorMessage": format!("process {process} is not running") });
    (StatusCode::FORBIDDEN, Json(error)).into_response()
}

/// Like Lambda's synchronous Invoke: 200 even where the function failed, then with the header
/// `X-Amz-Function-Error`.
async fn invoke(State(functions): State<Functions>, Path(function): Path<String>, body: Bytes) -> Response {
    let json_type = [(header::CONTENT_TYPE, "application/json")];
    match functions.invoke(&function, body).await {
        Ok(Outcome::Answered { answer }) => (json_type, answer).into_response(),
        Ok(Outcome::Failed { error_type, message }) => {
            let report = json!({ "errorType": error_type, "errorMessage": message });
            ([("x-amz-function-error", "Unhandled")], Json(report)).into_response()
        }
        Err(error) => (StatusCode::NOT_FOUND, Json(json!({ "error": format!("{error:#}") }))).into_response(),
    }
}

/// Registers a deployment of the functions, or gives it another environment: a JSON object of variables.
async fn deploy(
    State(functions): State<Functions>,
    Path(name): Path<String>,
    Json(environment): Json<BTreeMap<String, String>>,
) -> Response {
    let name = if name == FIRST { "" } else { &name };
    match functions.deploy(name, environment) {
        Ok(()) => accepted(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

async fn log(State(functions): State<Functions>) -> String {
    functions.log()
}
