//! A generation that was opened and whose seed has not been heard of.

use crate::change::Effect;
use crate::decide::hooks::{end_termination, keep_alive, waits_to_join};
use crate::decide::parameters::old_endpoints;
use crate::decide::rules::joins_fail::{host_says, joins_fail};
use crate::decision::{Decision, Refusal, Unread, Wait};
use crate::env::{self, EnvFor};
use crate::ids::InstanceId;
use crate::instance::Transition;
use crate::observation::{Parameters, Seen};
use crate::view::View;

/// Creates the seed's env and waits. Nobody joins before the identity of the cluster is known.
pub fn founding(v: View<'_>, d: &mut Decision) {
    let Some(seed) = v.ledger.seed() else { return };
    match &v.obs.parameters {
        Seen::Known(parameters) => seed_env(v, d, seed, parameters),
        Seen::Unknown(unseen) => d.note(seed, Unread::Parameters.verdict(unseen)),
    }
    joins_fail(v, d);
    d.wait(seed, Wait::Seed);
    host_says(v, d);
    for instance in &v.group.instances {
        let id = &instance.id;
        let recorded = v.record(id).is_some();
        if waits_to_join(instance) {
            keep_alive(d, instance, Transition::Launch);
            if !recorded {
                d.wait(id, Wait::Turn);
            }
        } else if !recorded || v.gone(id) {
            end_termination(d, instance);
        }
    }
}

/// What an earlier generation published is deleted before the seed gets its env: the seed may have one of its
/// addresses.
fn seed_env(v: View<'_>, d: &mut Decision, seed: &InstanceId, parameters: &Parameters) {
    if old_endpoints(v, parameters) {
        d.effects.push(Effect::DeletePublished);
        return;
    }
    let Some(instance) = v.instance(seed).filter(|i| i.state().stays()) else { return };
    if parameters.envs.contains_key(seed) {
        return;
    }
    match env::render(&v.obs.cluster, v.group, v.ledger, instance, EnvFor::Seed) {
        Some(env) => d.effects.push(Effect::CreateEnv { instance: seed.clone(), env }),
        None => d.refuse(seed, v.no_env(instance).unwrap_or(Refusal::NoAddress)),
    }
}
