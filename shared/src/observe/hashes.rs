//! The hashes of the voters' keys, asked once an invocation for the same voters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use membership::compare::Comparison;
use membership::etcd::KeysHash;
use membership::ids::Timestamp;
use membership::ledger::{ConditionKey, Ledger};
use membership::observation::Seen;

use crate::adapters::chain;
use crate::adapters::etcd::EtcdClient;

/// What was asked last in this invocation, and what came of it.
#[derive(Debug, Default)]
pub struct Hashes {
    asked: BTreeSet<String>,
    /// Since when the copies were known to differ when the hashes were asked.
    doubted: Option<Timestamp>,
    /// The hash of each voter that was asked, by its client URL.
    told: BTreeMap<String, Seen<KeysHash>>,
}

/// Since when the ledger says that the copies differ.
fn doubted(ledger: Option<&Ledger>) -> Option<Timestamp> {
    ledger?.since(&ConditionKey::HashesDiffer)
}

impl Hashes {
    /// The hashes. What was told before another invocation found a difference does not end that doubt, and is forgotten.
    pub fn told(&mut self, ledger: Option<&Ledger>) -> BTreeMap<String, Seen<KeysHash>> {
        if doubted(ledger) > self.doubted {
            *self = Self { doubted: doubted(ledger), ..Self::default() };
        }
        self.told.clone()
    }

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
