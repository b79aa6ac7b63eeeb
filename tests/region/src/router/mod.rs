//! The region's port: accepts connections and passes every request to the service that it is for.

mod calls;
mod faults;
pub mod page;
mod state;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderValue, LOCATION};
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use calls::{Call, NoAnswer};

use crate::model::site::{ACCOUNT, REGION};
use crate::services::lambda;
use crate::services::parts::Parts;
use crate::wire::{ApiError, Signature};

struct Server {
    parts: Parts,
    /// The routes below `/_region` and `/_lambda`.
    own: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Serves the port until `stop`; returns once all connections and calls have ended.
pub async fn serve(listener: TcpListener, parts: Parts, stop: CancellationToken) {
    let own = state::routes(parts.clone())
        .merge(page::routes(parts.clone()))
        .merge(faults::routes(parts.clone()))
        .merge(lambda::routes(parts.functions.clone()));
    let tasks = TaskTracker::new();
    let server = Arc::new(Server { parts, own, stop: stop.clone(), tasks: tasks.clone() });
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { tasks.spawn(connection(stream, server.clone())); }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn connection(stream: TcpStream, server: Arc<Server>) {
    let stop = server.stop.clone();
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { server.answer(request).await }
    });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        result = served => if let Err(error) = result { tracing::debug!(%error, "a connection ended early") },
    }
}

/// Whether a browser opened the port: clients of AWS sign their requests and do not ask for HTML.
fn is_a_browsers(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let wants_html = accepted.is_some_and(|types| types.contains("text/html"));
    request.method() == Method::GET && request.uri().path() == "/" && wants_html
}

/// The answer to a request without a signature, whose service is not known.
fn unsigned() -> Response<Body> {
    let error = ApiError {
        status: 403,
        code: "MissingAuthenticationToken".into(),
        message: format!(
            "Request is missing Authentication Token: sign it for a service of {REGION}, account {ACCOUNT}; \
             the region's own pages are below /_region/"
        ),
    };
    error.into_answer("autoscaling", "unsigned")
}

/// Sends a browser to the region's page.
fn see_page() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/_region/"));
    answer
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
        let path = request.uri().path();
        if path == "/_region" || path.starts_with("/_region/") || path.starts_with("/_lambda/") {
            let answer: Result<_, Infallible> =
                TowerToHyperService::new(self.own.clone()).call(request.map(Body::new)).await;
            return Ok(answer.unwrap_or_else(|never| match never {}));
        }
        let Some(signature) = Signature::of(&request) else {
            return Ok(if is_a_browsers(&request) { see_page() } else { unsigned() });
        };
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(Body::new(body), usize::MAX).await?;
        // As at AWS, a call goes on when its client has gone: a late effect is one of the cases to test.
        let call = Call { parts: self.parts.clone(), signature, head, body };
        let stop = self.stop.clone();
        let call = self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => Err(NoAnswer::Dropped),
                answer = call.run() => answer,
            }
        });
        call.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a call failed inside the region");
            let mut answer = Response::new(Body::from("the region itself failed; see its log"));
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            Ok(answer)
        })
    }
}
