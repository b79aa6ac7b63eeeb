//! Keeps pending lifecycle actions alive: the controller's routine, no decision.

use std::collections::BTreeMap;

use membership::decision::KeepAlive;
use membership::ids::Timestamp;
use membership::ledger::MarkKey;
use membership::observation::{Group, Observation};

use crate::adapters::chain;
use crate::execute::Executor;

/// When this invocation last sent each heartbeat.
#[derive(Debug, Default)]
pub struct Heartbeats(BTreeMap<KeepAlive, Timestamp>);

impl Heartbeats {
    /// Sends those that are due. One that fails is logged and sent again later: the action may just have ended.
    pub async fn send(
        &mut self,
        wanted: &[KeepAlive],
        executor: &Executor<'_>,
        observation: &Observation,
        now: Timestamp,
    ) {
        for action in wanted {
            if !due(&self.0, action, executor.group, observation, now) {
                continue;
            }
            let instance = &action.instance;
            self.0.insert(action.clone(), now);
            match executor.heartbeat(instance, action.launch).await {
                Ok(()) => tracing::debug!(cluster = %observation.cluster, %instance, "heartbeat"),
                Err(error) => {
                    let reason = chain(&error);
                    tracing::warn!(cluster = %observation.cluster, %instance, reason, "heartbeat failed");
                }
            }
        }
    }
}

/// At most every third of the heartbeat timeout, and not in the first quarter of the wait: most waits are over before.
fn due(
    sent: &BTreeMap<KeepAlive, Timestamp>,
    action: &KeepAlive,
    group: &Group,
    observation: &Observation,
    now: Timestamp,
) -> bool {
    let id = action.instance.clone();
    let (hook, mark) = if action.launch {
        (&group.launch_hook, MarkKey::LaunchWaiting(id))
    } else {
        (&group.terminate_hook, MarkKey::TerminateWaiting(id))
    };
    let Ok(hook) = hook else { return false };
    let ledger = observation.ledger.known().and_then(Option::as_ref);
    let Some(since) = ledger.and_then(|l| l.since(&mark)) else {
        return false;
    };
    let rested = sent.get(action).is_none_or(|last| now.since(*last) >= hook.heartbeat / 3);
    rested && now.since(since) >= hook.heartbeat / 4
}
