//! The ledger's store: compare-and-swap on an object store in memory, and S3's answers as they come over HTTP.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

mod loopback;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use etcd_asg::adapters::Ended;
use etcd_asg::adapters::ledger::{LedgerStore, LedgerStoreError, StoredLedger, Write};
use loopback::{Loopback, Reply};
use membership::ids::{ClusterName, InstanceId, Timestamp};
use membership::invocation::{Retry, Written};
use membership::ledger::{
    Conditions, FORMAT, Generation, GroupIdentity, Ledger, Phase, Seed, Source, Writer,
};
use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

fn cluster() -> ClusterName {
    ClusterName::from("main")
}

fn ledger(revision: u64) -> Ledger {
    Ledger {
        format: FORMAT,
        revision,
        writer: Writer { request: "request".into(), nonce: "nonce".into() },
        at: Timestamp(revision),
        group: GroupIdentity { name: "group".to_owned(), arn: "arn".to_owned(), vpc: "vpc".to_owned() },
        generation: Generation {
            number: 1,
            token: "main-1".to_owned(),
            seed: Some(Seed {
                instance: InstanceId::from("i-1234abcd"),
                peer_url: "http://127.0.0.1:2380".to_owned(),
            }),
            source: Source::New,
            opened_at: Timestamp(1),
            opened_by: "test".to_owned(),
            phase: Phase::Opened,
            identity: None,
        },
        instances: BTreeMap::new(),
        claim: None,
        unanswered: Vec::new(),
        conditions: Conditions::default(),
        failures: None,
        history: Vec::new(),
        hooks: membership::ledger::HookNames::default(),
        refused: membership::ledger::RefusedCalls::default(),
        moved_to: None,
    }
}

fn in_memory() -> (Arc<InMemory>, LedgerStore) {
    let objects = Arc::new(InMemory::new());
    (objects.clone(), LedgerStore::new(objects, "/ledgers/"))
}

/// A store over S3's protocol, at a server whose answers the test gives.
fn over_http(server: &Loopback) -> LedgerStore {
    let builder = AmazonS3Builder::new()
        .with_region("eu-central-1")
        .with_access_key_id("id")
        .with_secret_access_key("secret")
        .with_endpoint(&server.url);
    LedgerStore::s3_with(builder, "bucket", "ledgers").unwrap()
}

async fn read(store: &LedgerStore) -> StoredLedger {
    store.read(&cluster()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_ledger_is_created_once_and_replaced_only_as_it_was_read() {
    let (objects, store) = in_memory();
    assert!(store.read(&cluster()).await.unwrap().is_none());
    let Write::Done(first) = store.create(&cluster(), &ledger(1)).await.unwrap() else {
        panic!("not created")
    };
    assert!(matches!(store.create(&cluster(), &ledger(9)).await.unwrap(), Write::Conflict));

    let seen = read(&store).await;
    assert_eq!((seen.ledger, &seen.etag), (ledger(1), &first));
    let Write::Done(second) = store.replace(&cluster(), &ledger(2), &first).await.unwrap() else {
        panic!("not replaced")
    };
    assert!(matches!(store.replace(&cluster(), &ledger(9), &first).await.unwrap(), Write::Conflict));
    assert_eq!(read(&store).await.ledger, ledger(2));
    assert!(matches!(store.replace(&cluster(), &ledger(3), &second).await.unwrap(), Write::Done(_)));

    let key = Path::from("ledgers/main/ledger.json");
    let bytes = objects.get(&key).await.unwrap().bytes().await.unwrap();
    assert_eq!(Ledger::from_json(&bytes).unwrap(), ledger(3));
    assert!(store.read(&ClusterName::from("other")).await.unwrap().is_none());
}

#[tokio::test]
async fn of_many_writes_at_once_exactly_one_is_made() {
    let (_, store) = in_memory();
    let writers = async |round: u64, versions: Option<StoredLedger>| {
        let writes = (0..20u64).map(|writer| {
            let (store, cluster, versions) = (store.clone(), cluster(), versions.clone());
            tokio::spawn(async move {
                let next = ledger(round * 100 + writer);
                match versions {
                    Some(seen) => store.replace(&cluster, &next, &seen.etag).await.unwrap(),
                    None => store.create(&cluster, &next).await.unwrap(),
                }
            })
        });
        let mut made = 0;
        for write in writes.collect::<Vec<_>>() {
            made += usize::from(matches!(write.await.unwrap(), Write::Done(_)));
        }
        made
    };
    assert_eq!(writers(1, None).await, 1);
    let mut revisions = BTreeSet::new();
    for round in 2..12 {
        let seen = read(&store).await;
        assert!(revisions.insert(seen.ledger.revision), "a write came back");
        assert_eq!(writers(round, Some(seen)).await, 1);
    }
}

#[tokio::test]
async fn a_ledger_that_this_version_cannot_read_is_refused_and_never_counts_as_absent() {
    let (objects, store) = in_memory();
    let newer =
        String::from_utf8(ledger(1).to_json().unwrap()).unwrap().replace("\"format\": 1", "\"format\": 2");
    for text in [newer.as_str(), "{}", "", "not JSON"] {
        let payload = PutPayload::from(text.to_owned());
        objects.put(&Path::from("ledgers/main/ledger.json"), payload).await.unwrap();
        let error = store.read(&cluster()).await.unwrap_err();
        assert!(matches!(error, LedgerStoreError::Unusable { .. }), "{text}: {error:?}");
        assert_eq!(error.ended(), Ended::NotDone(Retry::OnceMended));
    }
}

fn s3_error(status: u16, code: &str) -> Reply {
    Reply::status(status, &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"))
}

fn etag(tag: &str) -> Vec<(&'static str, String)> {
    vec![("etag", format!("\"{tag}\"")), ("last-modified", "Sun, 22 Nov 2026 06:00:00 GMT".to_owned())]
}

#[tokio::test]
async fn writes_carry_their_condition() {
    let text = String::from_utf8(ledger(1).to_json().unwrap()).unwrap();
    let server = Loopback::start(move |request| match request.method.as_str() {
        "GET" => Reply::Answer(200, etag("one"), text.clone()),
        _ => Reply::Answer(200, etag("two"), String::new()),
    })
    .await;
    let store = over_http(&server);
    let seen = read(&store).await;
    assert!(matches!(store.create(&cluster(), &ledger(1)).await.unwrap(), Write::Done(_)));
    assert!(matches!(store.replace(&cluster(), &ledger(2), &seen.etag).await.unwrap(), Write::Done(_)));

    let requests = server.requests();
    assert!(requests.iter().all(|r| r.path == "/bucket/ledgers/main/ledger.json"), "{requests:?}");
    let conditions: Vec<_> =
        requests.iter().map(|r| (r.header("if-none-match"), r.header("if-match"))).collect();
    assert_eq!(conditions, [(None, None), (Some("*"), None), (None, Some("\"one\""))]);
    assert_eq!(Ledger::from_json(&requests[2].body).unwrap(), ledger(2));
}

#[tokio::test]
async fn each_answer_to_a_write_is_understood() {
    for (status, code, expected) in [
        (412, "PreconditionFailed", "conflict"),
        (409, "ConditionalRequestConflict", "conflict"),
        (500, "InternalError", "unclear"),
        (503, "SlowDown", "unclear"),
        (403, "AccessDenied", "denied"),
    ] {
        let server = Loopback::start(move |_| s3_error(status, code)).await;
        assert_eq!(create(&server).await, expected, "{code}");
        assert_eq!(server.requests().len(), 1, "{code}: a write is sent once");
    }
    let closing = Loopback::start(|_| Reply::Close).await;
    assert_eq!(create(&closing).await, "unclear");
    let torn = Loopback::start(|_| Reply::status(200, "")).await;
    assert_eq!(create(&torn).await, "unclear", "without an ETag the ledger must be read again");
    let no_bucket = Loopback::start(|_| s3_error(404, "NoSuchBucket")).await;
    assert_eq!(create(&no_bucket).await, "no bucket");
}

async fn create(server: &Loopback) -> &'static str {
    match over_http(server).create(&cluster(), &ledger(1)).await {
        Ok(Write::Done(_)) => "done",
        Ok(Write::Conflict) => "conflict",
        Ok(write @ Write::Unclear(_)) => {
            assert_eq!(Written::from(&write), Written::Unclear);
            "unclear"
        }
        Err(LedgerStoreError::Denied { .. }) => "denied",
        Err(LedgerStoreError::NoBucket { .. }) => "no bucket",
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn only_an_absent_object_is_no_ledger() {
    let absent = Loopback::start(|_| s3_error(404, "NoSuchKey")).await;
    assert!(over_http(&absent).read(&cluster()).await.unwrap().is_none());

    let no_bucket = Loopback::start(|_| s3_error(404, "NoSuchBucket")).await;
    let error = over_http(&no_bucket).read(&cluster()).await.unwrap_err();
    assert!(matches!(error, LedgerStoreError::NoBucket { .. }), "{error:?}");

    let denied = Loopback::start(|_| s3_error(403, "AccessDenied")).await;
    let error = over_http(&denied).read(&cluster()).await.unwrap_err();
    assert!(matches!(error, LedgerStoreError::Denied { .. }), "{error:?}");
    assert_eq!(denied.requests().len(), 1, "asking again would not help");
}

#[tokio::test]
async fn a_read_that_fails_is_repeated_twice() {
    let server = Loopback::start(|_| s3_error(500, "InternalError")).await;
    let error = over_http(&server).read(&cluster()).await.unwrap_err();
    assert!(matches!(error, LedgerStoreError::Failed { .. }) && error.ended().read_again(), "{error:?}");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_given_up() {
    let server = Loopback::start(|_| Reply::Silence).await;
    let store = over_http(&server);
    let first = ledger(1);
    let (main, other) = (cluster(), ClusterName::from("other"));
    let (read, written) = tokio::join!(store.read(&main), store.create(&other, &first));
    assert!(read.is_err_and(|e| e.ended() == Ended::Unknown));
    assert!(matches!(written.unwrap(), Write::Unclear(_)));
}
