//! What a server that is asked for its status shows of itself, also where it tells no status.
//!
//! A server counts as answering only by what was read of it: bytes that are no HTTP, an HTTP answer, a certificate, an
//! alert of TLS. A connection that is only closed, or that a proxy could not make, is silence.

use std::error::Error;
use std::io;
use std::time::Duration;

use membership::etcd::{Silence, Status, Unreadable};
use membership::invocation::Retry;
use membership::words::one_line;
use serde::Deserialize;

use super::{EtcdClient, EtcdError};
use crate::adapters::chain;

/// The time of the second question, which is asked where the first answer was no status. A function of 128 MB has a
/// small part of a CPU, and its first TLS handshake takes some hundred milliseconds.
const SECOND_QUESTION: Duration = Duration::from_millis(1_500);
/// The statuses with which a proxy says that the server behind it does not answer (RFC 9110, 15.6). etcd's own answers
/// of these statuses have words of etcd.
const GATEWAY: [u16; 3] = [502, 503, 504];

/// What one status request came to.
#[derive(Debug)]
pub enum Probed {
    /// The server told its status.
    Status(Status),
    /// The server is alive and wants a user.
    AuthenticationNeeded,
    /// Something answered, and it was no status.
    Unreadable {
        /// What answered.
        what: Unreadable,
        /// The error, with its causes.
        why: String,
    },
    /// Nothing answered.
    Silent {
        /// What the silence was like.
        how: Silence,
        /// The error, with its causes.
        why: String,
    },
}

/// What etcd says at `/version`, which it serves without its gateway, too.
#[derive(Deserialize)]
struct VersionAnswer {
    etcdserver: String,
}

impl EtcdClient {
    /// Asks the server for its status. Where no status comes, says what is there instead.
    pub async fn probe(&self, url: &str) -> Probed {
        let error = match self.status(url).await {
            Ok(status) => return Probed::Status(status),
            Err(error) => error,
        };
        let why = one_line(chain(&error));
        let silent = |how| Probed::Silent { how, why: why.clone() };
        let unreadable = |what| Probed::Unreadable { what, why: why.clone() };
        match &error {
            EtcdError::AuthenticationNeeded { .. } => Probed::AuthenticationNeeded,
            EtcdError::Unfinished { .. } | EtcdError::Refused { retry: Retry::Soon, .. } => {
                unreadable(Unreadable::Unready)
            }
            EtcdError::Malformed { status: Some(status), .. } if GATEWAY.contains(status) => {
                silent(Silence::Gateway(*status))
            }
            EtcdError::Malformed { status: Some(status), .. } => match self.version(url).await {
                Some(version) => unreadable(Unreadable::NoGateway(version)),
                None => unreadable(Unreadable::NotEtcd(*status)),
            },
            EtcdError::Malformed { source: Some(json), .. } if !json.is_data() => {
                unreadable(Unreadable::NotEtcd(200))
            }
            EtcdError::Malformed { .. } | EtcdError::Refused { .. } | EtcdError::AlreadyDone { .. } => {
                unreadable(Unreadable::Malformed)
            }
            EtcdError::NotSent { source, .. } | EtcdError::Unanswered { source, .. } => {
                let first = spoken(source);
                let settled = matches!(first, Some(Unreadable::Tls | Unreadable::PlainHttp));
                // etcd closes a connection of the other kind, with TLS or without, and says nothing. Where the
                // connection was refused or nothing came in time, another question would tell no more.
                let other = match quiet(source) {
                    Silence::Closed if !settled => self.other_kind(url).await,
                    _ => None,
                };
                match other.or(first) {
                    Some(what) => unreadable(what),
                    None => silent(quiet(source)),
                }
            }
            EtcdError::Tls(_) => silent(Silence::NoConnection),
        }
    }

    async fn version(&self, url: &str) -> Option<String> {
        let url = format!("{}/version", url.trim_end_matches('/'));
        let answer = self.http.get(url).timeout(SECOND_QUESTION).send().await.ok()?;
        let version: VersionAnswer = answer.json().await.ok()?;
        Some(one_line(version.etcdserver))
    }

    /// Whether the server behind a plain URL speaks TLS, or the server behind a TLS URL plain HTTP. A certificate need
    /// not suit.
    async fn other_kind(&self, url: &str) -> Option<Unreadable> {
        let (other, kind) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (format!("https://{rest}"), Unreadable::Tls),
            (None, Some(rest)) => (format!("http://{rest}"), Unreadable::PlainHttp),
            (None, None) => return None,
        };
        match self.http.get(other).timeout(SECOND_QUESTION).send().await {
            Ok(answer) if GATEWAY.contains(&answer.status().as_u16()) => None,
            Ok(_) => Some(kind),
            Err(error) => spoken(&error).filter(|heard| *heard == kind),
        }
    }
}

/// What the server is heard to speak by this error.
fn spoken(error: &reqwest::Error) -> Option<Unreadable> {
    if let Some(tls) = cause::<rustls::Error>(error) {
        // A first record that is none of TLS: the server answered in plain text.
        let plain = matches!(tls, rustls::Error::InvalidMessage(_));
        return Some(if plain { Unreadable::PlainHttp } else { Unreadable::Tls });
    }
    cause::<hyper::Error>(error).filter(|e| e.is_parse()).map(|_| Unreadable::NotHttp)
}

fn quiet(error: &reqwest::Error) -> Silence {
    let io = |kind| search(error, &|e: &io::Error| e.kind() == kind).is_some();
    if io(io::ErrorKind::ConnectionRefused) {
        Silence::Refused
    } else if error.is_timeout() {
        if error.is_connect() { Silence::NoConnection } else { Silence::NoAnswer }
    } else if error.is_connect() && !io(io::ErrorKind::UnexpectedEof) && !io(io::ErrorKind::ConnectionReset) {
        Silence::NoConnection
    } else {
        Silence::Closed
    }
}

/// The error of this type among the causes.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    search(error, &|_| true)
}

/// The error of this type and kind among the causes. An [`io::Error`] holds another error beside its causes.
fn search<'a, E: Error + 'static>(
    error: &'a (dyn Error + 'static),
    wanted: &dyn Fn(&E) -> bool,
) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>().filter(|e| wanted(e)) {
            return Some(found);
        }
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = held.and_then(|held| search(held, wanted)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}
