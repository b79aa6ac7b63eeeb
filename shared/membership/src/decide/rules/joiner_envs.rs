//! The rule `joiner_envs`: the env of a joiner that was added and has not started.

use crate::change::{Change, Effect};
use crate::decide::parameters::joiner_env;
use crate::decision::Decision;
use crate::env;
use crate::ledger::EnvState;
use crate::observation::Seen;
use crate::view::View;

/// Creates the env where its claimant died before it could, and repairs the env where the membership has changed
/// since.
pub fn joiner_envs(v: View<'_>, d: &mut Decision) {
    let (Some(list), Seen::Known(parameters)) = (v.list(), &v.obs.parameters) else {
        return;
    };
    for learner in list.learners() {
        let Some(id) = v.ledger.instance_of(learner.id) else { continue };
        let open = v.record(id).is_some_and(|r| r.env == EnvState::Open);
        if !open || !v.state(id).stays() || v.given_up(id) {
            continue;
        }
        let Some(wanted) = joiner_env(v, id, learner, list) else { continue };
        match parameters.envs.get(id) {
            None => d.effects.push(Effect::CreateEnv { instance: id.clone(), env: wanted }),
            Some(env) if !env::agrees(env, &wanted) || env::holds_back(env, &wanted) => {
                d.propose(Change::RepairEnv { instance: id.clone() }, None);
            }
            Some(_) => {}
        }
    }
}
