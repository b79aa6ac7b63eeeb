//! The life of a generation: formed, abandoned, ended, and when the next one opens (rules 1 to 3).

use std::time::Duration;

use super::formation;
use crate::guard::Guard;
use crate::ids::{InstanceId, Nonce};
use crate::ledger::{ConditionKey, Edit, EnvState, Phase};
use crate::quorum::majority;
use crate::view::{MISSES, View};

/// A launch that has stalled for this long is not waited for any more.
const STALLED_FOR: Duration = Duration::from_secs(600);

pub fn phase(v: View<'_>) -> Vec<Edit> {
    let next = match v.phase() {
        Phase::Opened if v.group.max == 0 => Some(Phase::Abandoned),
        Phase::Opened if formed(v) => Some(Phase::Formed),
        Phase::Opened if dead_before_it_formed(v) => Some(Phase::Abandoned),
        Phase::Formed if v.hold(Guard::EndsOnlyAtMaxZero, v.group.max == 0) => Some(Phase::Ended),
        Phase::Formed if v.hold(Guard::FormedIsNeverAbandoned, false) && dead_before_it_formed(v) => {
            Some(Phase::Abandoned)
        }
        Phase::Opened | Phase::Formed | Phase::Abandoned | Phase::Ended => None,
    };
    next.map(Edit::SetPhase).into_iter().collect()
}

/// The voters equal the desired capacity; or launching has stalled and all who are there vote and are a majority of
/// it. Every voter has proven itself, and none could start empty any more.
fn formed(v: View<'_>) -> bool {
    let Some(list) = v.list() else { return false };
    let safe = |id: &InstanceId| v.record(id).is_some_and(|r| r.voted && r.env != EnvState::Open);
    let good = list.voters().all(|m| v.proven(m) && v.ledger.instance_of(m.id).is_some_and(safe));
    let voters = list.voters().count();
    let stalled =
        v.ledger.aged(&ConditionKey::Stalled, v.now, STALLED_FOR) && voters >= majority(v.group.desired);
    let complete = v.group.desired > 0 && (voters >= v.group.desired || stalled);
    v.hold(Guard::FormedIsComplete, complete) && v.hold(Guard::FormedIsProven, good)
}

/// The only place where silence ever leads to an act, and it can cost nothing: nobody was told of this cluster.
fn dead_before_it_formed(v: View<'_>) -> bool {
    if v.ledger.instances.keys().all(|id| v.gone(id)) {
        return true;
    }
    let Some(seed) = v.ledger.seed() else { return false };
    if v.ledger.generation.identity.is_none() {
        let patience = v.group.settings.join_patience;
        let over = v.ledger.aged(&ConditionKey::Joining(seed.clone()), v.now, patience);
        return v.hold(Guard::SeedNeedsPatience, over);
    }
    let silent = v.ledger.aged(&ConditionKey::Silent, v.now, v.group.settings.formation_patience);
    let missed = v.list().is_none() && v.hold(Guard::MissedRepeatedly, v.obs.etcd.list_misses >= MISSES);
    missed && v.hold(Guard::SilenceNeedsPatience, silent)
}

/// The next generation opens only when all who might be members of the last are positively gone, and no claim is
/// open that could still write for it.
pub fn next_generation(v: View<'_>, me: Option<&Nonce>) -> Option<Edit> {
    if !matches!(v.phase(), Phase::Abandoned | Phase::Ended) || v.group.max == 0 {
        return None;
    }
    let all_gone = v.ledger.instances.keys().all(|id| v.gone(id));
    let claimed = v.ledger.claim.as_ref().is_some_and(|c| Some(&c.nonce) != me);
    if !v.hold(Guard::AllGoneBeforeNext, all_gone) || !v.hold(Guard::NoClaimBeforeNext, !claimed) {
        return None;
    }
    let seed = formation::choose_seed(v.obs, v.group, v.guards, |id| !v.ledger.instances.contains_key(id))?;
    Some(Edit::OpenGeneration { cluster: v.obs.cluster.clone(), group: v.group.identity.clone(), seed })
}
