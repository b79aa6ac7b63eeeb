//! Rule 6: dead first. What cannot come back is removed before anything is added (etcd FAQ).

use super::propose_removal;
use crate::decision::{Decision, Refusal, Wait};
use crate::guard::Guard;
use crate::view::View;

pub fn dead_first(v: View<'_>, d: &mut Decision) {
    let Some(list) = v.list() else { return };
    for learner in list.learners() {
        match v.learner_owner(learner) {
            Some(id) if v.gone(&id) || v.standing(&id).leaves() => {
                propose_removal(v, d, (&id).into(), learner);
            }
            Some(id) if v.standing(&id) == crate::instance::Standing::Missing => d.wait(&id, Wait::Gone),
            Some(_) => {}
            None => d.refuse(learner.id, Refusal::Stranger),
        }
    }
    for voter in list.voters() {
        match v.owner(voter) {
            Some(id) if v.long_gone(&id) => {
                propose_removal(v, d, (&id).into(), voter);
            }
            Some(id) if v.standing(&id) == crate::instance::Standing::Missing => d.wait(&id, Wait::Gone),
            Some(_) => {}
            None if !v.hold(Guard::StrangerIsKept, false) => d.refuse(voter.id, Refusal::Stranger),
            None => {
                propose_removal(v, d, voter.id.into(), voter);
            }
        }
    }
}
