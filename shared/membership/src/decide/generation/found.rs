//! The first generation of a cluster: there is no ledger, and no etcd answers.

use super::seed::choose_seed;
use crate::decide::bookkeeping::remember;
use crate::decide::fit::is_fit;
use crate::decide::hooks::{end_termination, keep_alive, waits_to_join};
use crate::decision::{Decision, Refusal, Subject, Unread, Wait};
use crate::guard::{Guard, Guards};
use crate::instance::{Instance, InstanceState, Transition};
use crate::ledger::{Edit, HookNames};
use crate::observation::{Group, Observation, Seen};
use crate::view::heard;

/// Opens the first generation only if every instance is launching or on its way out. Silence alone is never evidence.
pub fn found(obs: &Observation, group: &Group, guards: Guards, d: &mut Decision) {
    let mut free = envs_are_known(obs, group, guards, d);
    for instance in &group.instances {
        if let Err(why) = holds_no_data(obs, group, instance, guards) {
            d.refuse(&instance.id, why);
            free = false;
            if instance.terminate_hook_waits() {
                keep_alive(d, instance, Transition::Terminate);
            }
        }
        if waits_to_join(instance) {
            keep_alive(d, instance, Transition::Launch);
        }
    }
    if !free {
        // The ledger may have been lost, and a leaving instance may be a voter.
        let leaving = group.instances.iter().filter(|i| i.terminate_hook_waits());
        for instance in leaving {
            if !d.keep_alive.iter().any(|kept| kept.instance == instance.id) {
                keep_alive(d, instance, Transition::Terminate);
            }
        }
    } else {
        group.instances.iter().for_each(|i| end_termination(d, i));
    }
    if let Err(why) = &group.launch_hook {
        d.refuse(Subject::Cluster, Refusal::NoHook(why.clone()));
        return;
    }
    if !free || group.max == 0 || !is_fit(group, guards) {
        return;
    }
    match choose_seed(obs, group, guards, |_| true) {
        Some(seed) => {
            let hooks = remember(group, &HookNames::default());
            let (cluster, group) = (obs.cluster.clone(), group.identity.clone());
            d.edits.push(Edit::OpenGeneration { cluster, group, seed });
            d.edits.extend(hooks);
        }
        None => d.wait(Subject::Cluster, Wait::Launch),
    }
}

fn comes_or_goes(instance: &Instance) -> bool {
    let state = instance.state();
    state.leaves() || state.launches()
}

/// Without the parameters nobody knows which instances were given an env.
fn envs_are_known(obs: &Observation, group: &Group, guards: Guards, d: &mut Decision) -> bool {
    let Seen::Unknown(unseen) = &obs.parameters else { return true };
    if !group.instances.iter().any(comes_or_goes) || !guards.enforces(Guard::EnvMeansData) {
        return true;
    }
    d.note(Subject::Cluster, Unread::Parameters.verdict(unseen));
    false
}

/// An instance in service may hold data. So may an instance that leaves or launches and was given an env: the ledger was
/// lost, or another deployment founds a cluster here whose record of the owner was deleted.
fn holds_no_data(
    obs: &Observation,
    group: &Group,
    instance: &Instance,
    guards: Guards,
) -> Result<(), Refusal> {
    let state = instance.state();
    if state == InstanceState::Unclear {
        return Err(Refusal::UnclearState);
    }
    let env = obs.parameters.known().is_some_and(|parameters| parameters.envs.contains_key(&instance.id));
    guards.require(Guard::EnvMeansData, !(env && comes_or_goes(instance)), || Refusal::EnvWithoutLedger)?;
    let serves = matches!(state, InstanceState::InService | InstanceState::Standby);
    guards.require(Guard::NothingInService, !serves, || {
        Refusal::InServiceWithoutLedger(heard(obs, group, instance))
    })
}
