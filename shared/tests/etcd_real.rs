//! The client against a real etcd: a member's whole life, a frozen majority, and TLS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its surroundings fail")]

mod cluster;

use std::time::Duration;

use cluster::{Node, eventually};
use etcd_asg::adapters::Ended;
use etcd_asg::adapters::etcd::{ClientCertificate, EtcdClient, EtcdError, EtcdTls, Timeouts};
use membership::etcd::{MemberList, Status};
use membership::ids::MemberId;
use membership::invocation::Retry;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

const NEVER: MemberId = MemberId(0x1234);

/// A client so patient that a busy machine does not look like a silent etcd.
fn client() -> EtcdClient {
    let long = Duration::from_secs(20);
    let timeouts = Timeouts { connect: long, probe: long, list: long, hash: long, change: long };
    EtcdClient::new(EtcdTls::default(), timeouts).unwrap()
}

/// A new cluster of one, and what its member says of itself.
async fn founded() -> (Node, Status) {
    let mut seed = Node::new("http");
    seed.found(&[]);
    let status = eventually("the seed leads", async || led(client().status(&seed.client_url).await)).await;
    (seed, status)
}

fn led(status: Result<Status, EtcdError>) -> Result<Status, String> {
    match status {
        Ok(status) if status.leader.is_some() => Ok(status),
        other => Err(format!("{other:?}")),
    }
}

/// Asks for a change until etcd accepts it. etcd refuses changes for some seconds after a member's start.
async fn until_settled<T>(mut call: impl AsyncFnMut() -> Result<T, EtcdError>) -> Result<T, EtcdError> {
    eventually("a change settles", async || match call().await {
        Err(error @ EtcdError::Refused { retry: Retry::Soon, .. }) => Err(error),
        outcome => Ok(outcome),
    })
    .await
}

/// Adds a member, starts and promotes it; returns it with its ID.
async fn joined(leader: &Node, others: &[&Node]) -> (Node, MemberId) {
    let (etcd, mut node) = (client(), Node::new("http"));
    let (id, list) =
        until_settled(async || etcd.add_learner(&leader.client_url, &node.peer_url).await).await.unwrap();
    assert!(list.get(id).is_some_and(|m| m.learner && !m.started()), "{list:?}");
    let (name, peer_url) = (node.name.clone(), node.peer_url.clone());
    let mut members = vec![(name.as_str(), peer_url.as_str())];
    members.extend(others.iter().map(|n| (n.name.as_str(), n.peer_url.as_str())));
    node.start("existing", &members, &[]);
    let status = eventually("the learner answers", async || led(etcd.status(&node.client_url).await)).await;
    assert!(status.learner && status.member == id, "{status:?}");
    until_settled(async || etcd.promote(&leader.client_url, id).await).await.unwrap();
    (node, id)
}

fn voters(list: &MemberList) -> Vec<MemberId> {
    list.voters().map(|m| m.id).collect()
}

#[tokio::test]
async fn a_member_is_added_promoted_leads_and_is_removed() {
    let etcd = client();
    let (seed, status) = founded().await;
    let url = seed.client_url.as_str();
    assert_eq!(status.leader, Some(status.member));

    let (second, id) = joined(&seed, &[&seed]).await;
    assert_refused(etcd.promote(url, NEVER).await, Retry::Pointless);
    // After one member has promoted it, it may still be a learner to another member for a moment.
    assert_done(until_settled(async || etcd.promote(url, id).await).await);
    let twice = until_settled(async || etcd.add_learner(url, &second.peer_url).await).await;
    assert_refused(twice, Retry::Pointless);

    for node in [&seed, &second] {
        let list =
            eventually("a list", async || etcd.list(&node.client_url, Some(&status.version)).await).await;
        let own = etcd.status(&node.client_url).await.unwrap();
        assert_eq!((list.cluster, list.served_by), (status.cluster, own.member));
        assert_eq!(voters(&list).len(), 2, "{list:?}");
        assert_eq!(list, etcd.list(&node.client_url, None).await.unwrap(), "with a range before it");
    }

    assert_refused(etcd.move_leader(&second.client_url, id).await, Retry::Soon);
    assert_refused(etcd.move_leader(url, NEVER).await, Retry::Pointless);
    etcd.move_leader(url, id).await.unwrap();
    let new = eventually("the second leads", async || led(etcd.status(&second.client_url).await)).await;
    assert_eq!(new.leader, Some(id));

    let via = second.client_url.as_str();
    let list = until_settled(async || etcd.remove(via, status.member).await).await.unwrap();
    assert_eq!(voters(&list), [id]);
    assert_done(etcd.remove(via, status.member).await);
    assert_refused(etcd.remove(via, id).await, Retry::Soon);
}

fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, EtcdError>, expected: Retry) {
    assert!(matches!(&outcome, Err(EtcdError::Refused { retry, .. }) if *retry == expected), "{outcome:?}");
}

fn assert_done<T: std::fmt::Debug>(outcome: Result<T, EtcdError>) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, EtcdError::AlreadyDone { .. }), "{error:?}");
    assert_eq!(error.ended(), Ended::Done);
}

/// A leader that lost its majority still tells its status. It lists nothing, and a change stays open.
#[tokio::test]
async fn without_a_majority_nothing_is_listed_and_a_change_stays_open() {
    let etcd = client();
    let (seed, status) = founded().await;
    let (second, id) = joined(&seed, &[&seed]).await;
    eventually("two voters", async || match etcd.list(&seed.client_url, None).await {
        Ok(list) if voters(&list).len() == 2 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    second.freeze();

    let etcd = EtcdClient::new(EtcdTls::default(), Timeouts::default()).unwrap();
    assert_eq!(client().status(&seed.client_url).await.unwrap().member, status.member);
    assert!(matches!(etcd.status(&second.client_url).await, Err(EtcdError::Unanswered { .. })));
    for version in [None, Some(status.version.as_str())] {
        let error = etcd.list(&seed.client_url, version).await.unwrap_err();
        assert!(matches!(error, EtcdError::Unanswered { .. } | EtcdError::Unfinished { .. }), "{error:?}");
    }
    let error = etcd.remove(&seed.client_url, id).await.unwrap_err();
    assert_eq!(error.ended(), Ended::Unknown, "{error:?}");
}

/// A certificate authority of the test, which signs the certificates of the member and of the client.
struct Authority {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn certificate(&self, address: &str) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![address.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ClientCertificate {
            certificate: certificate.pem().into_bytes(),
            key: key.serialize_pem().into_bytes(),
        }
    }
}

fn serving_tls(node: &Node, authority: &Authority) -> Vec<String> {
    let own = authority.certificate(&node.address);
    let files =
        [("cert-file", own.certificate), ("key-file", own.key), ("trusted-ca-file", authority.pem.clone())];
    let mut flags = vec!["--client-cert-auth".to_owned()];
    for (flag, pem) in files {
        let path = node.data().join(flag);
        std::fs::write(&path, pem).unwrap();
        flags.push(format!("--{flag}={}", path.display()));
    }
    flags
}

#[tokio::test]
async fn with_tls_the_right_authority_and_a_client_certificate_are_needed() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let mut node = Node::new("https");
    let flags = serving_tls(&node, &ours);
    node.found(&flags);

    let with = |authority: Option<&Authority>, client: Option<ClientCertificate>| {
        let tls = EtcdTls { authorities: authority.map(|a| a.pem.clone()), client };
        EtcdClient::new(tls, Timeouts::default()).unwrap()
    };
    let own = || Some(ours.certificate("127.0.0.1"));
    let trusted = with(Some(&ours), own());
    let status = eventually("the member leads", async || led(trusted.status(&node.client_url).await)).await;
    let list = trusted.list(&node.client_url, Some(&status.version)).await.unwrap();
    assert_eq!(list.members[0].client_urls, [node.client_url.clone()]);

    for authority in [None, Some(&foreign)] {
        let error = with(authority, own()).status(&node.client_url).await.unwrap_err();
        assert!(matches!(error, EtcdError::NotSent { .. }), "{error:?}");
    }
    // With TLS 1.3, a client learns that it was refused only after it has sent its first request.
    for client in [None, Some(foreign.certificate("127.0.0.1"))] {
        let error = with(Some(&ours), client).status(&node.client_url).await.unwrap_err();
        assert!(matches!(error, EtcdError::NotSent { .. } | EtcdError::Unanswered { .. }), "{error:?}");
    }
}
