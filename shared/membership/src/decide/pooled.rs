//! Which instances of a warm pool were members of the cluster.

use crate::guard::{Guard, Guards};
use crate::ids::Timestamp;
use crate::instance::{Lifecycle, WarmHook};
use crate::observation::{Group, Observation, Seen};
use crate::view::View;

/// The group as the rules see it, where that differs. An instance of the warm pool that was a member, that is being made
/// one, or that may run a voter, is leaving: its group took it back on scale-in. It will be stopped with its data, and a stopped voter is never
/// gone. At `Warmed:Pending:Wait` its terminate hook waits.
pub fn seen(obs: &Observation, group: &Group, now: Timestamp, guards: Guards) -> Option<Group> {
    let Seen::Known(Some(ledger)) = &obs.ledger else { return None };
    let v = View { obs, group, ledger, now, guards };
    let mut seen: Option<Group> = None;
    for (at, instance) in group.instances.iter().enumerate() {
        let Some(Lifecycle::Warmed(hook)) = &instance.lifecycle else { continue };
        let id = &instance.id;
        let joins = v.has_learner(id) || v.is_being_added(id);
        let member = v.record(id).is_some() || v.may_vote(instance) || joins;
        if member && guards.enforces(Guard::PooledIsLeaving) {
            let copy = seen.get_or_insert_with(|| group.clone());
            copy.instances[at].lifecycle = Some(Lifecycle::Pooled { hook: *hook != WarmHook::None });
        }
    }
    seen
}
