//! The rule `hold`: while the group wants no instance, every voter is kept with its data. A size of 0 is an everyday
//! thing, such as a schedule for the night or a stack that replaces its group, and it is no word to destroy data.

use std::time::Duration;

use crate::change::Change;
use crate::decision::{Decision, Refusal, Subject};
use crate::guard::Guard;
use crate::instance::{Instance, Transition};
use crate::view::View;

/// All voters of a group reach the end of their hooks together, and they are retained one after the other. So this
/// part of a hook's longest time is kept in reserve, up to ten minutes.
const RESERVE: u32 = 10;
const MOST_RESERVE: Duration = Duration::from_secs(600);

/// Says that the cluster is held and how its end would be meant. Its leaving voters stay members; their hooks are kept
/// alive, and near the hooks' ends their instances are retained where the group retains.
pub fn hold(v: View<'_>, d: &mut Decision) {
    if !v.held() {
        return;
    }
    d.refuse(Subject::Cluster, Refusal::EndNotMeant { word: v.end_word() });
    for instance in v.group.instances.iter().filter(|i| i.terminate_hook_waits() && v.may_vote(i)) {
        tell_its_death(v, d, instance);
        let cap = v.group.hook(Transition::Terminate).map_or(MOST_RESERVE, |hook| hook.cap());
        retain_before_the_end(v, d, instance, (cap / RESERVE).min(MOST_RESERVE));
    }
}

/// Whether the instance runs a voter that stays a member because the cluster is held.
pub fn is_held(v: View<'_>, instance: &Instance) -> bool {
    v.held() && v.may_vote(instance)
}

/// Says when a voter that stays a member is lost all the same, where the group retains no instance.
pub fn tell_its_death(v: View<'_>, d: &mut Decision, instance: &Instance) {
    if !v.group.retains && instance.may_be_retained() {
        d.refuse(&instance.id, Refusal::DiesWithItsData { at: v.termination_ends(&instance.id) });
    }
}

/// Retains the instance with its voter when no more than this time is left of its hook, where the group's policy
/// says that it retains. Elsewhere ABANDON would only kill it sooner.
pub fn retain_before_the_end(v: View<'_>, d: &mut Decision, instance: &Instance, reserve: Duration) {
    let id = &instance.id;
    let over = v.now.plus(reserve) >= v.hook_end(id, Transition::Terminate);
    if v.allows(Guard::AbandonRetains, v.group.retains) && instance.may_be_retained() && over {
        d.propose(Change::RetainLeaving { instance: id.clone() }, None);
    }
}
