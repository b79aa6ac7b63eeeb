//! The page for people: its routes, that a snapshot's data stays text, and what later polls get.

use object_store::path::Path;
use object_store::{ObjectStore, PutMode};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::ledgers::{options_for, store};
use crate::support::{Fixture, options};

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

async fn get(fixture: &Fixture, path: &str, headers: &[(&str, &str)]) -> Answer {
    let client = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
    let mut request = client.get(format!("{}{path}", fixture.region.endpoint()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, body: answer.text().await.expect("a text") }
}

/// The data inside a snapshot.
fn embedded(page: &str) -> Value {
    let (_, rest) = page.split_once("<script id=\"data\"").expect("the data's element");
    let (_, rest) = rest.split_once('>').expect("the end of its tag");
    serde_json::from_str(rest.split_once("</script>").expect("its end").0).expect("JSON")
}

#[tokio::test]
async fn the_page_is_one_document_that_refers_to_nothing_outside() {
    let fixture = Fixture::start(options()).await;
    assert_eq!(fixture.region.page(), format!("{}/_region/", fixture.region.endpoint()));
    let page = get(&fixture, "/_region/", &[]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(page.body.starts_with("<!DOCTYPE html>"));
    assert!(page.body.contains("default-src 'none'"), "nothing else may be loaded");
    for outside in ["src=\"", "@import", "href=\"http", "url(http"] {
        assert!(!page.body.contains(outside), "{outside}");
    }
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_browser_is_led_to_the_page_and_a_client_of_s3_is_not() {
    let fixture = Fixture::start(options()).await;
    let html = ("accept", "text/html,*/*;q=0.8");
    for (path, headers) in [("/_region", &[][..]), ("/", &[html][..])] {
        let answer = get(&fixture, path, headers).await;
        assert_eq!(answer.status, 307, "{path}");
        assert_eq!(answer.headers["location"], "/_region/", "{path}");
    }
    // Any other path, and every signed request, is still a call, also for a bucket or for S3's root.
    let scope = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-west-2/s3/aws4_request, SignedHeaders=host, Signature=0";
    let root = get(&fixture, "/", &[html, ("authorization", scope)]).await;
    assert_ne!(root.status, 307);
    assert!(root.headers["content-type"].to_str().expect("a type").contains("xml"), "{}", root.body);
    assert!(!root.body.contains("MissingAuthenticationToken"), "{}", root.body);
    assert_eq!(get(&fixture, "/etcd-asg-ledger", &[html]).await.status, 403);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_snapshot_holds_what_the_region_tells_and_none_of_it_is_markup() {
    let fixture = Fixture::start(options()).await;
    let put = fixture.ssm.put_parameter().name("/a").value(HOSTILE).r#type("String".into());
    put.send().await.expect("written");
    fixture.group(1, &[]).await;
    let instance = fixture.wait_for(1, "InService").await.remove(0);
    let live = get(&fixture, "/_region/", &[]).await.body;
    let served = get(&fixture, "/_region/page/snapshot", &[]).await;
    assert_eq!(served.headers["content-type"], "text/html; charset=utf-8");
    assert!(served.headers["content-disposition"].to_str().expect("a file").starts_with("attachment"));
    for page in [served.body, fixture.region.snapshot_page().await] {
        assert!(!page.contains(HOSTILE));
        assert_eq!(page.matches("<script").count(), live.matches("<script").count());
        let data = embedded(&page);
        assert_eq!(data["parameters"]["/a"]["value"], HOSTILE);
        assert_eq!(data["instances"][&instance]["lifecycle"], "InService");
        assert!(data["timeline"].to_string().contains(&instance));
    }
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_page_that_asks_again_is_told_only_what_is_new_on_the_timeline() {
    let fixture = Fixture::start(options()).await;
    let state = async |query: &str| -> Value {
        let answer = get(&fixture, &format!("/_region/page/state{query}"), &[]).await;
        serde_json::from_str(&answer.body).expect("JSON")
    };
    fixture.ssm.put_parameter().name("/a").value("1").r#type("String".into()).send().await.expect("written");
    let first = state("").await;
    let last = first["timeline"].as_array().and_then(|all| all.last()).expect("an entry")["number"].clone();
    assert_eq!(state(&format!("?after={last}")).await["timeline"], json!([]));
    fixture.ssm.put_parameter().name("/b").value("1").r#type("String".into()).send().await.expect("written");
    let second = state(&format!("?after={last}")).await;
    let who: Vec<_> =
        second["timeline"].as_array().into_iter().flatten().map(|entry| &entry["who"]).collect();
    assert_eq!(who, ["/b"]);
    assert_eq!(second["started"], first["started"]);
    assert_eq!(get(&fixture, "/_region/page/state?after=some", &[]).await.status, 400);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_ledgers_claims_are_told_with_their_outcomes() {
    let fixture = Fixture::start(options()).await;
    let (store, key) = (store(&fixture), Path::from("ledgers/c/ledger.json"));
    let claim = json!({"nonce": "n", "request": "r", "proposal": {"change": "seal", "instance": "i-1"}});
    let claimed = json!({"at": 1, "claim": claim, "history": []}).to_string();
    let done = json!({"at": 2, "claim": null, "history": [{"at": 2, "text": "sealed"}]}).to_string();
    for body in [claimed, done] {
        store.put_opts(&key, body.into(), options_for(PutMode::Overwrite)).await.expect("written");
    }
    let answer = get(&fixture, "/_region/page/state", &[]).await;
    let told: Value = serde_json::from_str(&answer.body).expect("JSON");
    let claim = &told["stories"]["ledgers/c/ledger.json"]["claims"][0];
    assert_eq!((&claim["outcome"], &claim["proposal"]["change"]), (&json!("sealed"), &json!("seal")));
    assert!(claim["until"].is_string(), "{claim}");
    fixture.region.shutdown().await;
}
