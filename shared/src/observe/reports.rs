//! Whose last words are read, and how often.

use std::collections::BTreeMap;
use std::time::Duration;

use membership::decision::Coded;
use membership::ids::{ClusterName, InstanceId, Timestamp};
use membership::ledger::{ConditionKey, Ledger};
use membership::observation::Group;
use membership::report::HostReport;

use crate::adapters::chain;
use crate::controller::now;
use crate::services::Services;
use crate::telemetry::Warning;

/// A joiner that has been waited for this long is asked what it has to say.
const LONG: Duration = Duration::from_secs(60);
/// Within an invocation, reports are read again after this time.
const AGAIN: Duration = Duration::from_secs(20);
/// Of so many joiners at most. They join one after the other, so more are not waited for at once.
const MOST: usize = 5;

/// The reports that this invocation has read.
#[derive(Debug, Default)]
pub struct Reports {
    read: Option<Timestamp>,
    found: BTreeMap<InstanceId, HostReport>,
}

impl Reports {
    /// The last words of the hosts of joiners that are waited for long, or that were given up. They are words for
    /// people: where they cannot be read, the look is complete without them.
    pub async fn of_joiners(
        &mut self,
        services: &Services,
        cluster: &ClusterName,
        group: &Group,
        ledger: &Ledger,
    ) -> BTreeMap<InstanceId, HostReport> {
        let now = now();
        let wanted = wanted(group, ledger, now);
        let due = self.read.is_none_or(|read| now.since(read) >= AGAIN);
        if !wanted.is_empty() && due {
            self.read = Some(now);
            match services.reports.read(cluster, &wanted).await {
                Ok(found) => self.found = found,
                Err(error) => {
                    let (warning, cause, reason) = (Warning::ReportsNotRead, error.code(), chain(&error));
                    tracing::warn!(%cluster, code = warning.code(), cause, reason, "{warning}");
                }
            }
        }
        self.found
            .iter()
            .filter(|(id, _)| wanted.contains(id))
            .map(|(id, r)| (id.clone(), r.clone()))
            .collect()
    }
}

/// The joiners that have waited long: for a minute, or for half of the join patience where that is shorter.
fn wanted(group: &Group, ledger: &Ledger, now: Timestamp) -> Vec<InstanceId> {
    let long = LONG.min(group.settings.join_patience / 2);
    let waits = |id: &&InstanceId| {
        let joins = ledger.aged(&ConditionKey::Joining((*id).clone()), now, long);
        joins || ledger.conditions.contains_key(&ConditionKey::GivenUp((*id).clone()))
    };
    let unvoted = ledger.instances.iter().filter(|(_, r)| !r.voted).map(|(id, _)| id);
    unvoted.filter(waits).take(MOST).cloned().collect()
}
