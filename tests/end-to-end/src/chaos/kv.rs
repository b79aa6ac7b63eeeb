//! The operations on one key. Each answer also says what the key held before.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::register::{Effect, Held};
use crate::etcd::Etcd;

/// What a client asks etcd for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A linearizable read.
    Read,
    /// A write.
    Put(u64),
    /// A write that happens only if the key holds `from`.
    Swap {
        /// What the client expects in the key.
        from: Held,
        /// The new value.
        to: u64,
    },
    /// A deletion.
    Delete,
}

impl Request {
    /// The effect to record if no answer comes; `None` for a read, which changes nothing.
    pub fn unanswered(self) -> Option<Effect> {
        match self {
            Self::Read => None,
            Self::Put(value) => Some(Effect::PutUnanswered(value)),
            Self::Swap { from, to } => Some(Effect::SwapUnanswered { from, to }),
            Self::Delete => Some(Effect::DeleteUnanswered),
        }
    }

    /// Sends the request to the member at this URL.
    pub async fn ask(self, etcd: &Etcd, url: &str, key: &str) -> Result<Effect> {
        let key = STANDARD.encode(key);
        match self {
            Self::Read => {
                let answer = etcd.post(url, "/v3/kv/range", json!({"key": key})).await?;
                Ok(Effect::Read(held(&answer["kvs"][0])?))
            }
            Self::Put(value) => {
                let body = json!({"key": key, "value": encoded(value), "prev_kv": true});
                let answer = etcd.post(url, "/v3/kv/put", body).await?;
                Ok(Effect::Put { value, before: held(&answer["prev_kv"])? })
            }
            Self::Swap { from, to } => {
                let answer = etcd.post(url, "/v3/kv/txn", swap(&key, from, to)).await?;
                if answer["succeeded"] == true {
                    return Ok(Effect::Swapped { from, to });
                }
                Ok(Effect::Kept { from, found: held(&answer["responses"][0]["response_range"]["kvs"][0])? })
            }
            Self::Delete => {
                let answer =
                    etcd.post(url, "/v3/kv/deleterange", json!({"key": key, "prev_kv": true})).await?;
                Ok(Effect::Deleted { before: held(&answer["prev_kvs"][0])? })
            }
        }
    }
}

/// The transaction of a swap. It compares the value, or checks that the key does not exist.
fn swap(key: &str, from: Held, to: u64) -> Value {
    let compare = match from {
        None => json!({"target": "CREATE", "key": key, "create_revision": "0"}),
        Some(value) => json!({"target": "VALUE", "key": key, "value": encoded(value)}),
    };
    json!({"compare": [compare], "success": [{"request_put": {"key": key, "value": encoded(to)}}],
        "failure": [{"request_range": {"key": key}}]})
}

fn encoded(value: u64) -> String {
    STANDARD.encode(value.to_string())
}

/// What a key held, from a key-value pair of an answer; null means that the key did not exist.
fn held(kv: &Value) -> Result<Held> {
    if kv.is_null() {
        return Ok(None);
    }
    let value = STANDARD.decode(kv["value"].as_str().context("the pair has no value")?)?;
    Ok(Some(String::from_utf8(value)?.parse().context("no client wrote this value")?))
}

/// Whether a call failed while connecting, before anything was sent: then the operation certainly did not
/// happen.
pub fn was_never_sent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
}
