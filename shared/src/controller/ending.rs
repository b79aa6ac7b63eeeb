//! When an invocation may stop before its time is up.

use membership::decision::{Decision, Subject, Verdict};
use membership::instance::{InstanceState, Lifecycle, Transition, WarmHook};
use membership::observation::Observation;

use crate::event::LifecycleAction;

/// Whether nothing is to be done, or the cluster as a whole is refused and nothing else is expected to happen.
pub fn nothing_to_wait_for(decision: &Decision) -> bool {
    let refused = decision
        .notes
        .iter()
        .any(|n| n.about == Subject::Cluster && matches!(n.verdict, Verdict::Refused(_)));
    let waiting = decision.notes.iter().any(|n| matches!(n.verdict, Verdict::Waiting(_)));
    let acting = decision.proposal.is_some() || !decision.effects.is_empty() || decision.has_urgent_edits();
    decision.is_settled() || (refused && !waiting && !acting)
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

    use membership::decision::{Note, Refusal, Wait};
    use membership::etcd::EtcdView;
    use membership::ids::Timestamp;
    use membership::instance::{Ec2State, Instance};
    use membership::ledger::GroupIdentity;
    use membership::observation::{Group, Parameters, Seen};
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
            ledger: Seen::Known(None),
            parameters: Seen::Known(Parameters::default()),
            etcd: EtcdView::default(),
            reports: BTreeMap::new(),
        }
    }

    fn done(transition: Transition, observation: &Observation) -> bool {
        is_done(&LifecycleAction { group: "g".to_owned(), instance: ID.into(), transition }, observation)
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
        let unseen = Observation { group: Seen::Unknown("throttled".to_owned()), ..seen(&[]) };
        assert!(!done(Transition::Launch, &unseen));
        assert!(!done(Transition::Terminate, &unseen));
    }

    #[test]
    fn a_refused_cluster_is_not_waited_for_and_a_waiting_one_is() {
        let note = |verdict| Note { about: Subject::Cluster, verdict };
        let with = |notes| Decision { notes, ..Decision::default() };
        let (refused, waiting) = (Verdict::Refused(Refusal::Paused), Verdict::Waiting(Wait::List));
        assert!(nothing_to_wait_for(&Decision::default()));
        assert!(nothing_to_wait_for(&with(vec![note(refused.clone())])));
        assert!(!nothing_to_wait_for(&with(vec![note(waiting.clone())])));
        assert!(!nothing_to_wait_for(&with(vec![note(refused), note(waiting)])));
    }
}
