//! What about a group keeps a cluster from being founded or adopted in it.

use crate::decision::{Decision, Refusal, Subject};
use crate::guard::{Guard, Guards};
use crate::observation::Group;

/// Reports what does not fit. A living cluster goes on, and it is an error all the same.
pub fn report_unfit(group: &Group, d: &mut Decision) {
    if group.reuses {
        d.refuse(Subject::Cluster, Refusal::PoolTakesBack);
    }
    if let Some(what) = &group.units {
        d.refuse(Subject::Cluster, Refusal::CountsUnits(what.clone()));
    }
    for (transition, timeout) in group.hooks_too_short() {
        d.refuse(Subject::Cluster, Refusal::HookTimeoutShort { transition, timeout });
    }
}

/// Whether a cluster may be founded or adopted in this group.
pub fn is_fit(group: &Group, guards: Guards) -> bool {
    let kept_alive = guards.allows(Guard::HeartbeatsFit, group.hooks_too_short().next().is_none());
    kept_alive && guards.allows(Guard::GroupIsFit, !group.reuses && group.units.is_none())
}
