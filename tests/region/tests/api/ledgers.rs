//! S3: conditional writes are atomic, and every version is kept.

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig, UpdateVersion};
use region::Options;
use region::site::{REGION, SECRET_ACCESS_KEY};

use crate::support::{Fixture, options};

pub fn store(fixture: &Fixture) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint(fixture.region.endpoint())
        .with_allow_http(true)
        .with_region(REGION)
        .with_bucket_name("etcd-asg-ledger")
        .with_access_key_id("AKIATEST")
        .with_secret_access_key(SECRET_ACCESS_KEY)
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .build()
        .expect("a store")
}

pub fn options_for(mode: PutMode) -> PutOptions {
    PutOptions { mode, ..PutOptions::default() }
}

async fn versions(fixture: &Fixture, key: &str) -> Vec<serde_json::Value> {
    let url = format!("{}/_region/ledgers/{key}", fixture.region.endpoint());
    let text = reqwest::get(url).await.expect("the page").text().await.expect("its text");
    serde_json::from_str(&text).expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_versions_after_one_and_the_last_alone() {
    let fixture = Fixture::start(options()).await;
    let key = Path::from("ledgers/c/ledger.json");
    for number in 1..=3 {
        store(&fixture).put(&key, format!("{{\"writer\":{number}}}").into()).await.expect("a write");
    }
    for (which, numbers) in
        [("", vec![1, 2, 3]), ("?after=1", vec![2, 3]), ("?after=9", vec![]), ("?last=true", vec![3])]
    {
        let shown = versions(&fixture, &format!("ledgers/c/ledger.json{which}")).await;
        let shown: Vec<u64> = shown.iter().filter_map(|v| v["number"].as_u64()).collect();
        assert_eq!(shown, numbers, "{which}");
    }
    fixture.region.shutdown().await;
}

/// Runs fifty writes at once and returns how many succeeded.
async fn race(store: &AmazonS3, key: &Path, mode: impl Fn() -> PutMode) -> usize {
    let writes = (0..50).map(|number| {
        let options = options_for(mode());
        async move { store.put_opts(key, format!("{{\"writer\":{number}}}").into(), options).await }
    });
    let results = futures::future::join_all(writes).await;
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        let lost = matches!(error, Error::Precondition { .. } | Error::AlreadyExists { .. });
        let conflict = error.to_string().contains("ConditionalRequestConflict");
        assert!(lost || conflict, "neither 412 nor 409: {error}");
    }
    results.iter().filter(|result| result.is_ok()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_racing_creations_exactly_one_wins() {
    let fixture = Fixture::start(Options { hostile: true, ..options() }).await;
    let key = Path::from("ledgers/c/ledger.json");
    assert_eq!(race(&store(&fixture), &key, || PutMode::Create).await, 1);
    assert_eq!(versions(&fixture, "ledgers/c/ledger.json").await.len(), 1);
    fixture.region.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_racing_compare_and_swaps_exactly_one_wins() {
    let fixture = Fixture::start(Options { hostile: true, ..options() }).await;
    let (store, key) = (store(&fixture), Path::from("ledgers/c/ledger.json"));
    let created = store.put_opts(&key, "{}".into(), options_for(PutMode::Create)).await.expect("created");
    let mode = || PutMode::Update(UpdateVersion { e_tag: created.e_tag.clone(), version: None });
    assert_eq!(race(&store, &key, mode).await, 1);
    let kept = versions(&fixture, "ledgers/c/ledger.json").await;
    assert_eq!(kept.len(), 2);
    let stored = store.get(&key).await.expect("an object").bytes().await.expect("its body");
    let stored: serde_json::Value = serde_json::from_slice(&stored).expect("JSON");
    assert_eq!(kept[1]["body"], stored);
    assert_eq!((&kept[1]["number"], &kept[1]["caller"]), (&2.into(), &"outside".into()));
    assert_eq!(versions(&fixture, "ledgers/c/ledger.json?last=true").await, kept[1..]);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn swapping_what_is_not_there_is_not_found() {
    let fixture = Fixture::start(options()).await;
    let (store, key) = (store(&fixture), Path::from("ledgers/none"));
    let version = UpdateVersion { e_tag: Some("\"0123456789abcdef0123456789abcdef\"".into()), version: None };
    let error =
        store.put_opts(&key, "{}".into(), options_for(PutMode::Update(version))).await.expect_err("absent");
    assert!(error.to_string().contains("NoSuchKey") || matches!(error, Error::NotFound { .. }), "{error}");
    assert!(matches!(store.get(&key).await, Err(Error::NotFound { .. })));
    fixture.region.shutdown().await;
}

/// Nine clients read, add one, and compare and swap for a while: every stored version has a different number.
#[tokio::test(flavor = "multi_thread")]
async fn racing_readers_and_writers_never_share_a_revision() {
    let fixture = Fixture::start(Options { hostile: true, ..options() }).await;
    let (store, key) = (store(&fixture), Path::from("ledgers/c/ledger.json"));
    store.put_opts(&key, r#"{"n":1}"#.into(), options_for(PutMode::Create)).await.expect("created");
    let writers = (0..9).map(|writer| {
        let (store, key) = (&store, &key);
        async move {
            for _ in 0..40 {
                let found = store.get(key).await.expect("an object");
                let e_tag = found.meta.e_tag.clone();
                let read: serde_json::Value =
                    serde_json::from_slice(&found.bytes().await.expect("its body")).expect("JSON");
                let body = serde_json::json!({"n": read["n"].as_u64().expect("a number") + 1, "by": writer});
                let mode = PutMode::Update(UpdateVersion { e_tag, version: None });
                let _lost_or_won = store.put_opts(key, body.to_string().into(), options_for(mode)).await;
            }
        }
    });
    futures::future::join_all(writers).await;
    let kept = versions(&fixture, "ledgers/c/ledger.json").await;
    let numbers: Vec<_> = kept.iter().filter_map(|v| v["body"]["n"].as_u64()).collect();
    assert_eq!(numbers, (1..=kept.len() as u64).collect::<Vec<_>>());
    fixture.region.shutdown().await;
}
