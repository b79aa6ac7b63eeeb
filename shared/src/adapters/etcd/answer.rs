//! etcd's answers in JSON. 64-bit numbers are decimal strings, and values that are zero, false or empty are left out.

use membership::alarm::Alarm;
use membership::etcd::{DbSize, KeysHash, Member, MemberList, Status};
use membership::ids::{ClusterId, MemberId};
use membership::words::one_line;
use serde::{Deserialize, Deserializer, de};
use std::str::FromStr;

#[derive(Deserialize)]
struct Header {
    cluster_id: ClusterId,
    member_id: MemberId,
    #[serde(default, deserialize_with = "decimal")]
    revision: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusAnswer {
    header: Header,
    version: String,
    leader: Option<MemberId>,
    #[serde(deserialize_with = "decimal")]
    raft_term: u64,
    #[serde(deserialize_with = "decimal")]
    raft_applied_index: u64,
    #[serde(default)]
    is_learner: bool,
    /// Alarms, and other troubles of the server, such as `etcdserver: no leader`.
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default, deserialize_with = "decimal")]
    db_size: u64,
    #[serde(default, deserialize_with = "decimal")]
    db_size_in_use: u64,
    /// 3.6 and newer. `storageVersion`, which they tell too, follows the cluster's version and decides nothing here.
    #[serde(default, deserialize_with = "decimal")]
    db_size_quota: u64,
    #[serde(default)]
    downgrade_info: Downgrade,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Downgrade {
    enabled: bool,
    target_version: String,
}

/// What a status says beside its alarms where the server follows no leader. The field `leader` says it as well.
const NO_LEADER: &str = "etcdserver: no leader";

impl From<StatusAnswer> for Status {
    fn from(answer: StatusAnswer) -> Self {
        Self {
            cluster: answer.header.cluster_id,
            member: answer.header.member_id,
            leader: answer.leader.filter(|leader| leader.0 != 0),
            term: answer.raft_term,
            applied: answer.raft_applied_index,
            learner: answer.is_learner,
            version: answer.version,
            revision: answer.header.revision,
            alarms: answer.errors.iter().filter_map(|words| Alarm::parse(words)).collect(),
            troubles: troubles(&answer.errors),
            size: DbSize {
                file: answer.db_size,
                in_use: answer.db_size_in_use,
                quota: Some(answer.db_size_quota).filter(|quota| *quota > 0),
            },
            downgrade: Some(answer.downgrade_info)
                .filter(|downgrade| downgrade.enabled)
                .map(|downgrade| one_line(downgrade.target_version)),
        }
    }
}

fn troubles(errors: &[String]) -> Vec<String> {
    let others = errors.iter().map(|words| words.trim()).filter(|words| Alarm::parse(words).is_none());
    others.filter(|words| *words != NO_LEADER).map(one_line).collect()
}

/// The answer to a hash of the keys. A revision of 0 is left out; -1 says that nothing was ever compacted.
#[derive(Deserialize)]
pub(super) struct HashAnswer {
    header: Header,
    #[serde(default)]
    hash: u32,
    #[serde(default, deserialize_with = "decimal")]
    compact_revision: i64,
}

impl HashAnswer {
    /// The hash of the keys up to the revision that was asked for.
    pub(super) fn at(self, revision: u64) -> KeysHash {
        KeysHash {
            cluster: self.header.cluster_id,
            member: self.header.member_id,
            revision,
            compacted: self.compact_revision,
            hash: self.hash,
        }
    }
}

#[derive(Deserialize)]
struct MemberEntry {
    #[serde(rename = "ID")]
    id: MemberId,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
    #[serde(default, rename = "clientURLs")]
    client_urls: Vec<String>,
    #[serde(default, rename = "isLearner")]
    learner: bool,
}

impl From<MemberEntry> for Member {
    fn from(entry: MemberEntry) -> Self {
        Self {
            id: entry.id,
            name: entry.name,
            peer_urls: entry.peer_urls,
            client_urls: entry.client_urls,
            learner: entry.learner,
        }
    }
}

/// The answer to a list, a promotion or a removal. A list without members is left out of the JSON, as every empty
/// value. The caller judges whether it makes sense.
#[derive(Deserialize)]
pub(super) struct Members {
    header: Header,
    #[serde(default)]
    members: Vec<MemberEntry>,
}

impl From<Members> for MemberList {
    fn from(answer: Members) -> Self {
        Self {
            cluster: answer.header.cluster_id,
            served_by: answer.header.member_id,
            members: answer.members.into_iter().map(Member::from).collect(),
        }
    }
}

#[derive(Deserialize)]
struct NewMember {
    #[serde(rename = "ID")]
    id: MemberId,
}

/// The answer to an addition.
#[derive(Deserialize)]
pub(super) struct Added {
    member: NewMember,
    #[serde(flatten)]
    list: Members,
}

impl From<Added> for (MemberId, MemberList) {
    fn from(answer: Added) -> Self {
        (answer.member.id, answer.list.into())
    }
}

/// The answer to a range. Only the member that served it matters here.
#[derive(Deserialize)]
pub(super) struct Ranged {
    header: Header,
}

impl Ranged {
    pub(super) fn served_by(&self) -> MemberId {
        self.header.member_id
    }
}

/// An error in etcd's own words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) message: String,
    /// The gRPC status code.
    pub(super) code: Option<u32>,
}

/// 3.4 and 3.5 have `error`, `message` and `code`; from 3.6 on there is no `error`. Streams wrap all of it in
/// `error`, and 3.5 calls the code `grpc_code` there.
#[derive(Deserialize)]
struct FailureAnswer {
    message: Option<String>,
    error: Option<ErrorField>,
    #[serde(alias = "grpc_code")]
    code: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorField {
    Words(String),
    Wrapped(Box<FailureAnswer>),
}

impl Failure {
    /// Reads an error. `None` where the body is not an error of etcd.
    pub(super) fn parse(body: &[u8]) -> Option<Failure> {
        let answer: FailureAnswer = serde_json::from_slice(body).ok()?;
        answer.into_failure()
    }
}

impl FailureAnswer {
    fn into_failure(self) -> Option<Failure> {
        match (self.message, self.error) {
            (Some(message), _) | (None, Some(ErrorField::Words(message))) => {
                Some(Failure { message, code: self.code })
            }
            (None, Some(ErrorField::Wrapped(inner))) => inner.into_failure(),
            (None, None) => None,
        }
    }
}

fn decimal<'de, D: Deserializer<'de>, N: FromStr>(deserializer: D) -> Result<N, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom(format!("{text:?} is not a decimal 64-bit number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_a_failure_is_read() {
        let expected = Failure { message: "etcdserver: no leader".to_owned(), code: Some(14) };
        for shape in [
            r#"{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}"#,
            r#"{"error":"etcdserver: no leader","code":14,"message":"etcdserver: no leader"}"#,
            r#"{"code":14,"message":"etcdserver: no leader"}"#,
            r#"{"code":14,"message":"etcdserver: no leader","details":[]}"#,
            r#"{"error":"etcdserver: no leader","code":14}"#,
            r#"{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"x"}}"#,
        ] {
            assert_eq!(Failure::parse(shape.as_bytes()).as_ref(), Some(&expected), "{shape}");
        }
    }

    #[test]
    fn a_body_that_is_not_etcds_is_no_failure_of_etcd() {
        for body in ["", "Method Not Allowed", "404 page not found", "{}", "[]", r#"{"message":3}"#] {
            assert_eq!(Failure::parse(body.as_bytes()), None, "{body}");
        }
    }
}
