//! What is known of a call that got no answer, or an answer that is not etcd's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

mod loopback;

use std::time::Duration;

use etcd_asg::adapters::Ended;
use etcd_asg::adapters::etcd::{ClientCertificate, EtcdClient, EtcdError, EtcdTls, Timeouts};
use loopback::{Loopback, Reply};
use membership::ids::MemberId;
use membership::invocation::Retry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Timeouts so short that a test of silence is over at once. No test that waits for an answer uses them.
fn hasty() -> Timeouts {
    let short = Duration::from_millis(200);
    Timeouts { connect: short, probe: short, list: short, hash: short, change: short }
}

fn client(timeouts: Timeouts) -> EtcdClient {
    EtcdClient::new(EtcdTls::default(), timeouts).unwrap()
}

/// The URL of a port that was free a moment ago. Nothing listens there.
async fn deaf_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn remove_at(url: &str, timeouts: Timeouts) -> EtcdError {
    client(timeouts).remove(url, MemberId(7)).await.unwrap_err()
}

fn assert_open(error: &EtcdError) {
    assert_eq!(error.ended(), Ended::Unknown, "the change may have been made: {error}");
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    for url in [deaf_url().await, "not a URL".to_owned()] {
        let error = remove_at(&url, Timeouts::default()).await;
        assert!(matches!(error, EtcdError::NotSent { .. }), "{error:?}");
        assert_eq!(error.ended(), Ended::NotDone(Retry::Soon));
    }
}

#[tokio::test]
async fn silence_leaves_a_change_open() {
    let server = Loopback::start(|_| Reply::Silence).await;
    let error = remove_at(&server.url, hasty()).await;
    assert!(matches!(&error, EtcdError::Unanswered { source, .. } if source.is_timeout()), "{error:?}");
    assert_open(&error);
    assert_eq!(server.requests().len(), 1, "a change is sent once");
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_a_change_open_and_nothing_is_repeated() {
    for torn in [true, false] {
        let server = Loopback::start(move |_| match torn {
            true => Reply::Torn("{\"header\":".to_owned()),
            false => Reply::Close,
        })
        .await;
        let error = remove_at(&server.url, Timeouts::default()).await;
        assert!(matches!(error, EtcdError::Unanswered { .. }), "{error:?}");
        assert_open(&error);
        assert_eq!(server.requests().len(), 1, "a change is sent once");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_etcds_leaves_a_change_open() {
    let large = "x".repeat(1024 * 1024 + 1);
    for (status, body) in [
        (200, "<html>hello</html>"),
        (200, "{}"),
        (200, r#"{"header":{"cluster_id":"1","member_id":"0x7"},"members":[]}"#),
        (200, large.as_str()),
        (404, "404 page not found"),
        (502, "Bad Gateway"),
        (307, ""),
    ] {
        let body = body.to_owned();
        let server = Loopback::start(move |_| Reply::status(status, &body)).await;
        let error = remove_at(&server.url, Timeouts::default()).await;
        assert!(matches!(error, EtcdError::Malformed { .. }), "{status}: {error:?}");
        assert_open(&error);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Loopback::start(|_| Reply::status(200, "{}")).await;
    let target = elsewhere.url.clone();
    let server =
        Loopback::start(move |_| Reply::Answer(307, vec![("location", target.clone())], String::new())).await;
    remove_at(&server.url, Timeouts::default()).await;
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn etcd_is_told_how_long_it_has_and_the_client_waits_longer() {
    let server = Loopback::start(|_| Reply::status(503, r#"{"code":14,"message":"x"}"#)).await;
    let timeouts = Timeouts::default();
    remove_at(&server.url, timeouts).await;
    assert_eq!(server.requests()[0].header("grpc-timeout"), Some("3000m"));
    assert!(timeouts.longest_change() > timeouts.change);
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    // The whole request of a few hundred bytes comes in one segment.
    assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
    stream
}

/// Without this, a frozen sandbox would go on with requests of an invocation that is long over.
#[tokio::test]
async fn a_dropped_call_and_a_dropped_client_leave_no_connection_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());

    let call = tokio::spawn(async move {
        let etcd = client(Timeouts::default());
        etcd.remove(&url, MemberId(7)).await
    });
    let mut unanswered = accept(&listener).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(unanswered.read(&mut [0; 16]).await.unwrap(), 0, "the connection ends with its call");

    let etcd = client(Timeouts::default());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (status, mut kept) = tokio::join!(etcd.status(&url), async {
        let mut stream = accept(&listener).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        stream
    });
    assert!(matches!(status, Err(EtcdError::Malformed { .. })), "{status:?}");
    drop(etcd);
    assert_eq!(kept.read(&mut [0; 16]).await.unwrap(), 0, "an idle connection ends with its client");
}

#[test]
fn unusable_certificates_are_refused_at_once() {
    let garbage = || b"-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n".to_vec();
    let certificate = ClientCertificate { certificate: garbage(), key: Vec::new() };
    for tls in [
        EtcdTls { authorities: Some(garbage()), client: None },
        EtcdTls { authorities: None, client: Some(certificate) },
    ] {
        let error = EtcdClient::new(tls, Timeouts::default()).unwrap_err();
        assert!(matches!(error, EtcdError::Tls(_)), "{error:?}");
    }
}
