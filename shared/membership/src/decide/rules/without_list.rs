//! The rule `without_list`: without a linearizable list nothing is known of the membership, and nothing is done
//! about it.

use std::time::Duration;

use crate::change::Effect;
use crate::decide::rules::hold::retain_before_the_end;
use crate::decision::{Decision, Refusal, Subject, Wait};
use crate::guard::Guard;
use crate::ledger::{Phase, Source};
use crate::quorum::majority;
use crate::view::View;

pub fn without_list(v: View<'_>, d: &mut Decision) {
    let voted = || v.ledger.instances.iter().filter(|(_, r)| r.voted);
    let (voters, gone) = (voted().count(), voted().filter(|(id, _)| v.gone(id)).count());
    if v.phase() == Phase::Formed && gone > 0 && voters - gone < majority(voters) {
        d.refuse(Subject::Cluster, Refusal::QuorumLost { gone, voters });
    } else {
        d.wait(Subject::Cluster, Wait::List);
    }
    never_a_member(v, d);
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
