//! Keeps waiting lifecycle actions alive. The core decides which; the times are the controller's.

use std::collections::BTreeMap;
use std::time::Duration;

use membership::decision::{Coded, KeepAlive};
use membership::ids::Timestamp;
use membership::ledger::ConditionKey;
use membership::observation::{Group, Hook, Observation};

use crate::adapters::chain;
use crate::execute::Executor;
use crate::telemetry::Warning;

/// When this invocation last sent each heartbeat.
#[derive(Debug, Default)]
pub struct Heartbeats(BTreeMap<KeepAlive, Timestamp>);

impl Heartbeats {
    /// Sends the heartbeats that are due. A heartbeat that fails is logged and sent again later: its action may just
    /// have ended.
    pub async fn send(
        &mut self,
        wanted: &[KeepAlive],
        executor: &Executor<'_>,
        observation: &Observation,
        now: Timestamp,
    ) {
        for action in wanted {
            let Some((hook, since)) = wait(action, executor.group, observation) else { continue };
            if !due(hook.heartbeat, since, self.0.get(action).copied(), now) {
                continue;
            }
            let instance = &action.instance;
            self.0.insert(action.clone(), now);
            match executor.heartbeat(instance, action.transition).await {
                Ok(()) => tracing::debug!(cluster = %observation.cluster, %instance, "heartbeat"),
                Err(error) => {
                    let (warning, cause, reason) = (Warning::HeartbeatFailed, error.code(), chain(&error));
                    let (cluster, code) = (&observation.cluster, warning.code());
                    tracing::warn!(%cluster, %instance, code, cause, reason, "{warning}");
                }
            }
        }
    }
}

/// The hook at which the instance waits, and since when it waits.
fn wait<'a>(
    action: &KeepAlive,
    group: &'a Group,
    observation: &Observation,
) -> Option<(&'a Hook, Timestamp)> {
    let condition = ConditionKey::waiting(action.transition, &action.instance);
    let ledger = observation.ledger.known();
    let written = ledger.and_then(Option::as_ref).and_then(|ledger| ledger.since(&condition));
    // While a group is paused, no condition is written. While the ledger cannot be read, no condition is seen. A wait
    // without a condition counts as old then.
    let since = written.or_else(|| (group.settings.paused || ledger.is_none()).then_some(Timestamp(0)));
    Some((group.hook(action.transition).ok()?, since?))
}

/// Whether a heartbeat is due: at most one in a third of the heartbeat timeout, and no heartbeat in the first quarter
/// of the wait, because most waits are over before.
fn due(timeout: Duration, since: Timestamp, last: Option<Timestamp>, now: Timestamp) -> bool {
    let rested = last.is_none_or(|last| now.since(last) >= timeout / 3);
    rested && now.since(since) >= timeout / 4
}

#[cfg(test)]
mod tests {
    use membership::etcd::EtcdView;
    use membership::instance::Transition;
    use membership::ledger::GroupIdentity;
    use membership::observation::Seen;
    use membership::settings::Settings;

    use super::*;

    #[test]
    fn a_wait_counts_as_old_where_its_condition_cannot_be_written_or_read() {
        let hook = Ok(Hook { name: "launch".to_owned(), heartbeat: Duration::from_secs(60) });
        let mut group = Group {
            identity: GroupIdentity { name: "g".to_owned(), arn: "a".to_owned(), vpc: String::new() },
            desired: 1,
            max: 1,
            end: None,
            launch_hook: hook,
            terminate_hook: Err("none".to_owned()),
            retains: false,
            reuses: false,
            units: None,
            weights: BTreeMap::new(),
            instances: Vec::new(),
            settings: Settings::default(),
        };
        let mut observation = Observation {
            cluster: "c".into(),
            group: Seen::Unknown("not needed".to_owned()),
            owner: Seen::Unknown("not needed".to_owned()),
            ledger: Seen::Known(None),
            parameters: Seen::Unknown("not needed".to_owned()),
            etcd: EtcdView::default(),
            names: BTreeMap::new(),
            reports: BTreeMap::new(),
        };
        let action = KeepAlive { instance: "i-1234abcd".into(), transition: Transition::Launch };
        assert_eq!(wait(&action, &group, &observation), None, "the next look will have written it");
        group.settings.paused = true;
        let since = wait(&action, &group, &observation).map(|(_, since)| since);
        assert_eq!(since, Some(Timestamp(0)));
        group.settings.paused = false;
        observation.ledger = Seen::Unknown("timed out".to_owned());
        let since = wait(&action, &group, &observation).map(|(_, since)| since);
        assert_eq!(since, Some(Timestamp(0)));
    }

    #[test]
    fn a_heartbeat_comes_after_a_quarter_and_then_every_third() {
        let at = |seconds: u64| Timestamp(seconds * 1000);
        let due = |last: Option<u64>, now| due(Duration::from_secs(60), at(100), last.map(at), at(now));
        assert!(!due(None, 114));
        assert!(due(None, 115));
        assert!(!due(Some(115), 134));
        assert!(due(Some(115), 135));
    }
}
