//! One proxied request: through the gate, to the member, and back.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, PROXY_AUTHORIZATION};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::model::faults::{Call, Caller, Fate, Verdict};
use crate::model::site::Site;
use crate::services::gate::Faults;
use crate::services::network::links::Links;

/// The largest request body that is passed on; etcd's own limit is 1.5 MiB.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// Headers that concern one connection only (RFC 9110, 7.6.1) and are never passed on.
const HOP_BY_HOP: [&str; 5] = ["connection", "proxy-connection", "proxy-authorization", "keep-alive", "te"];

/// Forwards requests. Cheap to clone.
#[derive(Clone)]
pub(super) struct Forwarder {
    site: Site,
    links: Links,
    faults: Faults,
}

impl Forwarder {
    pub(super) fn new(site: Site, links: Links, faults: Faults) -> Self {
        Self { site, links, faults }
    }

    /// Handles a request. An error drops the connection without an answer, as a member that is gone would.
    pub(super) async fn handle(&self, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
        let caller = self.caller(request.headers());
        if request.method() == Method::CONNECT {
            return self.tunnel(request, &caller).await;
        }
        let Some(authority) = request.uri().authority().map(ToString::to_string) else {
            bail!("not a request to a proxy: {}", request.uri());
        };
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), BODY_LIMIT).await?;
        let path = parts.uri.path().to_owned();
        let operation = path.trim_start_matches("/v3/").trim_start_matches('/');
        let call = Call { caller: &caller, service: "etcd", operation, target: &authority, body: &body };
        let answer = match self.faults.before(&call).await {
            Verdict::Proceed | Verdict::Late(_) if self.links.is_hidden(&authority) => {
                std::future::pending().await
            }
            Verdict::Proceed => forward(&authority, parts, Body::from(body.clone())).await,
            Verdict::Late(wait) => self.late(wait, authority.clone(), parts, body.clone()).await,
            Verdict::Fail { status, code, message } => failure(status, &code, &message),
            Verdict::Hang => std::future::pending().await,
        };
        match self.faults.after(&call).await {
            Fate::Deliver => answer,
            Fate::LoseAnswer => bail!("the answer is lost"),
        }
    }

    /// Forwards a request after a time, even if its caller has died: what a network does that delivers late.
    async fn late(
        &self,
        wait: Duration,
        authority: String,
        parts: hyper::http::request::Parts,
        body: Bytes,
    ) -> anyhow::Result<Response<Body>> {
        let timeline = self.site.timeline.clone();
        let on_its_way = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let path = parts.uri.path().to_owned();
            let response = forward(&authority, parts, Body::from(body)).await;
            let told = match &response {
                Ok(response) => format!("a late {path} was answered {}", response.status()),
                Err(error) => format!("a late {path} was not answered: {error:#}"),
            };
            timeline.note("fault", &authority, told);
            let (head, body) = response?.into_parts();
            Ok(Response::from_parts(head, Body::from(to_bytes(body, BODY_LIMIT).await?)))
        });
        on_its_way.await?
    }

    async fn tunnel(&self, request: Request<Incoming>, caller: &Caller) -> anyhow::Result<Response<Body>> {
        let target = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let call = Call { caller, service: "etcd", operation: "CONNECT", target: &target, body: &[] };
        let member = match self.faults.before(&call).await {
            Verdict::Proceed | Verdict::Late(_) if self.links.is_hidden(&target) => {
                std::future::pending().await
            }
            Verdict::Proceed | Verdict::Late(_) => Ok(TcpStream::connect(&target).await),
            Verdict::Fail { status, code, message } => Err(failure(status, &code, &message)),
            Verdict::Hang => std::future::pending().await,
        };
        if self.faults.after(&call).await == Fate::LoseAnswer {
            bail!("the answer is lost");
        }
        let mut member = match member {
            Ok(member) => member?,
            Err(failure) => return failure,
        };
        tokio::spawn(async move {
            let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
            let copied = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut member).await;
            tracing::debug!(?copied, "a tunnel ended");
        });
        Ok(Response::new(Body::empty()))
    }

    fn caller(&self, headers: &HeaderMap) -> Caller {
        let key = headers.get(PROXY_AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(user_name);
        let process = key.as_deref().and_then(|key| key.strip_prefix("ASIAFN")).and_then(|n| n.parse().ok());
        let Some(process) = process else { return Caller::Outside };
        match self.faults.function_of(process) {
            Some(name) => Caller::Function { name, process },
            None => {
                self.site.timeline.note("proxy", "region", format!("process {process} called after its end"));
                Caller::Outside
            }
        }
    }
}

/// Forwards a request on a connection of its own: the request dies with its caller, as it would without a
/// proxy.
async fn forward(
    authority: &str,
    parts: hyper::http::request::Parts,
    body: Body,
) -> anyhow::Result<Response<Body>> {
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let stream = TcpStream::connect(&address).await.with_context(|| format!("cannot reach {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut outgoing = Request::builder().method(parts.method).uri(path).body(body)?;
    *outgoing.headers_mut() = end_to_end(parts.headers);
    outgoing.headers_mut().entry(HOST).or_insert(authority.parse()?);
    let response = sender.send_request(outgoing).await?;
    let (mut head, body) = response.into_parts();
    head.headers = end_to_end(head.headers);
    let stream = Body::new(body).into_data_stream().map(move |chunk| {
        let _alive = &driver;
        chunk
    });
    Ok(Response::from_parts(head, Body::from_stream(stream)))
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(HeaderName::from_static("transfer-encoding"));
    headers
}

/// An error in the format of etcd 3.6's JSON gateway.
fn failure(status: u16, code: &str, message: &str) -> anyhow::Result<Response<Body>> {
    let code: u32 = code.parse().unwrap_or(2);
    let body = json!({ "code": code, "message": message, "details": [] }).to_string();
    Ok(Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(Body::from(body))?)
}

fn user_name(authorization: &str) -> Option<String> {
    let decoded = BASE64_STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    pair.split_once(':').map(|(user, _)| user.to_owned())
}
