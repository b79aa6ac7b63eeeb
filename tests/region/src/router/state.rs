//! The region's own pages below `/_region`.

use std::time::SystemTime;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::model::time::timestamp;
use crate::services::autoscaling;
use crate::services::parts::Parts;

/// The routes of the state, the consoles and the ledgers.
pub fn routes(parts: Parts) -> Router {
    Router::new()
        .route("/_region/state", get(state))
        .route("/_region/console/{instance}", get(console))
        .route("/_region/ledgers", get(ledgers))
        .route("/_region/ledgers/{*key}", get(ledger))
        .with_state(parts)
}

async fn state(State(parts): State<Parts>) -> Json<Value> {
    let mut shown = present(&parts).await;
    shown["invocations"] = parts.faults.invocations();
    shown["timeline"] = json!(parts.site.timeline.entries());
    Json(shown)
}

/// The present state, without the invocations and the timeline, which grow with time.
pub async fn present(parts: &Parts) -> Value {
    let mut shown = parts.world.look(autoscaling::state);
    let ledgers: Map<_, _> = parts
        .storage
        .keys()
        .into_iter()
        .map(|key| {
            let last = parts.storage.look(&key, |versions| json!(versions.last()));
            (key, last)
        })
        .collect();
    shown["seed"] = parts.site.options.seed.into();
    shown["hostile"] = parts.site.options.hostile.into();
    shown["endpoint"] = parts.site.endpoint.clone().into();
    shown["network"] = format!("{}/24", parts.network.address(0)).into();
    shown["parameters"] = parts.parameters.state();
    shown["ledgers"] = ledgers.into();
    shown["events"] = parts.events.state();
    let links = parts.links.state().await;
    shown["links"] = json!({ "cut": links.cut, "slow": links.slow, "hidden from functions": links.hidden });
    shown["machines"] = parts.machines.state();
    shown["functions"] = parts.functions.state();
    shown["calls"] = parts.faults.counts();
    shown["faults"] = parts.faults.state();
    shown["started"] = timestamp(parts.site.started).into();
    shown["now"] = timestamp(SystemTime::now()).into();
    shown
}

async fn console(State(parts): State<Parts>, Path(instance): Path<String>) -> String {
    parts.machines.console(&instance)
}

async fn ledgers(State(parts): State<Parts>) -> Json<Value> {
    Json(json!(parts.storage.keys()))
}

/// The versions that a request asks for.
#[derive(Deserialize)]
struct Which {
    /// Only the versions after this number.
    #[serde(default)]
    after: usize,
    /// Only the last version.
    #[serde(default)]
    last: bool,
}

async fn ledger(
    State(parts): State<Parts>,
    Path(key): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let versions = parts.storage.look(&key, |all| {
        let first = if which.last { all.len().checked_sub(1)? } else { which.after.min(all.len()) };
        (!all.is_empty()).then(|| json!(all.get(first..)))
    });
    versions.map(Json).ok_or_else(|| {
        let bucket = &parts.site.options.bucket;
        let text =
            format!("nothing was ever written under {key} in the bucket {bucket}; see /_region/ledgers\n");
        (StatusCode::NOT_FOUND, text)
    })
}
