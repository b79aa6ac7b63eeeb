//! The lifecycle hooks of a group, and which of them are ours.

use std::time::Duration;

use aws_sdk_autoscaling::types::LifecycleHook;
use membership::instance::Transition;
use membership::observation::Hook;

use super::autoscaling::AutoScalingError;
use crate::event::transition_name;

/// What AWS sets where a hook has no heartbeat timeout of its own (EC2 Auto Scaling API reference, PutLifecycleHook).
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(3600);

/// A lifecycle hook of a group, whosever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupHook {
    /// The transition whose instances wait. `None` for a transition that this version does not know.
    pub transition: Option<Transition>,
    /// Its name and its heartbeat timeout.
    pub hook: Hook,
    /// Whether its notification metadata says `etcd-asg`.
    pub marked: bool,
}

pub(super) fn group_hook(hook: &LifecycleHook) -> Result<GroupHook, AutoScalingError> {
    let name = hook.lifecycle_hook_name().ok_or(AutoScalingError::Malformed("a hook's name"))?.to_owned();
    let seconds = hook.heartbeat_timeout().and_then(|s| u64::try_from(s).ok());
    let heartbeat = seconds.map_or(DEFAULT_HEARTBEAT, Duration::from_secs);
    let is = |transition: &Transition| hook.lifecycle_transition() == Some(transition_name(*transition));
    Ok(GroupHook {
        transition: Transition::BOTH.into_iter().find(is),
        hook: Hook { name, heartbeat },
        marked: hook.notification_metadata().is_some_and(|m| m.contains("etcd-asg")),
    })
}

/// Which of the group's hooks is ours: the one whose notification metadata says `etcd-asg`, else the one that the
/// ledger remembers, else the only one. Hooks of others may stand beside it, and come and go.
pub fn choose_hook(
    all: &[GroupHook],
    transition: Transition,
    remembered: Option<&str>,
) -> Result<Hook, String> {
    let of_transition: Vec<&GroupHook> = all.iter().filter(|h| h.transition == Some(transition)).collect();
    let marked: Vec<&GroupHook> = of_transition.iter().copied().filter(|h| h.marked).collect();
    let candidates = if marked.is_empty() { &of_transition } else { &marked };
    let known = candidates.iter().find(|h| Some(h.hook.name.as_str()) == remembered);
    let name = transition_name(transition);
    match (candidates.as_slice(), known) {
        ([only], _) => Ok(only.hook.clone()),
        (_, Some(known)) => Ok(known.hook.clone()),
        ([], _) => Err(format!("it has no hook of the transition {name}; add one")),
        (many, _) => Err(format!(
            "it has {} hooks of the transition {name}; write etcd-asg into the notification metadata of exactly one",
            many.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str, transition: Transition, metadata: &str) -> GroupHook {
        let hook = LifecycleHook::builder()
            .lifecycle_hook_name(name)
            .lifecycle_transition(transition_name(transition))
            .notification_metadata(metadata)
            .heartbeat_timeout(300)
            .build();
        group_hook(&hook).unwrap()
    }

    /// The name of the launch hook among these, where the ledger remembers this one.
    fn chosen(hooks: &[GroupHook], remembered: Option<&str>) -> Result<String, String> {
        choose_hook(hooks, Transition::Launch, remembered).map(|h| h.name)
    }

    #[test]
    fn the_only_hook_of_a_transition_is_ours_else_the_only_marked_hook() {
        let only = [hook("a", Transition::Launch, ""), hook("b", Transition::Terminate, "etcd-asg")];
        assert_eq!(chosen(&only, None).unwrap(), "a");
        let two =
            [hook("a", Transition::Launch, "x"), hook("b", Transition::Launch, r#"{"owner":"etcd-asg"}"#)];
        assert_eq!(chosen(&two, None).unwrap(), "b");
        assert!(choose_hook(&two, Transition::Terminate, None).unwrap_err().contains("no hook"));
        let unclear = [hook("a", Transition::Launch, ""), hook("b", Transition::Launch, "")];
        assert!(chosen(&unclear, None).unwrap_err().contains("2 hooks"));
        let both = [hook("a", Transition::Launch, "etcd-asg"), hook("b", Transition::Launch, "etcd-asg")];
        assert!(chosen(&both, None).unwrap_err().contains("exactly one"));
    }

    #[test]
    fn hooks_of_others_come_and_go_beside_ours() {
        let (ours, theirs) = (hook("ours", Transition::Launch, ""), hook("theirs", Transition::Launch, "x"));
        assert_eq!(chosen(&[ours.clone(), theirs.clone()], Some("ours")).unwrap(), "ours");
        assert_eq!(chosen(&[theirs.clone(), ours.clone()], Some("ours")).unwrap(), "ours");
        let marked = hook("marked", Transition::Launch, "etcd-asg");
        let all = [ours.clone(), theirs.clone(), marked];
        assert_eq!(chosen(&all, Some("ours")).unwrap(), "marked", "the mark is the operator's word");
        assert_eq!(
            chosen(std::slice::from_ref(&theirs), Some("ours")).unwrap(),
            "theirs",
            "ours is gone: it is forgotten"
        );
        let third = hook("third", Transition::Launch, "");
        assert!(chosen(&[theirs, third], Some("ours")).unwrap_err().contains("2 hooks"));
        let twice = [hook("a", Transition::Launch, "etcd-asg"), hook("b", Transition::Launch, "etcd-asg")];
        assert_eq!(chosen(&twice, Some("b")).unwrap(), "b");
    }
}
