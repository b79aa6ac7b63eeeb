//! What is known of a server that told no status.
//!
//! Silence and an answer that cannot be read are not the same: what answers is alive, and may hold data.

use std::fmt;

use serde::Serialize;

/// What answers at a client URL, where it is no status of an etcd.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Unreadable {
    /// The server speaks TLS, and it was asked without, or with certificates that do not suit it.
    Tls,
    /// The server speaks plain HTTP, and it was asked over TLS.
    PlainHttp,
    /// The server answered with something other than HTTP/1.1. An etcd whose port is for gRPC alone does so
    /// (`--listen-client-http-urls`).
    NotHttp,
    /// An etcd of this version that does not serve its JSON gateway (`--enable-grpc-gateway=false`).
    NoGateway(String),
    /// A server that speaks HTTP and is no etcd, by the status of its answer.
    NotEtcd(u16),
    /// An etcd that says itself why it tells no status.
    Unready,
    /// An answer in JSON that is not a status of etcd as this version knows it.
    Malformed,
}

impl Unreadable {
    /// Whether an etcd says itself that it cannot tell its status. It is not well, so its patience runs.
    pub fn is_unready(&self) -> bool {
        *self == Unreadable::Unready
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Tls => f.write_str(
                "a server that speaks TLS (the functions asked without TLS, or with certificates that do not suit it)",
            ),
            Unreadable::PlainHttp => {
                f.write_str("a server that speaks plain HTTP (the functions asked over TLS)")
            }
            Unreadable::NotHttp => f.write_str(
                "a server that does not speak HTTP/1.1 (an etcd does so whose port is for gRPC alone: --listen-client-http-urls)",
            ),
            Unreadable::NoGateway(version) => {
                write!(f, "etcd {version} without its JSON gateway (--enable-grpc-gateway=false)")
            }
            Unreadable::NotEtcd(status) => write!(f, "an HTTP server that is no etcd (status {status})"),
            Unreadable::Unready => f.write_str("an etcd that is not ready"),
            Unreadable::Malformed => f.write_str("a server whose answer is not the status of an etcd"),
        }
    }
}

/// What the silence of a server was like. None of it proves that there is no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Silence {
    /// The machine answered that nothing listens at this port.
    Refused,
    /// There was no connection: no route, a security group, or no machine.
    NoConnection,
    /// There was a connection and no answer in time: the server, or what stands before it, is stuck.
    NoAnswer,
    /// The connection was closed before an answer came.
    Closed,
    /// A proxy answered that it has no answer of the server, with this HTTP status.
    Gateway(u16),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Silence::Refused => f.write_str("the connection was refused: nothing listens there"),
            Silence::NoConnection => f.write_str(
                "no connection could be made: the machine, its security group or a route stands against it",
            ),
            Silence::NoAnswer => f.write_str("there is a connection, and no answer came in time"),
            Silence::Closed => f.write_str("the connection was closed without an answer"),
            Silence::Gateway(status) => write!(f, "a proxy answered {status} in its place"),
        }
    }
}
