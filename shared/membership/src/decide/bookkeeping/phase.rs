//! The life of a generation: formed, abandoned, ended, and when the next generation opens.

use std::time::Duration;

use super::joining::failed;
use crate::decide::fit::is_fit;
use crate::decide::generation::seed::choose_seed;
use crate::guard::Guard;
use crate::ids::{InstanceId, Nonce};
use crate::ledger::{ConditionKey, Edit, EnvState, Failure, Phase};
use crate::quorum::majority;
use crate::view::{MISSES, View};

/// A launch that has stalled for this long is not waited for any more.
const STALLED_FOR: Duration = Duration::from_secs(600);

/// The next phase of this generation, if the observation brings it.
pub fn phase(v: View<'_>) -> Vec<Edit> {
    let next = match v.phase() {
        Phase::Opened if v.group.max == 0 => Some(Phase::Abandoned),
        Phase::Opened if formed(v) => Some(Phase::Formed),
        Phase::Opened if dead_before_it_formed(v) => return died(v),
        Phase::Formed if v.ends() => Some(Phase::Ended),
        Phase::Formed if v.mutant(Guard::FormedIsNeverAbandoned) && dead_before_it_formed(v) => {
            Some(Phase::Abandoned)
        }
        Phase::Opened | Phase::Formed | Phase::Abandoned | Phase::Ended => None,
    };
    next.map(Edit::SetPhase).into_iter().collect()
}

/// The generation is abandoned, and its founding has failed. Where the operator wants no instance, nothing has failed.
fn died(v: View<'_>) -> Vec<Edit> {
    let abandoned = Edit::SetPhase(Phase::Abandoned);
    let Some(seed) = v.ledger.seed().filter(|_| v.group.desired > 0) else { return vec![abandoned] };
    let cause = match &v.ledger.generation.identity {
        _ if v.all_gone() => Failure::MachineEnded,
        None => Failure::SeedSilent,
        Some(_) => Failure::NeverFormed,
    };
    vec![failed(v, seed, cause), abandoned]
}

/// The voters equal the desired capacity; or launching has stalled, and all instances that are there vote and are a
/// majority of the desired capacity. Every voter has proven itself, and no voter could start on an empty disk any
/// more.
fn formed(v: View<'_>) -> bool {
    let Some(list) = v.list() else { return false };
    let safe = |id: &InstanceId| v.record(id).is_some_and(|r| r.voted && r.env != EnvState::Open);
    let good = list.voters().all(|m| v.proven(m) && v.ledger.instance_of(m.id).is_some_and(safe));
    let voters = v.group.capacity_of(list.voters().filter_map(|m| v.ledger.instance_of(m.id)));
    let stalled =
        v.ledger.aged(&ConditionKey::Stalled, v.now, STALLED_FOR) && voters >= majority(v.group.desired);
    let complete = v.group.desired > 0 && (voters >= v.group.desired || stalled);
    v.allows(Guard::FormedIsComplete, complete) && v.allows(Guard::FormedIsProven, good)
}

/// This is the only place where silence ever leads to an act. It can cost nothing, because no client was told of the
/// cluster yet.
fn dead_before_it_formed(v: View<'_>) -> bool {
    if v.all_gone() {
        return true;
    }
    let Some(seed) = v.ledger.seed() else { return false };
    if v.ledger.generation.identity.is_none() {
        let patience = v.group.settings.join_patience;
        let over = v.ledger.aged(&ConditionKey::Joining(seed.clone()), v.now, patience);
        return v.allows(Guard::SeedNeedsPatience, over);
    }
    let silent = v.ledger.aged(&ConditionKey::Silent, v.now, v.group.settings.formation_patience);
    let missed = v.list().is_none() && v.allows(Guard::MissedRepeatedly, v.obs.etcd.list_misses >= MISSES);
    missed && v.allows(Guard::SilenceNeedsPatience, silent)
}

/// The next generation opens only when all instances that might be members of the last are certainly gone, and no
/// claim is open that could still write for it.
pub fn next_generation(v: View<'_>, me: Option<&Nonce>) -> Option<Edit> {
    if !matches!(v.phase(), Phase::Abandoned | Phase::Ended) || v.group.max == 0 || !is_fit(v.group, v.guards)
    {
        return None;
    }
    let claimed = v.ledger.claim.as_ref().is_some_and(|c| Some(&c.nonce) != me);
    v.require(Guard::AllGoneBeforeNext, v.all_gone(), || ()).ok()?;
    v.require(Guard::NoClaimBeforeNext, !claimed, || ()).ok()?;
    let seed = choose_seed(v.obs, v.group, v.guards, |i| v.record(&i.id).is_none() && v.may_try(i))?;
    Some(Edit::OpenGeneration { cluster: v.obs.cluster.clone(), group: v.group.identity.clone(), seed })
}
