//! Keeps waiting lifecycle actions alive. The core decides which; the times are the controller's.
//!
//! A hook that runs out takes a voter with it. The schedule comes once a minute at best, so a hook whose timeout is
//! not much longer than that is watched by an invocation that lingers (`run.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use membership::decision::{Coded, KeepAlive};
use membership::ids::{ClusterName, Timestamp};
use membership::instance::Transition;
use membership::invocation::Retry;
use membership::observation::Group;

use crate::adapters::autoscaling::AutoScalingError;
use crate::adapters::{Ended, chain};
use crate::execute::{ExecuteError, Executor};
use crate::telemetry::Warning;

/// The period of the schedule that calls `reconcile` (`template.yaml`).
const PERIOD: Duration = Duration::from_secs(60);
/// How much later than its period a tick may come: EventBridge's schedules are precise to the minute (Amazon
/// EventBridge user guide, "Creating a rule that runs on a schedule").
const LATE: Duration = Duration::from_secs(60);
/// A cold start and a first look, with servers that are silent.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// Two scheduled runs that each send one heartbeat keep a hook of this timeout alive, whenever its wait began.
const COVERED: Duration = Duration::from_secs(60 + 60 + 10 + 20);
/// What was sent so recently need not be sent again before the end.
const RECENT: Duration = Duration::from_secs(2);

/// How long an invocation of the schedule stays beside short hooks: its successor has begun and looked by then.
pub const LINGERS: Duration = Duration::from_secs(PERIOD.as_secs() + LATE.as_secs() + FIRST_LOOK.as_secs());

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
        cluster: &ClusterName,
        now: Timestamp,
    ) {
        self.send_where(wanted, executor, cluster, now, due).await;
    }

    /// Before the invocation ends: renews each short hook, so that all of its timeout is left for the next one.
    pub async fn send_last(
        &mut self,
        wanted: &[KeepAlive],
        executor: &Executor<'_>,
        cluster: &ClusterName,
        now: Timestamp,
    ) {
        let short = |timeout, last: Option<Timestamp>, now: Timestamp| {
            timeout < COVERED && last.is_none_or(|last| now.since(last) >= RECENT)
        };
        self.send_where(wanted, executor, cluster, now, short).await;
    }

    async fn send_where(
        &mut self,
        wanted: &[KeepAlive],
        executor: &Executor<'_>,
        cluster: &ClusterName,
        now: Timestamp,
        due: impl Fn(Duration, Option<Timestamp>, Timestamp) -> bool,
    ) {
        for action in wanted {
            let Ok(hook) = executor.group.hook(action.transition) else { continue };
            if !due(hook.heartbeat, self.0.get(action).copied(), now) {
                continue;
            }
            let instance = &action.instance;
            self.0.insert(action.clone(), now);
            match executor.heartbeat(instance, action.transition).await {
                Ok(()) => tracing::debug!(%cluster, %instance, "heartbeat"),
                // The action has just ended, or the instance waits for another's hook.
                Err(ExecuteError::AutoScaling(AutoScalingError::Gone { .. })) => {
                    tracing::debug!(%cluster, %instance, outcome = "gone", "heartbeat");
                }
                Err(error) if error.ended() == Ended::NotDone(Retry::OnceMended) => {
                    let (warning, cause, reason) = (Warning::HeartbeatRefused, error.code(), chain(&error));
                    tracing::error!(%cluster, %instance, code = warning.code(), cause, reason, "{warning}");
                }
                Err(error) => {
                    let (warning, cause, reason) = (Warning::HeartbeatFailed, error.code(), chain(&error));
                    tracing::warn!(%cluster, %instance, code = warning.code(), cause, reason, "{warning}");
                }
            }
        }
    }
}

/// Whether a heartbeat is due: at first sight, because nobody knows how long the action has waited unseen, and then
/// after each third of the heartbeat timeout. AWS counts no heartbeats: it ends a wait after 100 times the timeout.
fn due(timeout: Duration, last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.since(last) >= timeout / 3)
}

/// How often a scheduled invocation looks while it lingers beside this group. `None` where the schedule alone is often
/// enough for each hook.
pub fn watch(group: &Group) -> Option<Duration> {
    let hooks = [Transition::Launch, Transition::Terminate].into_iter().filter_map(|t| group.hook(t).ok());
    let shortest = hooks.map(|hook| hook.heartbeat).min()?;
    (shortest < COVERED).then_some(shortest / 4)
}

#[cfg(test)]
mod tests {
    use membership::ledger::GroupIdentity;
    use membership::observation::Hook;
    use membership::settings::Settings;

    use super::*;

    #[test]
    fn a_heartbeat_comes_at_first_sight_and_then_every_third() {
        let at = |seconds: u64| Timestamp(seconds * 1000);
        let due = |last: Option<u64>, now| due(Duration::from_secs(60), last.map(at), at(now));
        assert!(due(None, 100));
        assert!(!due(Some(100), 119));
        assert!(due(Some(100), 120));
    }

    /// The worst case of a hook that is not watched: its wait begins just after a run has looked, and the next tick is
    /// late.
    #[test]
    fn what_is_not_watched_outlasts_the_longest_gap_between_two_runs() {
        assert!(COVERED > PERIOD + LATE + FIRST_LOOK);
    }

    #[test]
    fn the_shortest_hook_is_watched_four_times_in_its_timeout() {
        let seconds = Duration::from_secs;
        let hook = |timeout| Ok(Hook { name: "h".to_owned(), heartbeat: seconds(timeout) });
        let mut group = Group {
            identity: GroupIdentity { name: "g".to_owned(), arn: "a".to_owned(), vpc: String::new() },
            desired: 1,
            max: 1,
            end: None,
            launch_hook: hook(900),
            terminate_hook: hook(60),
            retains: false,
            reuses: false,
            units: None,
            weights: BTreeMap::new(),
            instances: Vec::new(),
            settings: Settings::default(),
        };
        assert_eq!(watch(&group), Some(seconds(15)));
        group.terminate_hook = hook(300);
        assert_eq!(watch(&group), None);
        group.launch_hook = hook(120);
        assert_eq!(watch(&group), Some(seconds(30)));
        group.terminate_hook = Err("none".to_owned());
        assert_eq!(watch(&group), Some(seconds(30)), "the hook that there is");
    }
}
