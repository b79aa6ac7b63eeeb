//! A client of etcd's JSON gateway. It shares no code with the product's own adapter.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A member in the member list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The member ID, in decimal.
    pub id: String,
    /// The member's name; empty until the member has started.
    pub name: String,
    /// Whether the member is a learner, which does not vote.
    pub learner: bool,
}

/// What a member says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The cluster ID, in decimal.
    pub cluster: String,
    /// The member's own ID, in decimal.
    pub member: String,
    /// The ID of the leader that the member follows, in decimal; `0` or empty while it follows no leader.
    pub leader: String,
    /// The version of the member's etcd.
    pub version: String,
}

/// A client that can call any member.
#[derive(Clone, Debug)]
pub struct Etcd {
    http: reqwest::Client,
}

impl Etcd {
    /// A client whose calls time out after this long.
    pub fn new(timeout: Duration) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(300).min(timeout))
            .timeout(timeout)
            .build()?;
        Ok(Self { http })
    }

    pub(crate) async fn post(&self, url: &str, path: &str, body: Value) -> Result<Value> {
        let answer = self.http.post(format!("{url}{path}")).json(&body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{path} at {url}: {status}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("{path} at {url} answered {text:?}"))
    }

    /// Writes a key. `Ok` means that etcd has acknowledged the write.
    pub async fn put(&self, url: &str, key: &str, value: &str) -> Result<()> {
        let body = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)});
        self.post(url, "/v3/kv/put", body).await.map(drop)
    }

    /// Reads all keys below a prefix and their values, linearizably.
    pub async fn all(&self, url: &str, prefix: &str) -> Result<Vec<(String, String)>> {
        let mut end = prefix.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let body = json!({"key": STANDARD.encode(prefix), "range_end": STANDARD.encode(end), "limit": "0"});
        let answer = self.post(url, "/v3/kv/range", body).await?;
        let text = |v: &Value| -> Result<String> {
            Ok(String::from_utf8(STANDARD.decode(v.as_str().unwrap_or_default())?)?)
        };
        let kvs = answer["kvs"].as_array().cloned().unwrap_or_default();
        kvs.iter().map(|kv| Ok((text(&kv["key"])?, text(&kv["value"])?))).collect()
    }

    /// Reads the member list, linearizably.
    pub async fn members(&self, url: &str) -> Result<Vec<Listed>> {
        let answer = self.post(url, "/v3/cluster/member/list", json!({"linearizable": true})).await?;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let members = answer["members"].as_array().cloned().unwrap_or_default();
        let listed = members.iter().map(|m| Listed {
            id: text(&m["ID"]),
            name: text(&m["name"]),
            learner: m["isLearner"].as_bool().unwrap_or(false),
        });
        Ok(listed.collect())
    }

    /// Asks the member at this URL for its status.
    pub async fn status(&self, url: &str) -> Result<Status> {
        let answer = self.post(url, "/v3/maintenance/status", json!({})).await?;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        Ok(Status {
            cluster: text(&answer["header"]["cluster_id"]),
            member: text(&answer["header"]["member_id"]),
            leader: text(&answer["leader"]),
            version: text(&answer["version"]),
        })
    }

    /// The hash of everything stored up to a revision, and the revision that the store is compacted to.
    pub async fn hash(&self, url: &str, revision: i64) -> Result<(String, String)> {
        let answer =
            self.post(url, "/v3/maintenance/hashkv", json!({"revision": revision.to_string()})).await?;
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        Ok((text(&answer["hash"]), text(&answer["compact_revision"])))
    }

    /// Reads a key from this one member's own copy.
    pub async fn own_copy(&self, url: &str, key: &str) -> Result<String> {
        let body = json!({"key": STANDARD.encode(key), "serializable": true});
        let answer = self.post(url, "/v3/kv/range", body).await?;
        let value = answer["kvs"][0]["value"].as_str().context("the member does not have the key")?;
        Ok(String::from_utf8(STANDARD.decode(value)?)?)
    }

    /// Deletes a key.
    pub async fn delete(&self, url: &str, key: &str) -> Result<()> {
        self.post(url, "/v3/kv/deleterange", json!({"key": STANDARD.encode(key)})).await.map(drop)
    }

    /// Forgets what was written over or deleted before this revision.
    pub async fn compact(&self, url: &str, revision: i64) -> Result<()> {
        let body = json!({"revision": revision.to_string(), "physical": true});
        self.post(url, "/v3/kv/compaction", body).await.map(drop)
    }

    /// Reads the revision of the store, linearizably.
    pub async fn revision(&self, url: &str) -> Result<i64> {
        let body = json!({"key": STANDARD.encode("\0"), "count_only": true});
        let answer = self.post(url, "/v3/kv/range", body).await?;
        answer["header"]["revision"]
            .as_str()
            .context("the answer has no revision")?
            .parse()
            .context("the revision is not a number")
    }

    /// Adds a learner. Returns the other members as the first part of its `initial-cluster`.
    pub async fn add_learner(&self, url: &str, peer: &str) -> Result<String> {
        let answer =
            self.post(url, "/v3/cluster/member/add", json!({"peerURLs": [peer], "isLearner": true})).await?;
        let members = answer["members"].as_array().cloned().unwrap_or_default();
        let others = members.iter().filter(|m| m["peerURLs"][0] != peer);
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let parts: Vec<_> =
            others.map(|m| format!("{}={}", text(&m["name"]), text(&m["peerURLs"][0]))).collect();
        Ok(parts.join(","))
    }

    /// Promotes a learner to a voter.
    pub async fn promote(&self, url: &str, member: &str) -> Result<()> {
        self.post(url, "/v3/cluster/member/promote", json!({"ID": member})).await.map(drop)
    }

    /// Removes a member.
    pub async fn remove(&self, url: &str, member: &str) -> Result<()> {
        self.post(url, "/v3/cluster/member/remove", json!({"ID": member})).await.map(drop)
    }

    /// Moves leadership from the member at this URL to another member.
    pub async fn move_leader(&self, url: &str, to: &str) -> Result<()> {
        self.post(url, "/v3/maintenance/transfer-leadership", json!({"targetID": to})).await.map(drop)
    }
}
