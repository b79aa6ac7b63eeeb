//! Sealing: a member that has started must never again start on an empty disk (invariant I5, etcd#9613).

use super::promote::ready;
use crate::change::Change;
use crate::decision::Decision;
use crate::guard::Guard;
use crate::ledger::EnvState;
use crate::observation::Seen;
use crate::view::View;

/// Seals every started member whose env is open, except a learner that is about to be promoted: that change seals
/// it first, under the same claim.
pub fn seal(v: View<'_>, d: &mut Decision) {
    for (id, recorded) in &v.ledger.instances {
        let Some(member) = v.member(id).filter(|m| m.started()) else { continue };
        let Some(instance) = v.instance(id).filter(|i| v.no_env(i).is_none()) else { continue };
        let deleted = matches!(&v.obs.parameters, Seen::Known(p) if !p.envs.contains_key(id));
        let ours = v.hold(Guard::ForeignHasNoEnv, recorded.env != EnvState::Foreign);
        let due = recorded.env == EnvState::Open || deleted && ours;
        // A leaving voter too: nobody joins before the seed is sealed, and it waits for them.
        let state = instance.state();
        let there = state.stays() || state.leaves() && !member.learner;
        if there && due && !(member.learner && (ready(v, member) || v.given_up(id))) {
            d.propose(Change::Seal { instance: id.clone() }, None);
        }
    }
}
