//! The hash of a real member's keys notices one changed byte of its file, where the member itself notices nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

#[allow(dead_code, reason = "nothing is frozen here")]
mod cluster;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use cluster::{Node, eventually};
use etcd_asg::adapters::etcd::{EtcdClient, EtcdTls, Timeouts};

const RIGHT: &[u8] = b"the right value of the marker";
const LIMIT: Duration = Duration::from_secs(10);

/// Changes a byte of the marker in the file. Returns whether the marker was there. etcd maps the file, so it reads the
/// new byte at once.
fn corrupt(file: &Path) -> bool {
    let bytes = std::fs::read(file).unwrap();
    let open = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    let found = bytes.windows(RIGHT.len()).enumerate().filter(|(_, window)| *window == RIGHT);
    found.map(|(at, _)| open.write_all_at(b"T", at as u64).unwrap()).count() > 0
}

/// Puts the marker by the JSON gateway.
async fn put_marker(url: &str) -> Result<(), reqwest::Error> {
    let body = r#"{"key":"bWFya2Vy","value":"dGhlIHJpZ2h0IHZhbHVlIG9mIHRoZSBtYXJrZXI="}"#;
    let put = reqwest::Client::new().post(format!("{url}/v3/kv/put")).body(body).send().await?;
    put.error_for_status().map(drop)
}

#[tokio::test]
async fn one_changed_byte_changes_the_hash_and_nothing_else_is_told() {
    let mut node = Node::new("http");
    node.found(&[]);
    let etcd = EtcdClient::new(EtcdTls::default(), Timeouts::default()).unwrap();
    let url = node.client_url.clone();
    eventually("the marker is put", async || put_marker(&url).await).await;
    let status = etcd.status(&url).await.unwrap();
    let before = etcd.hash(&url, status.revision, LIMIT).await.unwrap();
    assert_eq!((before.cluster, before.member), (status.cluster, status.member));
    assert_eq!((before.revision, before.compacted), (status.revision, -1));
    assert_eq!(etcd.hash(&url, status.revision, LIMIT).await.unwrap(), before, "the hash is stable");
    let file = node.data().join("etcd/member/snap/db");
    eventually("the marker is in the file", async || if corrupt(&file) { Ok(()) } else { Err("not yet") })
        .await;
    let after =
        eventually("the hash is another", async || match etcd.hash(&url, status.revision, LIMIT).await {
            Ok(hash) if hash.hash != before.hash => Ok(hash),
            other => Err(format!("{other:?}")),
        })
        .await;
    assert_eq!((after.revision, after.compacted), (before.revision, before.compacted));
    let status = etcd.status(&url).await.unwrap();
    assert!(status.alarms.is_empty() && status.troubles.is_empty(), "{status:?}");
}
