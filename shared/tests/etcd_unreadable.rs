//! What a server shows that tells no status: silence and an answer that cannot be read are not the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

#[allow(dead_code, reason = "nothing is frozen here")]
mod cluster;
mod loopback;

use std::time::Duration;

use cluster::{Node, eventually};
use etcd_asg::adapters::etcd::{EtcdClient, EtcdTls, Probed, Timeouts};
use loopback::{Loopback, Reply};
use membership::etcd::{Silence, Unreadable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn probe(url: &str) -> Probed {
    EtcdClient::new(EtcdTls::default(), Timeouts::default()).unwrap().probe(url).await
}

fn what(probed: &Probed) -> Result<Unreadable, Silence> {
    match probed {
        Probed::Unreadable { what, .. } => Ok(what.clone()),
        Probed::Silent { how, .. } => Err(*how),
        other => panic!("{other:?}"),
    }
}

async fn assert_answers(url: &str, expected: &Unreadable) {
    let found = what(&probe(url).await);
    assert_eq!(found.as_ref(), Ok(expected), "{url}");
}

/// A real etcd, and what is read at this URL of it, once it serves clients.
async fn assert_etcd(scheme: &'static str, asked: &str, options: &[&str], expected: &Unreadable) {
    let mut node = Node::new(scheme);
    let options: Vec<String> =
        options.iter().map(|option| option.replace("ADDRESS", &node.address)).collect();
    node.found(&options);
    let url = format!("{asked}://{}:2379", node.address);
    eventually("the server is heard", async || match probe(&url).await {
        Probed::Unreadable { what, .. } if what == *expected => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test]
async fn an_etcd_that_speaks_tls_to_clients_is_heard_without_a_certificate() {
    assert_etcd("https", "http", &["--auto-tls"], &Unreadable::Tls).await;
    assert_etcd("https", "https", &["--auto-tls"], &Unreadable::Tls).await;
}

#[tokio::test]
async fn a_plain_etcd_that_is_asked_over_tls_is_heard() {
    assert_etcd("http", "https", &[], &Unreadable::PlainHttp).await;
}

#[tokio::test]
async fn an_etcd_without_its_gateway_tells_its_version() {
    let mut node = Node::new("http");
    node.found(&["--enable-grpc-gateway=false".to_owned()]);
    let version = eventually("the version is told", async || match probe(&node.client_url).await {
        Probed::Unreadable { what: Unreadable::NoGateway(version), .. } => Ok(version),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(version.starts_with("3."), "{version}");
}

#[tokio::test]
async fn an_etcd_whose_port_is_for_grpc_alone_is_heard() {
    let http = ["--listen-client-http-urls", "http://ADDRESS:2378"];
    assert_etcd("http", "http", &http, &Unreadable::NotHttp).await;
}

#[tokio::test]
async fn a_server_that_is_no_etcd_is_told_from_a_status_that_is_not_understood() {
    let page = Loopback::start(|_| Reply::status(404, "<html>nothing here</html>")).await;
    assert_answers(&page.url, &Unreadable::NotEtcd(404)).await;
    let front = Loopback::start(|_| Reply::status(200, "<html>welcome</html>")).await;
    assert_answers(&front.url, &Unreadable::NotEtcd(200)).await;
    let fieldless = Loopback::start(|_| Reply::status(200, r#"{"header":{"cluster_id":"7"}}"#)).await;
    assert_answers(&fieldless.url, &Unreadable::Malformed).await;
    let forbidden = Loopback::start(|_| Reply::status(403, "blocked by policy")).await;
    assert_answers(&forbidden.url, &Unreadable::NotEtcd(403)).await;
}

#[tokio::test]
async fn an_etcd_that_says_why_it_cannot_answer_is_not_ready() {
    for words in ["etcdserver: server stopped", "etcdserver: not capable", "context deadline exceeded"] {
        let answer = format!(r#"{{"code":14,"message":"{words}"}}"#);
        let server = Loopback::start(move |_| Reply::status(503, &answer)).await;
        assert_answers(&server.url, &Unreadable::Unready).await;
    }
}

#[tokio::test]
async fn a_proxy_that_reaches_nobody_is_silence() {
    for status in [502, 503, 504] {
        let proxy = Loopback::start(move |_| Reply::status(status, "no route to the origin")).await;
        assert_eq!(what(&probe(&proxy.url).await), Err(Silence::Gateway(status)));
    }
}

#[tokio::test]
async fn each_silence_is_told_from_the_others() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(what(&probe(&format!("http://{free}")).await), Err(Silence::Refused));
    let mute = Loopback::start(|_| Reply::Silence).await;
    assert_eq!(what(&probe(&mute.url).await), Err(Silence::NoAnswer));
    // The range 192.0.2.0/24 is for documentation (RFC 5737): the URL is never asked.
    assert_eq!(what(&probe("http://").await), Err(Silence::NoConnection));
}

/// A server that reads a request, says these bytes, and closes.
async fn saying(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 512])).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    url
}

/// A closed connection proves nothing: a proxy closes it where the server behind it is gone.
#[tokio::test]
async fn a_connection_that_is_only_closed_is_silence_and_bytes_are_an_answer() {
    assert_eq!(what(&probe(&saying(b"").await).await), Err(Silence::Closed));
    assert_answers(&saying(b"220 mail ready\r\n").await, &Unreadable::NotHttp).await;
    // A TLS alert: unexpected message.
    assert_answers(&saying(b"\x15\x03\x01\x00\x02\x02\x0a").await, &Unreadable::Tls).await;
}
