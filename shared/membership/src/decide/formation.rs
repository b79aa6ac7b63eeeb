//! Rules 2 and 3: the birth of a cluster from one seed.

use super::publish::old_endpoints;
use crate::change::Effect;
use crate::decision::{Decision, KeepAlive, Refusal, Subject, Wait};
use crate::env::{self, EnvFor};
use crate::etcd::Probe;
use crate::guard::{Guard, Guards};
use crate::ids::InstanceId;
use crate::instance::InstanceState;
use crate::ledger::{Edit, Seed};
use crate::observation::{Group, Observation, Seen};
use crate::view::View;

/// No ledger, and no etcd answers: the first generation is opened only if every instance is launching or on its way
/// out. Silence alone is never evidence.
pub fn first_generation(obs: &Observation, group: &Group, guards: Guards, d: &mut Decision) {
    let mut free = true;
    for instance in &group.instances {
        let state = instance.state();
        if state == InstanceState::Unclear {
            d.refuse(&instance.id, Refusal::UnclearState);
            free = false;
        } else if !guards.hold(
            Guard::NothingInService,
            !matches!(state, InstanceState::InService | InstanceState::Standby),
        ) {
            d.refuse(&instance.id, Refusal::InServiceWithoutLedger);
            free = false;
        }
        if instance.launch_hook_waits() && state.stays() {
            d.keep_alive.push(KeepAlive { instance: instance.id.clone(), launch: true });
        }
    }
    if free {
        let leaving = group.instances.iter().filter(|i| i.terminate_hook_waits());
        d.effects.extend(leaving.map(|i| Effect::ContinueTerminate(i.id.clone())));
    }
    if let Err(why) = &group.launch_hook {
        d.refuse(Subject::Cluster, Refusal::NoHook(why.clone()));
        return;
    }
    if !free || group.max == 0 {
        return;
    }
    match choose_seed(obs, group, guards, |_| true) {
        Some(seed) => {
            let (cluster, group) = (obs.cluster.clone(), group.identity.clone());
            d.edits.push(Edit::OpenGeneration { cluster, group, seed });
        }
        None => d.wait(Subject::Cluster, Wait::Launch),
    }
}

/// The oldest instance whose launch hook waits, and that answers nothing yet; of two of one age the lower ID.
pub fn choose_seed(
    obs: &Observation,
    group: &Group,
    guards: Guards,
    eligible: impl Fn(&InstanceId) -> bool,
) -> Option<Seed> {
    let quiet = |url: Option<String>| {
        let probe = url.and_then(|u| obs.etcd.probes.get(&u));
        let answers = matches!(probe, Some(Probe::Answered(_) | Probe::AuthenticationNeeded));
        guards.hold(Guard::SeedIsQuiet, !answers)
    };
    group
        .instances
        .iter()
        .filter(|i| i.state() == InstanceState::LaunchWaiting && eligible(&i.id))
        .filter(|i| quiet(i.client_url(&group.settings)))
        .min_by_key(|i| (i.launched_at, i.id.clone()))
        .and_then(|i| Some(Seed { instance: i.id.clone(), peer_url: i.peer_url(&group.settings)? }))
}

/// Opened, and the seed has not been heard of: publish its env and wait. Nobody joins before its identity is known.
pub fn founding(v: View<'_>, d: &mut Decision) {
    let Some(seed) = v.ledger.seed() else { return };
    match (&v.obs.parameters, v.instance(seed)) {
        (Seen::Known(parameters), _) if old_endpoints(v, parameters) => {
            d.effects.push(Effect::DeletePublished);
        }
        (Seen::Known(parameters), Some(instance))
            if !parameters.envs.contains_key(seed) && instance.state().stays() =>
        {
            match env::render(&v.obs.cluster, v.group, v.ledger, instance, EnvFor::Seed) {
                Some(env) => d.effects.push(Effect::CreateEnv { instance: seed.clone(), env }),
                None => d.refuse(seed, v.no_env(instance).unwrap_or(Refusal::NoAddress)),
            }
        }
        (Seen::Unknown(why), _) => d.wait(seed, Wait::Fact(format!("the parameters ({why})"))),
        (Seen::Known(_), _) => {}
    }
    d.wait(seed, Wait::Seed);
    for instance in &v.group.instances {
        let id = &instance.id;
        let recorded = v.record(id).is_some();
        if instance.launch_hook_waits() && instance.state().stays() {
            d.keep_alive.push(KeepAlive { instance: id.clone(), launch: true });
            if !recorded {
                d.wait(id, Wait::Turn);
            }
        } else if instance.terminate_hook_waits() && (!recorded || v.gone(id)) {
            d.effects.push(Effect::ContinueTerminate(id.clone()));
        }
    }
}
