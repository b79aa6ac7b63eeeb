//! The rule `give_up`: a joiner that was given up leaves the list, then its launch is abandoned.

use crate::change::Change;
use crate::decide::propose::propose_removal;
use crate::decision::{Decision, Refusal};
use crate::guard::Guard;
use crate::instance::InstanceState;
use crate::view::View;

/// A joiner that is in service by now, and votes, has arrived after all. What becomes of it is decided by the rule
/// `heal`.
pub fn give_up(v: View<'_>, d: &mut Decision) {
    let given_up = v.group.instances.iter().filter(|i| v.given_up(&i.id) && i.state().stays());
    for instance in given_up {
        let id = &instance.id;
        if instance.state() == InstanceState::InService && v.votes(id) {
            continue;
        }
        d.refuse(id, Refusal::GivenUp { said: v.said(id) });
        let abandon = Change::AbandonLaunch { instance: id.clone() };
        match v.member(id) {
            Some(member) if member.learner || v.allows(Guard::ProvenIsKept, !v.proven(member)) => {
                propose_removal(v, d, id, member);
                if instance.launch_hook_waits() && v.mutant(Guard::OutBeforeAbandon) {
                    d.propose(abandon, None);
                }
            }
            Some(_) => {}
            None if instance.launch_hook_waits() => d.propose(abandon, None),
            None => {}
        }
    }
}
