//! Rule 6: dead first. What cannot come back is removed before anything is added (etcd FAQ).

use super::propose_removal;
use crate::decision::{Decision, Refusal, Wait};
use crate::guard::Guard;
use crate::view::View;

pub fn dead_first(v: View<'_>, d: &mut Decision) {
    let Some(list) = v.list() else { return };
    for learner in list.learners() {
        match v.learner_owner(learner) {
            Some(id) if v.gone(&id) || v.state(&id).leaves() => {
                propose_removal(v, d, (&id).into(), learner);
            }
            Some(id) if v.state(&id) == crate::instance::InstanceState::Missing => d.wait(&id, Wait::Gone),
            Some(_) => {}
            None => d.refuse(learner.id, Refusal::UnownedMember),
        }
    }
    for voter in list.voters() {
        match v.owner(voter) {
            Some(id) if v.long_gone(&id) => {
                propose_removal(v, d, (&id).into(), voter);
            }
            Some(id) if v.state(&id) == crate::instance::InstanceState::Missing => d.wait(&id, Wait::Gone),
            Some(_) => {}
            None if !v.hold(Guard::UnownedIsKept, false) => d.refuse(voter.id, Refusal::UnownedMember),
            None => {
                propose_removal(v, d, voter.id.into(), voter);
            }
        }
    }
}
