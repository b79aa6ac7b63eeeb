//! The rule `without_list`: without a linearizable list nothing is known of the membership, and nothing is done
//! about it.

use std::time::Duration;

use crate::change::Effect;
use crate::decide::rules::hold::retain_before_the_end;
use crate::decision::{Decision, Refusal, Subject, Wait};
use crate::guard::Guard;
use crate::ledger::Source;
use crate::view::{QuorumGone, View};

pub fn without_list(v: View<'_>, d: &mut Decision) {
    if !report_lost_quorum(v, d) {
        d.wait(Subject::Cluster, Wait::List);
    }
    never_a_member(v, d);
}

/// Refuses where the quorum is lost for good. Returns whether it is.
pub fn report_lost_quorum(v: View<'_>, d: &mut Decision) -> bool {
    let lost = v.quorum_gone().filter(|_| v.list().is_none());
    if let Some(QuorumGone { gone, voters }) = lost {
        d.refuse(Subject::Cluster, Refusal::QuorumLost { gone, voters });
        return true;
    }
    false
}

/// Without a list, an instance is certainly no member only if it was never given an env and no change in flight is
/// about it. In an adopted cluster no instance is certainly no member: its members need no env of ours. Whoever may be a
/// voter is retained before its hook ends, where the group retains.
fn never_a_member(v: View<'_>, d: &mut Decision) {
    let adopted = v.ledger.generation.source == Source::Adopted;
    for instance in v.group.instances.iter().filter(|i| i.terminate_hook_waits()) {
        let id = &instance.id;
        let in_flight = v.in_flight(|c| c.instance() == Some(id));
        if v.record(id).is_some() || adopted {
            retain_before_the_end(v, d, instance, Duration::ZERO);
        }
        if v.allows(Guard::NeverAMember, v.record(id).is_none() && !in_flight && !adopted) {
            d.effects.push(Effect::ContinueTerminate(id.clone()));
        }
    }
}
