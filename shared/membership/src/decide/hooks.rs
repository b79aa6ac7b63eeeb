//! Which lifecycle actions are kept alive, and which terminations are completed.
//!
//! A heartbeat is no change: while an operator is at work, or the ledger cannot be read, no launch and no leaving
//! voter must be lost to a hook's timeout.

use crate::change::Effect;
use crate::decision::{Decision, KeepAlive};
use crate::instance::{Instance, InstanceState, Transition, WarmHook};
use crate::observation::Group;
use crate::view::View;

/// Keeps the action of this instance at this hook alive.
pub fn keep_alive(d: &mut Decision, instance: &Instance, transition: Transition) {
    d.keep_alive.push(KeepAlive { instance: instance.id.clone(), transition });
}

/// Whether the instance is launching, is still there, and its launch hook waits.
pub fn waits_to_join(instance: &Instance) -> bool {
    instance.launch_hook_waits() && instance.state().stays()
}

/// Completes the termination of this instance, if its terminate hook waits.
pub fn end_termination(d: &mut Decision, instance: &Instance) {
    if instance.terminate_hook_waits() {
        d.effects.push(Effect::ContinueTerminate(instance.id.clone()));
    }
}

/// Every hook that waits, whatever it waits for. Of an instance that may be on its way back into a warm pool, it is not
/// known which hook waits.
pub fn every_waiting_hook(group: &Group) -> Vec<KeepAlive> {
    let mut d = Decision::default();
    keep_every_hook_alive(group, &mut d);
    d.keep_alive
}

/// Nothing is decided about the group, so no hook of it may run out.
pub fn keep_every_hook_alive(group: &Group, d: &mut Decision) {
    for instance in &group.instances {
        match instance.state() {
            InstanceState::Warm(WarmHook::Launch) => {
                keep_alive(d, instance, Transition::Launch);
                if group.reuses {
                    keep_alive(d, instance, Transition::Terminate);
                }
            }
            InstanceState::Warm(WarmHook::Terminate) => keep_alive(d, instance, Transition::Terminate),
            _ => {}
        }
        if let Some(transition) = instance.waiting_hook() {
            keep_alive(d, instance, transition);
        }
    }
}

/// The hooks of an instance that may still join, or whose termination waits.
pub fn keep_joiners_and_leavers_alive(group: &Group, d: &mut Decision) {
    for instance in &group.instances {
        if waits_to_join(instance) {
            keep_alive(d, instance, Transition::Launch);
        } else if instance.terminate_hook_waits() {
            keep_alive(d, instance, Transition::Terminate);
        }
    }
}

/// Every launch that waits for its turn, and every joiner that was not given up. A joiner without progress is given
/// up after its patience, so no hook is kept alive for ever. Every termination whose member is listed, or may be
/// listed.
pub fn keep_needed_hooks_alive(v: View<'_>, d: &mut Decision) {
    // Only for the leave patience: it may stay unknown for ever which instance runs a voter.
    let may_own_a_voter = |i: &Instance| v.unowned_voter(i).is_some() && v.may_still_leave_later(&i.id);
    for instance in &v.group.instances {
        let id = &instance.id;
        if waits_to_join(instance) && !v.given_up(id) {
            keep_alive(d, instance, Transition::Launch);
        } else if instance.terminate_hook_waits()
            && (v.list().is_none() || v.member(id).is_some() || may_own_a_voter(instance))
        {
            keep_alive(d, instance, Transition::Terminate);
        }
    }
}
