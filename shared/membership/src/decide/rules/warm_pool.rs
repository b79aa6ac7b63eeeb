//! The rule `warm_pool`: an instance of a warm pool joins when it leaves the pool, so its hooks in the pool end at
//! once. An instance of the pool that was a member is none of these: it counts as leaving.

use crate::change::Effect;
use crate::decision::Decision;
use crate::etcd::Probe;
use crate::instance::{InstanceState, WarmHook};
use crate::observation::{Group, Observation, Seen};
use crate::view::probe_of;

/// Where the pool takes instances back, it is not known which hook waits at `Warmed:Pending:Wait`. Both are completed:
/// AWS refuses to complete an action that is not there. Before there is a ledger, no instance is ended on which a server
/// answers: its cluster may be adopted.
pub fn warm_pool(obs: &Observation, group: &Group, d: &mut Decision) {
    let recorded = matches!(obs.ledger, Seen::Known(Some(_)));
    for instance in &group.instances {
        let id = || instance.id.clone();
        let answers = || probe_of(&obs.etcd, group, instance).is_some_and(Probe::is_alive);
        match instance.state() {
            InstanceState::Warm(WarmHook::Launch) => {
                d.effects.push(Effect::ContinueLaunch(id()));
                if group.reuses && recorded {
                    d.effects.push(Effect::ContinueTerminate(id()));
                }
            }
            InstanceState::Warm(WarmHook::Terminate) if recorded || !answers() => {
                d.effects.push(Effect::ContinueTerminate(id()));
            }
            _ => {}
        }
    }
}
