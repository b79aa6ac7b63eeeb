//! The host names in the peer URLs of a cluster that may be adopted, as the functions' network resolves them. The
//! functions run in the VPC of the joiners, so its private zones count (Route 53, "Private hosted zones").

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use membership::etcd::{EtcdView, MemberList};
use membership::observation::{Resolved, Seen};
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long a look-up may take. A resolver that is slower than this is as good as none for a joiner.
const TIME: Duration = Duration::from_secs(3);

/// Looks up every name in the peer URLs of the lists that were read.
pub async fn of_peers(etcd: &EtcdView) -> BTreeMap<String, Resolved> {
    let lists = etcd.lists.values().filter_map(Seen::known);
    let names: BTreeSet<String> = lists.flat_map(MemberList::peer_names).map(str::to_owned).collect();
    let all = names.into_iter().map(|name| async move {
        let resolved = resolve(&name).await;
        (name, resolved)
    });
    join_all(all).await.into_iter().collect()
}

async fn resolve(name: &str) -> Resolved {
    match timeout(TIME, lookup_host((name, 0))).await {
        Ok(Ok(found)) => Resolved::Addresses(found.map(|socket| socket.ip()).collect()),
        Ok(Err(error)) => Resolved::Nowhere(membership::words::one_line(error)),
        Err(_) => Resolved::Nowhere(format!("no answer within {} s", TIME.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[tokio::test]
    async fn a_name_that_every_machine_has_resolves_and_an_invalid_name_does_not() {
        let Resolved::Addresses(found) = resolve("localhost").await else {
            panic!("localhost leads nowhere")
        };
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
        // RFC 6761: no name under `invalid` exists.
        assert!(matches!(resolve("etcd-1.invalid").await, Resolved::Nowhere(_)));
        assert!(matches!(resolve("").await, Resolved::Nowhere(_)));
    }
}
