//! Asks the instances' etcds for their own state, only while somebody looks at the page. Only a leader is asked for a
//! linearizable read.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Client;
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::instance::Instance;
use crate::model::world::State;
use crate::services::parts::Parts;

/// How long an etcd may take to answer. The page polls every second, and a paused member does not answer.
const PATIENCE: Duration = Duration::from_millis(500);
const PORT: u16 = 2379;

/// Asks all members with one HTTP client, which is made when it is first needed.
#[derive(Default)]
pub struct Asker {
    http: OnceLock<Result<Client, String>>,
}

/// The answers of all instances, by instance ID.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Asked(pub BTreeMap<String, Said>);

/// The answer of one etcd about itself and its cluster.
#[derive(Debug, Serialize)]
#[serde(tag = "answers", rename_all = "kebab-case")]
pub enum Said {
    Yes(Box<Answer>),
    /// Something is there that needs a user.
    Closed {
        why: String,
    },
    No {
        why: String,
    },
}

#[derive(Debug, Serialize)]
pub struct Answer {
    pub cluster: Value,
    pub member: Value,
    pub leader: Value,
    pub term: Value,
    pub applied: Value,
    pub learner: bool,
    pub version: Value,
    pub size: Value,
    pub in_use: Value,
    /// Told by 3.6 and newer.
    pub quota: Value,
    pub errors: Value,
    /// The member list as this member knows it: not a linearizable read.
    pub list: Vec<Listed>,
    /// Whether the member leads, and a majority has just confirmed it by a linearizable read.
    pub confirmed: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    pub id: Value,
    /// Empty until the member has started.
    pub name: Value,
    pub learner: bool,
    pub peers: Value,
    pub clients: Value,
}

impl Asker {
    /// Asks the etcd of every instance that runs, all at once.
    pub async fn ask(&self, parts: &Parts) -> Asked {
        if !parts.site.options.machines {
            return Asked::default();
        }
        let asked = parts.world.look(addresses).into_iter().map(async |(instance, (address, port))| {
            let said = self.ask_one(&format!("http://{address}:{port}")).await;
            (instance, said.map_or_else(refused, |answer| Said::Yes(Box::new(answer))))
        });
        Asked(join_all(asked).await.into_iter().collect())
    }

    async fn ask_one(&self, url: &str) -> Result<Answer, String> {
        let (status, list) = tokio::try_join!(
            self.post(format!("{url}/v3/maintenance/status"), json!({})),
            self.post(format!("{url}/v3/cluster/member/list"), json!({})),
        )?;
        let members = list.get("members").and_then(Value::as_array);
        let listed = members.into_iter().flatten().map(|member| Listed {
            id: member["ID"].clone(),
            name: member["name"].clone(),
            learner: member["isLearner"] == true,
            peers: member["peerURLs"].clone(),
            clients: member["clientURLs"].clone(),
        });
        let (member, leader) = (&status["header"]["member_id"], &status["leader"]);
        let leads = !leader.is_null() && leader == member;
        Ok(Answer {
            cluster: status["header"]["cluster_id"].clone(),
            member: member.clone(),
            leader: leader.clone(),
            term: status["raftTerm"].clone(),
            applied: status["raftAppliedIndex"].clone(),
            learner: status["isLearner"] == true,
            version: status["version"].clone(),
            size: status["dbSize"].clone(),
            in_use: status["dbSizeInUse"].clone(),
            quota: status["dbSizeQuota"].clone(),
            errors: status["errors"].clone(),
            list: listed.collect(),
            confirmed: leads && self.is_confirmed(url, &status["version"]).await,
        })
    }

    /// Whether a linearizable read comes back. 3.4 reads its list without asking the others, so there a range of keys
    /// is read (api/v3/etcdserverpb/rpc.proto: `MemberListRequest.linearizable` is new in 3.5).
    async fn is_confirmed(&self, url: &str, version: &Value) -> bool {
        let old = version.as_str().is_none_or(|version| version.starts_with("3.4."));
        let read = match old {
            true => self.post(format!("{url}/v3/kv/range"), json!({ "key": "AA==", "limit": 1 })).await,
            false => {
                self.post(format!("{url}/v3/cluster/member/list"), json!({ "linearizable": true })).await
            }
        };
        read.is_ok()
    }

    async fn post(&self, url: String, body: Value) -> Result<Value, String> {
        let http = self.http.get_or_init(client).as_ref().map_err(Clone::clone)?;
        let answer = http.post(url).json(&body).send().await.map_err(|error| why(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| why(&error))?;
        if !status.is_success() {
            return Err(format!("answers {status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("its answer is not JSON: {error}"))
    }
}

/// etcd names the missing user in the answer that it refuses with (api/v3/v3rpc/rpctypes/error.go).
fn refused(why: String) -> Said {
    if why.contains("user name is empty") { Said::Closed { why } } else { Said::No { why } }
}

fn client() -> Result<Client, String> {
    // The connections are not encrypted, and reading the system's certificates takes longer than all calls
    // together.
    let builder = Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE);
    builder.build().map_err(|error| format!("a client for etcd cannot be made: {error}"))
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} ms", PATIENCE.as_millis());
    }
    let connected =
        if error.is_connect() { "nothing listens" } else { "the connection ended without an answer" };
    connected.to_owned()
}

/// Where the etcd of each living instance listens for clients.
fn addresses(state: &State) -> BTreeMap<String, (Ipv4Addr, u16)> {
    let living = state.instances.values().filter(|instance| instance.state.is_alive());
    let place = |instance: &Instance| {
        let group = instance.tags.get("aws:autoscaling:groupName").and_then(|name| state.groups.get(name));
        let port = group.and_then(|group| group.tags.get("etcd-asg:client-port")?.value.parse().ok());
        (instance.address, port.unwrap_or(PORT))
    };
    living.map(|instance| (instance.id.clone(), place(instance))).collect()
}
