//! `POST /_region/faults` sets faults; `GET` shows the rules in force, faster than the whole state.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::model::faults::spec::Fault;
use crate::services::machines::{disk, slow};
use crate::services::network::nft::Unavailable;
use crate::services::parts::Parts;

/// The routes of `/_region/faults`.
pub fn routes(parts: Parts) -> Router {
    Router::new().route("/_region/faults", post(set).get(rules)).with_state(parts)
}

async fn rules(State(parts): State<Parts>) -> Json<Value> {
    Json(parts.faults.state())
}

/// Why a fault cannot be set.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Wrong(String),
    #[error(transparent)]
    Links(#[from] Unavailable),
    #[error(transparent)]
    Disk(#[from] disk::Problem),
    #[error(transparent)]
    Slow(#[from] slow::Problem),
}

impl From<String> for Refusal {
    fn from(sentence: String) -> Self {
        Self::Wrong(sentence)
    }
}

impl Refusal {
    /// 400 for the caller's mistakes, 501 for what this machine does not allow.
    fn status(&self) -> StatusCode {
        match self {
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Slow(slow::Problem::NoEtcd(_)) => StatusCode::BAD_REQUEST,
            Self::Links(_) | Self::Disk(_) | Self::Slow(_) => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

async fn set(State(parts): State<Parts>, body: Bytes) -> Response {
    match set_all(&parts, &body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => {
            let status = refusal.status();
            let sentence = format!("{:#}", anyhow::Error::from(refusal));
            (status, Json(json!({ "error": sentence }))).into_response()
        }
    }
}

/// Sets one fault or a list of faults, after it has read all of them. One object is answered with an object,
/// a list with a list.
async fn set_all(parts: &Parts, body: &[u8]) -> Result<Value, Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| format!("the body is not JSON: {error}; see the README"))?;
    match value {
        Value::Array(list) => {
            let faults = list.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let mut answers = Vec::new();
            for fault in faults {
                answers.push(set_one(parts, fault).await?);
            }
            Ok(Value::Array(answers))
        }
        one => set_one(parts, read(one)?).await,
    }
}

fn read(value: Value) -> Result<Fault, String> {
    let fault: Fault = serde_json::from_value(value)
        .map_err(|error| format!("not a fault: {error}; the README lists them"))?;
    fault.check()?;
    Ok(fault)
}

async fn set_one(parts: &Parts, fault: Fault) -> Result<Value, Refusal> {
    let (machines, links) = (&parts.machines, &parts.links);
    match &fault {
        Fault::KillInstance { instance } => {
            machines.known(instance)?;
            parts.world.lose_instance(instance);
            machines.terminate(instance).await;
        }
        Fault::Pause { instance } => {
            machines.known(instance)?;
            machines.pause(instance).await;
        }
        Fault::Resume { instance } => {
            machines.known(instance)?;
            machines.resume(instance).await;
        }
        Fault::KillEtcd { instance } => {
            machines.known(instance)?;
            machines.kill_etcd(instance)?;
        }
        Fault::WipeDisk { instance } => {
            machines.known(instance)?;
            machines.wipe_disk(instance).await;
        }
        Fault::CutLink { from, to, one_way } => {
            links.cut(machines.address(from)?, machines.address(to)?, !one_way).await?;
        }
        Fault::SlowLink { from, to, kib_per_second } => {
            links.slow(machines.address(from)?, machines.address(to)?, *kib_per_second).await?;
        }
        Fault::MendLink { from, to } => links.mend(machines.address(from)?, machines.address(to)?).await?,
        Fault::Isolate { instance, peers, functions } => {
            let address = machines.address(instance)?;
            if *peers {
                links.isolate(address).await?;
            }
            if *functions {
                links.hide(address);
            }
        }
        Fault::Rejoin { instance } => links.rejoin(machines.address(instance)?).await?,
        Fault::FillDisk { instance } => {
            machines.known(instance)?;
            machines.fill_disk(instance)?;
        }
        Fault::FreeDisk { instance } => {
            machines.known(instance)?;
            machines.free_disk(instance)?;
        }
        Fault::ReuseAddress { address } => parts.site.addresses.reuse_next(*address)?,
        Fault::Events { delivery } => parts.events.set_delivery(*delivery),
        Fault::Schedule { enabled } => parts.events.set_schedule(*enabled),
        Fault::SlowDisk { instance, millis } => {
            machines.known(instance)?;
            machines.slow_disk(instance, *millis).await?;
        }
        Fault::MendDisk { instance } => {
            machines.known(instance)?;
            machines.mend_disk(instance);
        }
        Fault::Clear { id: Some(id) } => parts.faults.remove(*id),
        Fault::Clear { id: None } => {
            parts.faults.clear();
            parts.events.reset_delivery();
            links.mend_all().await?;
        }
        Fault::Api(_) | Fault::KillFunction(_) => return Ok(json!({ "id": parts.faults.add(fault) })),
    }
    parts.site.timeline.note("fault", subject(&fault), serde_json::to_string(&fault).unwrap_or_default());
    Ok(json!({ "id": null }))
}

fn subject(fault: &Fault) -> &str {
    match fault {
        Fault::KillInstance { instance }
        | Fault::Pause { instance }
        | Fault::Resume { instance }
        | Fault::KillEtcd { instance }
        | Fault::WipeDisk { instance }
        | Fault::Isolate { instance, .. }
        | Fault::Rejoin { instance }
        | Fault::FillDisk { instance }
        | Fault::FreeDisk { instance }
        | Fault::SlowDisk { instance, .. }
        | Fault::MendDisk { instance } => instance,
        Fault::CutLink { from, .. } | Fault::SlowLink { from, .. } | Fault::MendLink { from, .. } => from,
        _ => "region",
    }
}
