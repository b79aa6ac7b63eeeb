//! The hashes of the voters' keys, asked once an invocation for the same voters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use membership::compare::Comparison;
use membership::etcd::KeysHash;
use membership::observation::Seen;

use crate::adapters::chain;
use crate::adapters::etcd::EtcdClient;

/// What was asked last in this invocation, and what came of it.
#[derive(Debug, Default)]
pub struct Hashes {
    asked: BTreeSet<String>,
    /// The hash of each voter that was asked, by its client URL.
    pub told: BTreeMap<String, Seen<KeysHash>>,
}

impl Hashes {
    /// Asks the voters for their hashes, all at once. Returns whether it did: the same voters are asked once.
    pub async fn ask(&mut self, etcd: &EtcdClient, due: Comparison, limit: Duration) -> bool {
        if due.urls == self.asked {
            return false;
        }
        let revision = due.revision;
        let all = due.urls.iter().map(|url| async move {
            let hash = match etcd.hash(url, revision, limit).await {
                Ok(hash) => Seen::Known(hash),
                Err(error) => Seen::unseen(chain(&error)),
            };
            (url.clone(), hash)
        });
        self.told = join_all(all).await.into_iter().collect();
        self.asked = due.urls;
        true
    }
}
