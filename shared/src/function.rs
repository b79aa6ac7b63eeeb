//! What the functions have in common: they start, take an event, and answer.

use std::future::Future;
use std::sync::Arc;

use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use membership::decision::Coded;
use membership::ids::{RequestId, Timestamp};
use serde_json::{Value, json};

use crate::adapters::chain;
use crate::config::Config;
use crate::controller::{ControllerError, deadline, now};
use crate::services::Services;
use crate::telemetry::{self, Warning};

/// An event as it came.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The bytes of the event, which may be no JSON.
    pub body: Vec<u8>,
    /// The ID of the Lambda request.
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
        let (warning, cause) = (Warning::CannotStart, error.code());
        tracing::error!(code = warning.code(), cause, reason = chain(error), "{warning}");
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
                tracing::error!(outcome = "failed", code = error.code(), reason);
                Diagnostic { error_type: "ControllerError".to_owned(), error_message: reason }
            })
        }
    });
    Runtime::new(handler).layer(TracingLayer::new()).layer(MapRequestLayer::new(raw)).run().await
}

/// Hands each body on as a JSON array of its bytes. The runtime fails an invocation whose body is not JSON before a
/// handler sees it.
fn raw(mut invocation: LambdaInvocation) -> LambdaInvocation {
    invocation.body = json!(invocation.body.as_ref()).to_string().into();
    invocation
}
