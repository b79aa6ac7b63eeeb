//! What the three functions have in common: start, take an event, answer.

use std::future::Future;
use std::sync::Arc;

use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use membership::ids::{RequestId, Timestamp};
use serde_json::{Value, json};

use crate::adapters::chain;
use crate::config::Config;
use crate::controller::{ControllerError, Outcome, deadline, now};
use crate::event::EventError;
use crate::services::Services;
use crate::telemetry;

/// One event, as it came.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its bytes: JSON or not.
    pub body: Vec<u8>,
    /// The Lambda request.
    pub request: RequestId,
    /// The moment at which the platform kills the invocation.
    pub deadline: Timestamp,
}

/// Runs a function until the platform ends it.
pub async fn serve<F, R>(handle: F) -> Result<(), Error>
where
    F: Fn(Arc<Services>, Delivery) -> R,
    R: Future<Output = Result<Value, ControllerError>>,
{
    telemetry::start(Config::log_levels().as_deref());
    let services = Arc::new(Services::from_environment().await.inspect_err(|error| {
        tracing::error!(reason = chain(error), "the function cannot start");
    })?);
    let handler = service_fn(|event: LambdaEvent<Vec<u8>>| {
        let timeout = services.config.function_timeout;
        let delivery = Delivery {
            body: event.payload,
            request: RequestId(event.context.request_id),
            deadline: deadline(event.context.deadline, now(), timeout),
        };
        let answer = handle(Arc::clone(&services), delivery);
        async {
            answer.await.map_err(|error| {
                let reason = chain(&error);
                tracing::error!(outcome = "failed", reason);
                Diagnostic { error_type: "ControllerError".to_owned(), error_message: reason }
            })
        }
    });
    Runtime::new(handler).layer(TracingLayer::new()).layer(MapRequestLayer::new(raw)).run().await
}

/// What is wrong with an event is told once in the log and in the answer; a retry could not help.
pub fn refused(error: &EventError) -> Value {
    json!(Outcome::refused(error.to_string()))
}

/// The runtime would fail an invocation whose body is not JSON before any handler sees it: each body is handed on as
/// a JSON array of its bytes.
fn raw(mut invocation: LambdaInvocation) -> LambdaInvocation {
    invocation.body = json!(invocation.body.as_ref()).to_string().into();
    invocation
}
