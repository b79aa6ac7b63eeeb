//! The instance metadata service, version 2 only, on the instance's own address.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::model::site::{ACCOUNT, REGION, SECRET_ACCESS_KEY};
use crate::model::time::timestamp_seconds;

/// The port of the metadata service on each instance's address.
pub const PORT: u16 = 8169;
/// The role whose credentials the instance has.
const ROLE: &str = "etcd-asg-instance";
/// The only token; the service only checks that a client asks for it and sends it.
const TOKEN: &str = "AQAEALocalRegionMetadataToken==";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

struct Metadata {
    instance: String,
    address: Ipv4Addr,
}

/// Serves an instance's metadata until `stop` is cancelled.
pub async fn serve(listener: TcpListener, instance: String, address: Ipv4Addr, stop: CancellationToken) {
    let router = Router::new()
        .route("/latest/api/token", put(token))
        .route("/latest/meta-data/{*item}", get(meta_data))
        .route("/latest/dynamic/instance-identity/document", get(identity))
        .with_state(Arc::new(Metadata { instance, address }));
    let served = axum::serve(listener, router);
    tokio::select! {
        result = async { served.await } => {
            if let Err(error) = result {
                tracing::warn!(%error, "a metadata service ended");
            }
        }
        () = stop.cancelled() => {}
    }
}

/// The access key of an instance, by which the region recognises its calls.
pub fn access_key(instance: &str) -> String {
    format!("ASIAI{}", instance.trim_start_matches("i-"))
}

async fn token(headers: HeaderMap) -> Response {
    let ttl = headers
        .get(TOKEN_TTL)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u32>().ok());
    match ttl {
        Some(seconds @ 1..=21_600) => ([(TOKEN_TTL, seconds.to_string())], TOKEN).into_response(),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn meta_data(
    State(about): State<Arc<Metadata>>,
    Path(item): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !authorized(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let item = item.trim_end_matches('/');
    if item == format!("iam/security-credentials/{ROLE}") {
        return Json(credentials(&about.instance)).into_response();
    }
    match item {
        "instance-id" => about.instance.clone().into_response(),
        "local-ipv4" => about.address.to_string().into_response(),
        "placement/region" => REGION.into_response(),
        "placement/availability-zone" => format!("{REGION}a").into_response(),
        "iam/security-credentials" => ROLE.into_response(),
        "instance-action" => "none".into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn identity(State(about): State<Arc<Metadata>>, headers: HeaderMap) -> Response {
    if !authorized(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(json!({
        "accountId": ACCOUNT,
        "instanceId": about.instance,
        "privateIp": about.address,
        "region": REGION,
        "availabilityZone": format!("{REGION}a"),
        "version": "2017-09-30",
    }))
    .into_response()
}

fn authorized(headers: &HeaderMap) -> bool {
    headers.get(TOKEN_HEADER).is_some_and(|token| token == TOKEN)
}

fn credentials(instance: &str) -> serde_json::Value {
    let now = SystemTime::now();
    json!({
        "Code": "Success",
        "LastUpdated": timestamp_seconds(now),
        "Type": "AWS-HMAC",
        "AccessKeyId": access_key(instance),
        "SecretAccessKey": SECRET_ACCESS_KEY,
        "Token": "local-region-session",
        "Expiration": timestamp_seconds(now + Duration::from_secs(6 * 3_600)),
    })
}
