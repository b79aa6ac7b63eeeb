//! The rule `warm_pool`: an instance of a warm pool joins when it leaves the pool, so its hooks in the pool end at
//! once.

use crate::change::Effect;
use crate::decision::Decision;
use crate::instance::{InstanceState, WarmHook};
use crate::observation::Group;

pub fn warm_pool(group: &Group, d: &mut Decision) {
    for instance in &group.instances {
        let id = || instance.id.clone();
        match instance.state() {
            InstanceState::Warm(WarmHook::Launch) => d.effects.push(Effect::ContinueLaunch(id())),
            InstanceState::Warm(WarmHook::Terminate) => d.effects.push(Effect::ContinueTerminate(id())),
            _ => {}
        }
    }
}
