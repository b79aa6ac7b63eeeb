//! The answers of seven real versions of etcd, given to the client over HTTP: what the client makes of each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

mod loopback;

use std::collections::BTreeSet;
use std::path::Path;

use etcd_asg::adapters::etcd::{EtcdClient, EtcdError, EtcdTls, Timeouts};
use loopback::{Loopback, Reply};
use membership::alarm::Alarm;
use membership::etcd::{DbSize, MemberList, Status};
use membership::ids::MemberId;
use membership::invocation::Retry;
use serde_json::Value;

const VERSIONS: [&str; 7] = ["3.4.23", "3.5.1", "3.5.16", "3.5.30", "3.5.35", "3.6.14", "3.7.3"];

/// What each recorded failure means. An answer with status 200 is read in full instead.
const MEANINGS: &[(&str, &str)] = &[
    ("auth_status_noauth", "authentication needed"),
    ("learner_member_list", "refused"),
    ("noleader_member_list_lin", "unfinished"),
    ("auth_member_list_noauth", "authentication needed"),
    ("auth_badtoken", "authentication needed"),
    ("noleader_range_lin", "unfinished"),
    ("learner_range_lin", "refused"),
    ("add_dup_learner", "refused"),
    ("add_duplicate_url", "refused"),
    ("add_overlap_url", "refused"),
    ("add_learner_2", "refused"),
    ("add_bad_url", "refused"),
    ("unhealthy_add_right_after_start", "refused, soon"),
    ("readd_same_second", "refused, soon"),
    ("noleader_add_learner", "refused, soon"),
    ("auth_add_noauth", "authentication needed"),
    ("auth_add_bob", "authentication needed"),
    ("learner_add", "refused"),
    ("promote_notready", "refused, soon"),
    ("promote_never_started", "refused, soon"),
    ("promote_again", "already done"),
    ("promote_nonlearner", "already done"),
    ("promote_unknown", "refused"),
    ("promote_removed", "refused"),
    ("noleader_promote", "unfinished"),
    ("learner_promote_via_self", "refused"),
    ("remove_again", "already done"),
    ("remove_unknown", "already done"),
    ("remove_last", "refused, soon"),
    ("remove_live_while_one_dead", "refused, soon"),
    ("remove_hex_id", "refused"),
    ("noleader_remove_dead_grpc_timeout", "unfinished"),
    ("remove_self_follower", "unfinished"),
    ("remove_self_leader_0", "unfinished"),
    ("remove_self_leader_2", "unfinished"),
    ("remove_self_leader_3", "unfinished"),
    ("auth_remove_noauth", "authentication needed"),
    ("learner_remove", "refused"),
    ("move_leader_bad", "refused"),
    ("move_leader_via_follower", "refused, soon"),
    ("noleader_move_leader", "refused, soon"),
    ("transfer_to_learner", "refused"),
    ("transfer_to_dead_voter_grpc_timeout", "unfinished"),
];

/// A recorded call with its answer.
struct Exchange {
    name: String,
    path: String,
    request: Value,
    status: u16,
    answer: String,
}

fn recorded(version: &str) -> Vec<Exchange> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/etcd/{version}.txt"));
    let text = std::fs::read_to_string(file).unwrap();
    text.split("\n--- ").skip(1).map(parse).collect()
}

fn parse(section: &str) -> Exchange {
    let lines: Vec<&str> = section.lines().collect();
    let [name, path, request, status, answer] = lines.as_slice() else { panic!("not a record: {section}") };
    Exchange {
        name: (*name).to_owned(),
        path: path.strip_prefix("POST ").unwrap().to_owned(),
        request: serde_json::from_str(request).unwrap(),
        status: status.parse().unwrap(),
        answer: (*answer).to_owned(),
    }
}

fn find<'a>(records: &'a [Exchange], name: &str) -> &'a Exchange {
    records.iter().find(|r| r.name == name).unwrap()
}

fn client() -> EtcdClient {
    EtcdClient::new(EtcdTls::default(), Timeouts::default()).unwrap()
}

fn class(error: &EtcdError) -> &'static str {
    match error {
        EtcdError::NotSent { .. } => "not sent",
        EtcdError::Refused { retry: Retry::Soon, .. } => "refused, soon",
        EtcdError::Refused { retry: Retry::Pointless | Retry::OnceMended, .. } => "refused",
        EtcdError::AlreadyDone { .. } => "already done",
        EtcdError::Unfinished { .. } => "unfinished",
        EtcdError::Unanswered { .. } => "unanswered",
        EtcdError::AuthenticationNeeded { .. } => "authentication needed",
        EtcdError::Malformed { .. } => "malformed",
        EtcdError::Tls(_) => "tls",
    }
}

#[derive(Debug)]
enum Read {
    Status(Status),
    List(MemberList),
    Added(MemberId, MemberList),
    Nothing,
}

fn id(request: &Value, field: &str) -> MemberId {
    // One recorded ID is not decimal and cannot be sent. Any other ID will do for its answer.
    let text = request[field].as_str().unwrap();
    MemberId(text.parse().unwrap_or(1))
}

async fn call(url: &str, record: &Exchange) -> Result<Read, EtcdError> {
    let (client, request) = (client(), &record.request);
    match record.path.as_str() {
        "/v3/maintenance/status" => client.status(url).await.map(Read::Status),
        "/v3/kv/range" => client.list(url, Some("3.4.23")).await.map(Read::List),
        "/v3/cluster/member/list" => client.list(url, Some("3.6.16")).await.map(Read::List),
        "/v3/cluster/member/add" => {
            let peer_url = request["peerURLs"][0].as_str().unwrap();
            client.add_learner(url, peer_url).await.map(|(id, list)| Read::Added(id, list))
        }
        "/v3/cluster/member/promote" => client.promote(url, id(request, "ID")).await.map(Read::List),
        "/v3/cluster/member/remove" => client.remove(url, id(request, "ID")).await.map(Read::List),
        "/v3/maintenance/transfer-leadership" => {
            client.move_leader(url, id(request, "targetID")).await.map(|()| Read::Nothing)
        }
        path => panic!("{path} is not called"),
    }
}

/// Plays the record to the client and returns what the client makes of it. The request must be the recorded request.
async fn play(version: &str, record: &Exchange) -> Result<Read, EtcdError> {
    let (status, answer) = (record.status, record.answer.clone());
    let server = Loopback::start(move |_| Reply::status(status, &answer)).await;
    let outcome = call(&server.url, record).await;
    let requests = server.requests();
    let [request] = requests.as_slice() else { panic!("{version} {}: {requests:?}", record.name) };
    let context = format!("{version} {}", record.name);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", record.path.as_str()), "{context}");
    assert!(request.header("grpc-timeout").is_some(), "{context}");
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    if record.name != "remove_hex_id" && record.path != "/v3/kv/range" {
        for (field, value) in record.request.as_object().unwrap() {
            assert_eq!(&sent[field], value, "{context}: {field}");
        }
    }
    outcome
}

#[tokio::test]
async fn every_recorded_failure_is_understood() {
    let mut seen = BTreeSet::new();
    for version in VERSIONS {
        for record in recorded(version).iter().filter(|r| r.status != 200) {
            let expected = MEANINGS.iter().find(|(name, _)| *name == record.name);
            let (name, meaning) = expected.unwrap_or_else(|| panic!("{version} {}: no meaning", record.name));
            let error = play(version, record).await.unwrap_err();
            assert_eq!(class(&error), *meaning, "{version} {name}: {error}");
            seen.insert(*name);
        }
    }
    let unseen: Vec<_> = MEANINGS.iter().filter(|(name, _)| !seen.contains(name)).collect();
    assert!(unseen.is_empty(), "no recorded failure: {unseen:?}");
}

#[tokio::test]
async fn every_recorded_success_is_read_in_full() {
    for version in VERSIONS {
        let mut read = 0;
        for record in recorded(version).iter().filter(|r| r.status == 200 && r.path != "/v3/kv/range") {
            let context = format!("{version} {}", record.name);
            let expected: Value = serde_json::from_str(&record.answer).unwrap();
            match play(version, record).await.unwrap() {
                Read::Status(status) => assert_status(&status, &expected, &context),
                Read::List(list) => assert_list(&list, &expected, &context),
                Read::Added(id, list) => {
                    assert_eq!(id.0.to_string(), expected["member"]["ID"], "{context}");
                    assert!(list.get(id).is_some_and(|m| m.learner && !m.started()), "{context}");
                    assert_list(&list, &expected, &context);
                }
                Read::Nothing => assert_eq!(record.path, "/v3/maintenance/transfer-leadership", "{context}"),
            }
            read += 1;
        }
        assert!(read >= 7, "{version}: only {read} successes recorded");
    }
}

fn assert_status(status: &Status, expected: &Value, context: &str) {
    let number = |field: &Value| field.as_str().unwrap_or("0").parse::<u64>().unwrap();
    assert_eq!(status.cluster.0, number(&expected["header"]["cluster_id"]), "{context}");
    assert_eq!(status.member.0, number(&expected["header"]["member_id"]), "{context}");
    assert_eq!(status.leader.map_or(0, |l| l.0), number(&expected["leader"]), "{context}");
    assert_eq!(status.term, number(&expected["raftTerm"]), "{context}");
    assert_eq!(status.applied, number(&expected["raftAppliedIndex"]), "{context}");
    assert_eq!(status.learner, expected["isLearner"].as_bool().unwrap_or(false), "{context}");
    assert_eq!(status.version, expected["version"], "{context}");
    let errors = expected["errors"].as_array().cloned().unwrap_or_default();
    let errors = errors.iter().map(|words| words.as_str().unwrap().trim());
    let alarms: Vec<Alarm> = errors.filter_map(Alarm::parse).collect();
    assert_eq!(status.alarms, alarms, "{context}");
    assert_eq!(status.troubles, Vec::<String>::new(), "{context}");
    assert_eq!(status.revision, number(&expected["header"]["revision"]), "{context}");
    let quota = Some(number(&expected["dbSizeQuota"])).filter(|quota| *quota > 0);
    let (file, in_use) = (number(&expected["dbSize"]), number(&expected["dbSizeInUse"]));
    assert_eq!(status.size, DbSize { file, in_use, quota }, "{context}");
    assert_eq!(status.downgrade, None, "{context}");
}

fn assert_list(list: &MemberList, expected: &Value, context: &str) {
    assert_eq!(list.cluster.0.to_string(), expected["header"]["cluster_id"], "{context}");
    assert_eq!(list.served_by.0.to_string(), expected["header"]["member_id"], "{context}");
    let entries = expected["members"].as_array().unwrap();
    assert_eq!(list.members.len(), entries.len(), "{context}");
    for (member, entry) in list.members.iter().zip(entries) {
        let urls = |field: &str| entry[field].as_array().cloned().unwrap_or_default();
        assert_eq!(member.id.0.to_string(), entry["ID"], "{context}");
        assert_eq!(member.name, entry["name"].as_str().unwrap_or(""), "{context}");
        assert_eq!(Value::from(member.peer_urls.clone()), Value::from(urls("peerURLs")), "{context}");
        assert_eq!(Value::from(member.client_urls.clone()), Value::from(urls("clientURLs")), "{context}");
        assert_eq!(member.learner, entry["isLearner"].as_bool().unwrap_or(false), "{context}");
    }
}

/// The assertions above compare fields that are left out when they are zero. Each of them is there at least once.
#[tokio::test]
async fn statuses_with_and_without_leader_learner_and_alarm_are_told_apart() {
    for (name, versions) in
        [("status", 7), ("noleader_status", 6), ("learner_status", 5), ("nospace_status", 5)]
    {
        let mut played = 0;
        for version in VERSIONS {
            let records = recorded(version);
            let Some(record) = records.iter().find(|r| r.name == name) else { continue };
            let Read::Status(status) = play(version, record).await.unwrap() else {
                panic!("{version} {name}")
            };
            assert_eq!(status.leader.is_none(), name == "noleader_status", "{version} {name}");
            assert_eq!(status.learner, name == "learner_status", "{version} {name}");
            assert_eq!(status.alarms.len(), usize::from(name == "nospace_status"), "{version} {name}");
            played += 1;
        }
        assert!(played >= versions, "{name} is recorded of {played} versions only");
    }
}

/// 3.4 ignores the wish for a linearizable list, so a linearizable range at the same member comes first.
#[tokio::test]
async fn where_a_list_may_be_stale_a_linearizable_range_comes_first() {
    let records = recorded("3.4.23");
    let list = find(&records, "member_list_linearizable").answer.clone();
    let served_by = serde_json::from_str::<Value>(&list).unwrap()["header"]["member_id"].clone();
    let range = move |served_by: &Value| {
        let mut answer: Value = serde_json::from_str(&find(&records, "range").answer).unwrap();
        answer["header"]["member_id"] = served_by.clone();
        answer.to_string()
    };
    for (version, ranged_at, paths) in [
        (Some("3.4.23"), served_by.clone(), vec!["/v3/kv/range", "/v3/cluster/member/list"]),
        (None, served_by.clone(), vec!["/v3/kv/range", "/v3/cluster/member/list"]),
        (Some("3.4.23"), Value::from("1"), vec!["/v3/kv/range", "/v3/cluster/member/list"]),
        (Some("3.5.35"), Value::from("1"), vec!["/v3/cluster/member/list"]),
    ] {
        let (range, list) = (range(&ranged_at), list.clone());
        let server = Loopback::start(move |request| {
            Reply::status(200, if request.path == "/v3/kv/range" { &range } else { &list })
        })
        .await;
        let outcome = client().list(&server.url, version).await;
        let requests = server.requests();
        assert_eq!(requests.iter().map(|r| r.path.as_str()).collect::<Vec<_>>(), paths);
        match outcome {
            Ok(list) => assert_eq!(list.served_by.0.to_string(), served_by),
            Err(error) => {
                assert_eq!(class(&error), "malformed", "{error}");
                assert_eq!(ranged_at, "1", "another member served the range: {error}");
                assert_eq!(version, Some("3.4.23"));
            }
        }
        if let [range, _] = requests.as_slice() {
            let sent: Value = serde_json::from_slice(&range.body).unwrap();
            assert_eq!(sent.get("serializable"), None, "the range must be linearizable");
        }
    }
}
