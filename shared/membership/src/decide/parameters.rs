//! What stands in the Parameter Store for a cluster, and what should stand there.

use crate::change::Effect;
use crate::decision::Decision;
use crate::env::{self, EnvFor};
use crate::etcd::{Member, MemberList};
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::ledger::Phase;
use crate::observation::{Parameters, Seen};
use crate::view::{View, versions};

/// The env of a joiner, from a list that shows the joiner. No env is rendered that would let any version of etcd
/// start.
pub fn joiner_env(v: View<'_>, id: &InstanceId, learner: &Member, list: &MemberList) -> Option<String> {
    let shown = list.get(learner.id).is_some_and(|m| !m.started());
    v.require(Guard::EnvFromList, shown, || ()).ok()?;
    let open = versions::open(v, Some(learner.id));
    v.require(Guard::VersionsKnown, open.is_some(), || ()).ok()?;
    let minors = open.map(|open| open.minors()).unwrap_or_default();
    let purpose = EnvFor::Joiner(learner.id, list, &minors);
    env::render(&v.obs.cluster, v.group, v.ledger, v.instance(id)?, purpose)
}

/// The env of a member that has started. It refuses an empty disk.
pub fn sealed_env(v: View<'_>, id: &InstanceId) -> Option<String> {
    let (member, list) = (v.member(id)?, v.list()?);
    let purpose = EnvFor::Sealed(member.id, list);
    env::render(&v.obs.cluster, v.group, v.ledger, v.instance(id)?, purpose)
}

/// Whether `endpoints` stand that an earlier generation published. A generation that has not formed has published
/// nothing itself. An invocation with an older look may also have put them late. An instance with one of their
/// addresses would take itself for published.
pub fn old_endpoints(v: View<'_>, parameters: &Parameters) -> bool {
    let old = v.phase() != Phase::Formed && parameters.endpoints.is_some();
    old && v.enforces(Guard::OldEndpointsGo)
}

/// Deletes the env of every instance that is gone and out of the list. EC2 never gives an instance ID twice.
pub fn delete_envs(v: View<'_>, d: &mut Decision) {
    let Seen::Known(parameters) = &v.obs.parameters else {
        return;
    };
    for id in parameters.envs.keys() {
        let listed = v.member(id).is_some();
        if v.allows(Guard::EnvOfTheGone, v.gone(id) && !listed) {
            d.effects.push(Effect::DeleteEnv(id.clone()));
        }
    }
}
