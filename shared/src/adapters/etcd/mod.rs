//! etcd's members, asked through their JSON gateway (3.4 to 3.7).
//!
//! Each call goes to the one member whose client URL is given, over HTTP/1.1, without redirects or retries, so it is
//! known exactly what was sent. A call that is dropped closes its connection. `HTTP_PROXY`, `HTTPS_PROXY` and
//! `NO_PROXY` are honoured. Behind a proxy, a refused connection counts as a lost answer.

mod answer;
mod error;
mod message;
mod metrics;
mod probe;

use std::collections::BTreeSet;
use std::time::Duration;

use membership::etcd::{KeysHash, MemberList, Status};
use membership::ids::MemberId;
use membership::version::{Minor, Version};
use reqwest::{Certificate, Client, Identity, redirect, retry};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use answer::{Added, Failure, HashAnswer, Members, Ranged, StatusAnswer};
pub use error::EtcdError;
use message::Operation;
pub use probe::Probed;

/// How much longer than etcd itself the client waits for the answer to a change. An answer that etcd gives just in
/// time must not be lost on its way.
const ANSWER_SLACK: Duration = Duration::from_secs(1);
/// No answer of etcd to these calls comes near this size. A larger answer is not etcd's.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// The first minor that honours `linearizable` in the request for a list. 3.4 ignores it.
const FIRST_WITH_LINEARIZABLE_LISTS: Minor = Minor(3, 5);

/// What the client of a cluster with TLS needs. `http` URLs need nothing of it.
#[derive(Clone, Default)]
pub struct EtcdTls {
    /// The certificate authorities (PEM, one or several) that a server's certificate must come from. The system's own
    /// authorities are never trusted: they say nothing about a member, and reading them takes longer than most calls.
    pub authorities: Option<Vec<u8>>,
    /// The client's certificate chain and its private key (PEM, PKCS#8, PKCS#1 or SEC1).
    pub client: Option<ClientCertificate>,
}

/// A client certificate with its key.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate chain, PEM.
    pub certificate: Vec<u8>,
    /// The private key, PEM.
    pub key: Vec<u8>,
}

/// How long each kind of call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The time to connect, with the TLS handshake.
    pub connect: Duration,
    /// The time of a status probe.
    pub probe: Duration,
    /// The time of a linearizable read: longer than a healthy cluster needs, shorter than an election may take (7 s).
    pub list: Duration,
    /// The time of a hash of all keys.
    pub hash: Duration,
    /// The time of a change: sent to etcd as `Grpc-Timeout`, after which etcd gives it up. The client waits 1 s
    /// longer.
    pub change: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(900),
            probe: Duration::from_secs(1),
            list: Duration::from_secs(2),
            hash: Duration::from_secs(10),
            change: Duration::from_secs(3),
        }
    }
}

impl Timeouts {
    /// The longest that a change can go without an outcome, from the moment it is sent.
    pub fn longest_change(&self) -> Duration {
        self.change + ANSWER_SLACK
    }
}

/// A client for all members of one cluster. It lives as long as one invocation and leaves no connection behind.
#[derive(Debug)]
pub struct EtcdClient {
    http: Client,
    timeouts: Timeouts,
}

struct Call<'a> {
    member: &'a str,
    operation: Operation,
    body: Value,
}

impl EtcdClient {
    /// Makes a client with these certificates. It connects to nothing yet.
    pub fn new(tls: EtcdTls, timeouts: Timeouts) -> Result<Self, EtcdError> {
        let builder = Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .connect_timeout(timeouts.connect)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30));
        let builder = drop_unsent_after(builder, timeouts.longest_change());
        let http = with_certificates(builder, tls).and_then(reqwest::ClientBuilder::build);
        Ok(Self { http: http.map_err(EtcdError::Tls)?, timeouts })
    }

    /// What the member says of itself. A learner answers, too, and so does a member without a quorum.
    pub async fn status(&self, url: &str) -> Result<Status, EtcdError> {
        let call = Call { member: url, operation: Operation::Status, body: json!({}) };
        let status: StatusAnswer = self.ask(&call, self.timeouts.probe).await?;
        Ok(status.into())
    }

    /// The hash of the keys of this one member, up to this revision. The member reads its whole database for it: some
    /// seconds a gigabyte.
    /// `limit` is the time that the caller has.
    pub async fn hash(&self, url: &str, revision: u64, limit: Duration) -> Result<KeysHash, EtcdError> {
        let body = json!({ "revision": revision.to_string() });
        let call = Call { member: url, operation: Operation::HashKeys, body };
        let answer: HashAnswer = self.ask(&call, self.timeouts.hash.min(limit)).await?;
        Ok(answer.at(revision))
    }

    /// The member list, read linearizably: it answers only with a quorum behind it.
    ///
    /// `version` is what the member's status said. 3.4 ignores the wish for a linearizable list. There, and where the
    /// version is not known, a linearizable range at the same member comes first: it waits until the member has
    /// applied all that was committed before, including changes of the membership.
    pub async fn list(&self, url: &str, version: Option<&str>) -> Result<MemberList, EtcdError> {
        let before = if lists_linearizably(version) { None } else { Some(self.read_barrier(url).await?) };
        let body = json!({ "linearizable": true });
        let call = Call { member: url, operation: Operation::List, body };
        let list = MemberList::from(self.ask::<Members>(&call, self.timeouts.list).await?);
        match before {
            Some(server) if server != list.served_by => Err(EtcdError::Malformed {
                url: url.to_owned(),
                what: format!("member {server} served the range and {} the list", list.served_by),
                status: None,
                source: None,
            }),
            _ => Ok(list),
        }
    }

    /// Adds a learner. Returns its member ID and etcd's member list after the addition.
    pub async fn add_learner(&self, url: &str, peer_url: &str) -> Result<(MemberId, MemberList), EtcdError> {
        let body = json!({ "peerURLs": [peer_url], "isLearner": true });
        let added: Added = self.change(url, Operation::Add, body).await?;
        Ok(added.into())
    }

    /// Makes a voter of a learner.
    pub async fn promote(&self, url: &str, member: MemberId) -> Result<MemberList, EtcdError> {
        let members: Members = self.change(url, Operation::Promote, json!({ "ID": member })).await?;
        Ok(members.into())
    }

    /// Removes a member, learner or voter.
    pub async fn remove(&self, url: &str, member: MemberId) -> Result<MemberList, EtcdError> {
        let members: Members = self.change(url, Operation::Remove, json!({ "ID": member })).await?;
        Ok(members.into())
    }

    /// Asks the leader to hand leadership to a voter. Another member than the leader refuses.
    pub async fn move_leader(&self, url: &str, to: MemberId) -> Result<(), EtcdError> {
        let _: Value = self.change(url, Operation::MoveLeader, json!({ "targetID": to })).await?;
        Ok(())
    }

    /// The members to which this member is sending a snapshot, by its own metrics.
    pub async fn snapshots_in_flight(&self, url: &str) -> Result<BTreeSet<MemberId>, EtcdError> {
        let request =
            self.http.get(format!("{}/metrics", url.trim_end_matches('/'))).timeout(self.timeouts.probe);
        let mut response = request.send().await.map_err(|e| EtcdError::from_http(url, e))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| EtcdError::from_http(url, e))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(EtcdError::malformed(url, "its metrics are larger than 1 MiB", None));
            }
        }
        Ok(metrics::snapshots_in_flight(&String::from_utf8_lossy(&body)))
    }

    /// Asks the leader for a lease of five seconds that nobody uses: one entry in the log, and one more when it ends.
    pub async fn grant_lease(&self, url: &str) -> Result<(), EtcdError> {
        let _: Value = self.change(url, Operation::GrantLease, json!({ "TTL": 5 })).await?;
        Ok(())
    }

    /// Reads a range linearizably and returns the member that served it. Any key will do; the key here is a zero
    /// byte.
    async fn read_barrier(&self, url: &str) -> Result<MemberId, EtcdError> {
        let body = json!({ "key": "AA==", "count_only": true });
        let call = Call { member: url, operation: Operation::Range, body };
        let ranged: Ranged = self.ask(&call, self.timeouts.list).await?;
        Ok(ranged.served_by())
    }

    async fn change<T: DeserializeOwned>(
        &self,
        member: &str,
        operation: Operation,
        body: Value,
    ) -> Result<T, EtcdError> {
        self.ask(&Call { member, operation, body }, self.timeouts.change).await
    }

    async fn ask<T: DeserializeOwned>(&self, call: &Call<'_>, limit: Duration) -> Result<T, EtcdError> {
        let patience = if call.operation.changes() { limit + ANSWER_SLACK } else { limit };
        let request = self
            .http
            .post(format!("{}{}", call.member.trim_end_matches('/'), call.operation.path()))
            .header("Grpc-Timeout", format!("{}m", limit.as_millis()))
            .timeout(patience)
            .json(&call.body);
        let mut response = request.send().await.map_err(|e| EtcdError::from_http(call.member, e))?;
        let succeeded = response.status().is_success();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| EtcdError::from_http(call.member, e))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(EtcdError::malformed(call.member, "it is larger than 1 MiB", None));
            }
        }
        if succeeded {
            serde_json::from_slice(&body)
                .map_err(|e| EtcdError::malformed(call.member, call.operation.path(), Some(e)))
        } else {
            Err(failure(call, response.status().as_u16(), &body))
        }
    }
}

fn failure(call: &Call<'_>, status: u16, body: &[u8]) -> EtcdError {
    match Failure::parse(body) {
        Some(failure) => EtcdError::from_words(call.member, call.operation, failure.message, failure.code),
        None => EtcdError::Malformed {
            url: call.member.to_owned(),
            what: format!("HTTP status {status} without etcd's words"),
            status: Some(status),
            source: None,
        },
    }
}

/// Has the kernel drop what a closed socket has not sent after this time (`TCP_USER_TIMEOUT`, tcp(7)). Without it,
/// the kernel goes on sending: a change that was given up at 4 s on a cut network reached its server at 27 s, seven
/// seconds after the network was healed.
#[cfg(target_os = "linux")]
fn drop_unsent_after(builder: reqwest::ClientBuilder, after: Duration) -> reqwest::ClientBuilder {
    builder.tcp_user_timeout(after)
}

/// Lambda runs on Linux. On other systems only tests run.
#[cfg(not(target_os = "linux"))]
fn drop_unsent_after(builder: reqwest::ClientBuilder, _after: Duration) -> reqwest::ClientBuilder {
    builder
}

fn with_certificates(
    mut builder: reqwest::ClientBuilder,
    tls: EtcdTls,
) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    let authorities = tls.authorities.map(|pem| Certificate::from_pem_bundle(&pem)).transpose()?;
    builder = builder.tls_certs_only(authorities.unwrap_or_default());
    if let Some(client) = tls.client {
        let pem = [client.certificate.as_slice(), b"\n", client.key.as_slice()].concat();
        builder = builder.identity(Identity::from_pem(&pem)?);
    }
    Ok(builder)
}

/// Whether the server honours `linearizable` in the request for a list. A version that cannot be read does not count.
fn lists_linearizably(version: Option<&str>) -> bool {
    version.and_then(Version::parse).is_some_and(|version| version.minor >= FIRST_WITH_LINEARIZABLE_LISTS)
}

#[cfg(test)]
mod tests {
    use super::lists_linearizably;

    #[test]
    fn lists_are_linearizable_by_themselves_from_3_5_on() {
        for (version, linearizable) in [
            (Some("3.4.23"), false),
            (Some("3.5.0"), true),
            (Some("3.10.1"), true),
            (Some("4.0.0"), true),
            (Some("3.6.0-rc.1"), true),
            (Some("3.6"), false),
            (Some("Not decided"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(lists_linearizably(version), linearizable, "{version:?}");
        }
    }
}
