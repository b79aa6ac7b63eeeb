//! When an invocation may stop before its time is up.

use std::time::Duration;

use membership::decision::{Decision, Note, Subject, Verdict, Wait};
use membership::ids::Timestamp;
use membership::instance::{InstanceState, Lifecycle, Transition, WarmHook};
use membership::observation::Observation;

use crate::event::LifecycleAction;

/// Three periods of the schedule. A hook with this heartbeat timeout outlasts a run that is missed.
const LASTING: Duration = Duration::from_secs(180);

/// Whether nothing is to be done, or the cluster as a whole is refused and nothing else is expected to happen before the
/// invocation's time is up.
pub fn nothing_to_wait_for(decision: &Decision, observation: &Observation, deadline: Timestamp) -> bool {
    let refused = decision
        .notes
        .iter()
        .any(|n| n.about == Subject::Cluster && matches!(n.verdict, Verdict::Refused(_)));
    let paused = is_paused(decision, observation, deadline);
    let waiting = decision.notes.iter().any(|n| match &n.verdict {
        // Whoever waits for its turn, or for the cluster to form, waits for the end of the pause.
        Verdict::Waiting(Wait::Pause { .. } | Wait::Turn | Wait::Formation) => !paused,
        Verdict::Waiting(_) => true,
        Verdict::Refused(_) => false,
    });
    let acting = decision.proposal.is_some() || !decision.effects.is_empty() || decision.has_urgent_edits();
    decision.is_settled() || (refused && !waiting && !acting)
}

/// Whether the next try to join comes only after this invocation, and the schedule alone keeps the waiting hooks alive
/// meanwhile: each hook lasts for several of its runs.
fn is_paused(decision: &Decision, observation: &Observation, deadline: Timestamp) -> bool {
    let later =
        |n: &Note| matches!(n.verdict, Verdict::Waiting(Wait::Pause { until, .. }) if until >= deadline);
    let lasting = |transition| {
        let hook = observation.group.known().and_then(|g| g.hook(transition).ok());
        hook.is_some_and(|hook| hook.heartbeat >= LASTING)
    };
    decision.notes.iter().any(later) && decision.keep_alive.iter().all(|k| lasting(k.transition))
}

/// Whether the event's own instance is done. A launch is done once its instance is in service or on its way out. A
/// termination is done once its hook is completed.
pub fn is_done(action: &LifecycleAction, observation: &Observation) -> bool {
    let Some(group) = observation.group.known() else {
        return false;
    };
    match (action.transition, group.instance(&action.instance)) {
        (_, None) => true,
        (Transition::Launch, Some(i)) => {
            !matches!(i.state(), InstanceState::Launching | InstanceState::LaunchWaiting)
        }
        (Transition::Terminate, Some(i)) => matches!(
            i.lifecycle,
            None | Some(
                Lifecycle::TerminatingProceed
                    | Lifecycle::ReplacingRootVolume
                    | Lifecycle::Pending
                    | Lifecycle::PendingWait
                    | Lifecycle::Terminated
                    | Lifecycle::Retained
                    | Lifecycle::Detached
                    | Lifecycle::Warmed(WarmHook::None)
            )
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use membership::decision::{KeepAlive, Refusal};
    use membership::etcd::EtcdView;
    use membership::instance::{Ec2State, Instance};
    use membership::ledger::GroupIdentity;
    use membership::observation::{Group, Hook, Parameters, Seen};
    use membership::settings::Settings;

    use super::*;

    const ID: &str = "i-1234abcd";

    fn seen(states: &[(&str, &str)]) -> Observation {
        let instance = |(id, state): &(&str, &str)| Instance {
            id: (*id).into(),
            lifecycle: Some(Lifecycle::parse(state)),
            ec2_state: Ec2State::Running,
            address: None,
            launched_at: Timestamp(0),
            healthy: true,
            origin: String::new(),
        };
        let group = Group {
            identity: GroupIdentity { name: "g".to_owned(), arn: "a".to_owned(), vpc: String::new() },
            desired: 1,
            max: 1,
            end: None,
            launch_hook: Err("none".to_owned()),
            terminate_hook: Err("none".to_owned()),
            retains: false,
            reuses: false,
            units: None,
            weights: BTreeMap::new(),
            instances: states.iter().map(instance).collect(),
            settings: Settings::default(),
        };
        Observation {
            cluster: "c".into(),
            group: Seen::Known(group),
            owner: Seen::unseen("not needed"),
            ledger: Seen::Known(None),
            parameters: Seen::Known(Parameters::default()),
            etcd: EtcdView::default(),
            names: BTreeMap::new(),
            reports: BTreeMap::new(),
        }
    }

    fn done(transition: Transition, observation: &Observation) -> bool {
        let action =
            LifecycleAction { group: "g".to_owned(), instance: ID.into(), transition, marked: false };
        is_done(&action, observation)
    }

    #[test]
    fn a_launch_is_done_once_it_no_longer_launches() {
        for (state, expected) in [
            ("Pending", false),
            ("Pending:Wait", false),
            ("Pending:Proceed", false),
            ("InService", true),
            ("Terminating:Wait", true),
        ] {
            assert_eq!(done(Transition::Launch, &seen(&[(ID, state)])), expected, "{state}");
        }
        assert!(done(Transition::Launch, &seen(&[])));
    }

    #[test]
    fn a_termination_is_done_once_its_hook_is_over() {
        for (state, expected) in [
            ("InService", false),
            ("Terminating", false),
            ("Terminating:Wait", false),
            ("Terminating:Proceed", true),
            ("Terminating:Retained", true),
            ("ReplacingRootVolume:Wait", false),
            ("ReplacingRootVolume:Proceed", true),
            ("RootVolumeReplaced", true),
            ("Warmed:Pending:Wait", false),
            ("Warmed:Pending:Proceed", true),
            ("Warmed:Terminating:Wait", false),
            ("Pending:Wait", true),
        ] {
            assert_eq!(done(Transition::Terminate, &seen(&[(ID, state)])), expected, "{state}");
        }
        assert!(done(Transition::Terminate, &seen(&[])));
    }

    #[test]
    fn an_action_is_not_done_while_the_group_is_not_seen() {
        let unseen = Observation { group: Seen::unseen("throttled"), ..seen(&[]) };
        assert!(!done(Transition::Launch, &unseen));
        assert!(!done(Transition::Terminate, &unseen));
    }

    #[test]
    fn a_refused_cluster_is_not_waited_for_and_a_waiting_one_is() {
        let note = |verdict| Note { about: Subject::Cluster, verdict };
        let with = |notes| Decision { notes, ..Decision::default() };
        let (refused, waiting) = (Verdict::Refused(Refusal::Paused), Verdict::Waiting(Wait::List));
        let in_vain = |decision: &Decision| nothing_to_wait_for(decision, &seen(&[]), Timestamp(60_000));
        assert!(in_vain(&Decision::default()));
        assert!(in_vain(&with(vec![note(refused.clone())])));
        assert!(!in_vain(&with(vec![note(waiting.clone())])));
        assert!(!in_vain(&with(vec![note(refused), note(waiting)])));
    }

    #[test]
    fn a_long_pause_is_not_waited_for_where_the_schedule_keeps_the_hooks_alive() {
        let note = |verdict| Note { about: Subject::Cluster, verdict };
        let pause =
            |until| Wait::Pause { failures: 3, pause: Duration::from_secs(60), until: Timestamp(until) };
        let paused = |until, more: Vec<Wait>| {
            let mut notes =
                vec![note(Verdict::Refused(Refusal::Paused)), note(Verdict::Waiting(pause(until)))];
            notes.extend(more.into_iter().map(|w| note(Verdict::Waiting(w))));
            let keep_alive = vec![KeepAlive { instance: ID.into(), transition: Transition::Launch }];
            Decision { notes, keep_alive, ..Decision::default() }
        };
        let with_hook = |seconds| {
            let mut observation = seen(&[(ID, "Pending:Wait")]);
            if let Seen::Known(group) = &mut observation.group {
                group.launch_hook =
                    Ok(Hook { name: "launch".to_owned(), heartbeat: Duration::from_secs(seconds) });
            }
            observation
        };
        let in_vain = |decision: &Decision, heartbeat| {
            nothing_to_wait_for(decision, &with_hook(heartbeat), Timestamp(60_000))
        };
        assert!(in_vain(&paused(60_000, vec![Wait::Turn]), 180));
        assert!(!in_vain(&paused(59_999, vec![]), 180), "the try comes within this invocation");
        assert!(!in_vain(&paused(60_000, vec![]), 179), "the schedule alone might miss the hook");
        assert!(!in_vain(&paused(60_000, vec![Wait::List]), 180));
    }
}
