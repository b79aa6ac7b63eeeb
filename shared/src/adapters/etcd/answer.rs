//! etcd's answers in JSON. 64-bit numbers are decimal strings, and values that are zero, false or empty are left out.

use membership::etcd::{Member, MemberList, Status};
use membership::ids::{ClusterId, MemberId};
use serde::{Deserialize, Deserializer, de};

#[derive(Deserialize)]
struct Header {
    cluster_id: ClusterId,
    member_id: MemberId,
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
}

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
            alarms: answer
                .errors
                .iter()
                .filter(|e| e.contains("alarm:"))
                .map(|e| e.trim().to_owned())
                .collect(),
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

/// The answer to a list, a promotion or a removal. A list without members is left out of the JSON, as every empty value.
/// The caller judges whether it makes sense.
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

/// 3.4 and 3.5 have `error`, `message` and `code`; from 3.6 on there is no `error`. Streams wrap all of it in `error`,
/// and 3.5 calls the code `grpc_code` there.
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

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
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
