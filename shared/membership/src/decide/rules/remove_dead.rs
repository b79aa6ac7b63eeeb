//! The rule `remove_dead`: a member that cannot come back is removed before anything is added (etcd FAQ, "Should I
//! add a member before removing an unhealthy member?").

use crate::decide::propose::propose_removal;
use crate::decision::{Decision, Refusal, Wait};
use crate::guard::Guard;
use crate::view::View;

pub fn remove_dead(v: View<'_>, d: &mut Decision) {
    let Some(list) = v.list() else { return };
    for learner in list.learners() {
        match v.learner_owner(learner) {
            Some(id) if v.gone(&id) || v.state(&id).leaves() => propose_removal(v, d, &id, learner),
            Some(id) if v.missing(&id) => d.wait(&id, Wait::Gone),
            Some(_) => {}
            None => d.refuse(learner.id, Refusal::UnownedMember),
        }
    }
    for voter in list.voters() {
        match v.owner(voter) {
            Some(id) if v.long_gone(&id) => propose_removal(v, d, &id, voter),
            Some(id) if v.missing(&id) => d.wait(&id, Wait::Gone),
            Some(_) => {}
            None if v.enforces(Guard::UnownedIsKept) => d.refuse(voter.id, Refusal::UnownedMember),
            // Only the mutant of this guard comes here.
            None => propose_removal(v, d, voter.id, voter),
        }
    }
}
