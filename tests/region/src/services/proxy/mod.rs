//! The forward proxy through which the functions reach etcd, so that those calls pass the gate too.
//!
//! HTTP/1.1: absolute-form requests are forwarded one by one; `CONNECT` opens a tunnel whose content is not
//! read. The user name in `Proxy-Authorization` is the caller's access key.

mod forward;

use std::net::{Ipv4Addr, SocketAddr};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::site::Site;
use crate::services::gate::Faults;
use crate::services::network::links::Links;
use forward::Forwarder;

/// The running proxy.
pub struct Proxy {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Proxy {
    /// Starts the proxy on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(site: Site, links: Links, faults: Faults) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let forwarder = Forwarder::new(site, links, faults);
        tasks.spawn(accept(listener, forwarder, stop.clone(), tasks.clone()));
        Ok(Self { address, stop, tasks })
    }

    /// The address on which the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the proxy and all its connections.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, forwarder: Forwarder, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let serve = serve(stream, forwarder.clone());
                let stop = stop.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = serve => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "the proxy could not accept a connection"),
        }
    }
}

async fn serve(stream: TcpStream, forwarder: Forwarder) {
    let service = service_fn(move |request| {
        let forwarder = forwarder.clone();
        async move { forwarder.handle(request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a proxied connection ended early");
    }
}
