//! Asks the instances' etcds for their own state, only while somebody looks at the page, and without a quorum
//! read.

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

/// The answer of one etcd about itself and its cluster.
#[derive(Debug, Serialize)]
#[serde(tag = "answers", rename_all = "kebab-case")]
enum Said {
    Yes(Box<Answer>),
    No { why: String },
}

#[derive(Debug, Serialize)]
struct Answer {
    cluster: Value,
    member: Value,
    leader: Value,
    term: Value,
    applied: Value,
    version: Value,
    size: Value,
    errors: Value,
    /// The member list as this member knows it: not a linearizable read.
    list: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Value,
    /// Empty until the member has started.
    name: Value,
    learner: bool,
    peers: Value,
}

impl Asker {
    /// Asks the etcd of every instance that runs, all at once.
    pub async fn ask(&self, parts: &Parts) -> Value {
        if !parts.site.options.machines {
            return json!({});
        }
        let asked = parts.world.look(addresses).into_iter().map(async |(instance, (address, port))| {
            let said = self.ask_one(&format!("http://{address}:{port}")).await;
            (instance, said.map_or_else(|why| Said::No { why }, |answer| Said::Yes(Box::new(answer))))
        });
        let said: BTreeMap<String, Said> = join_all(asked).await.into_iter().collect();
        json!(said)
    }

    async fn ask_one(&self, url: &str) -> Result<Answer, String> {
        let (status, list) = tokio::try_join!(
            self.post(format!("{url}/v3/maintenance/status")),
            self.post(format!("{url}/v3/cluster/member/list")),
        )?;
        let members = list.get("members").and_then(Value::as_array);
        let listed = members.into_iter().flatten().map(|member| Listed {
            id: member["ID"].clone(),
            name: member["name"].clone(),
            learner: member["isLearner"] == true,
            peers: member["peerURLs"].clone(),
        });
        Ok(Answer {
            cluster: status["header"]["cluster_id"].clone(),
            member: status["header"]["member_id"].clone(),
            leader: status["leader"].clone(),
            term: status["raftTerm"].clone(),
            applied: status["raftAppliedIndex"].clone(),
            version: status["version"].clone(),
            size: status["dbSize"].clone(),
            errors: status["errors"].clone(),
            list: listed.collect(),
        })
    }

    async fn post(&self, url: String) -> Result<Value, String> {
        let http = self.http.get_or_init(client).as_ref().map_err(Clone::clone)?;
        let answer = http.post(url).json(&json!({})).send().await.map_err(|error| why(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| why(&error))?;
        if !status.is_success() {
            return Err(format!("answers {status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("its answer is not JSON: {error}"))
    }
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
