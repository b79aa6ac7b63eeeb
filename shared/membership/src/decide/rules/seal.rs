//! The rule `seal`: a member that has started must never start on an empty disk again (etcd#9613).

use crate::change::Change;
use crate::decision::Decision;
use crate::guard::Guard;
use crate::ledger::EnvState;
use crate::observation::Seen;
use crate::view::View;

/// Seals every started member whose env is open. A learner that is about to be promoted is left out: its promotion
/// seals it first, under the same claim.
pub fn seal(v: View<'_>, d: &mut Decision) {
    for (id, record) in &v.ledger.instances {
        let Some(member) = v.member(id).filter(|m| m.started()) else { continue };
        let Some(instance) = v.instance(id).filter(|i| v.no_env(i).is_none()) else { continue };
        let deleted = matches!(&v.obs.parameters, Seen::Known(p) if !p.envs.contains_key(id));
        let ours = v.allows(Guard::ForeignHasNoEnv, record.env != EnvState::Foreign);
        let due = record.env == EnvState::Open || deleted && ours;
        // A leaving voter is sealed too: nobody joins before the seed is sealed, and the leaving seed waits for
        // joiners.
        let state = instance.state();
        let there = state.stays() || state.leaves() && !member.learner;
        if there && due && !(member.learner && (v.ready(member) || v.given_up(id))) {
            d.propose(Change::Seal { instance: id.clone() }, None);
        }
    }
}
