//! Records of instances that are gone.

use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::Instance;
use crate::ledger::{Edit, Phase};
use crate::observation::Seen;
use crate::view::View;

/// Forgets an instance that is gone and has left no member, no hook, no env and no change in flight. In a generation
/// that has not formed, an instance that was given an env may be a voter, so its record stays.
pub fn forget(v: View<'_>) -> Vec<Edit> {
    let (Some(list), Seen::Known(parameters)) = (v.list(), &v.obs.parameters) else {
        return Vec::new();
    };
    if v.enforces(Guard::NoneDroppedUnformed) && v.phase() != Phase::Formed {
        return Vec::new();
    }
    let in_flight = |id: &InstanceId| v.in_flight(|c| c.instance() == Some(id));
    let forgotten = v.ledger.instances.iter().filter(|(id, r)| {
        let listed = r.member.is_some_and(|m| list.get(m).is_some());
        let hooked = v.instance(id).is_some_and(Instance::terminate_hook_waits);
        v.long_gone(id) && !listed && !hooked && !in_flight(id) && !parameters.envs.contains_key(*id)
    });
    forgotten.map(|(id, _)| Edit::Forget(id.clone())).collect()
}
