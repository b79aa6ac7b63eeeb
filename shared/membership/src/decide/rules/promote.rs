//! The rule `promote`: a learner that has just proven itself becomes a voter.

use std::time::Duration;

use crate::change::{Change, Effect};
use crate::decide::propose::{propose_membership, propose_removal};
use crate::decision::{Decision, Refusal, Wait};
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::ledger::{ConditionKey, EnvState};
use crate::quorum::VoterChange;
use crate::view::{View, versions};

/// A learner that joined by snapshot is silent for 7 s anyway (etcd 3.6 and 3.7, tried). This is longer.
const NO_PROGRESS: Duration = Duration::from_secs(10);

pub fn promote(v: View<'_>, d: &mut Decision) {
    let Some(list) = v.list() else { return };
    for learner in list.learners() {
        let Some(id) = v.owner(learner).filter(|id| v.state(id).stays()) else { continue };
        let removal = v.unanswered(|c| matches!(c, Change::Remove { member, .. } if *member == learner.id));
        if removal.is_some() && v.enforces(Guard::NoRemovalPending) {
            propose_removal(v, d, &id, learner);
        } else if v.given_up(&id) {
            // The rule `give_up` removes it.
        } else if v.receives(learner) {
            d.wait(&id, Wait::Snapshot);
        } else if !learner.started() {
            nudge(v, d, &id);
            d.wait(&id, versions::start(v, learner));
        } else if !v.ready(learner) {
            nudge(v, d, &id);
            d.wait(&id, Wait::CatchUp);
        } else {
            match may_vote(v, &id, learner) {
                Ok(change) => propose_membership(v, d, &id, change),
                Err(why) => d.refuse(&id, why),
            }
        }
    }
}

/// Asks the leader for a lease, which makes one entry in the log. A learner that joined by a snapshot of more than
/// 5,000 entries refuses its own publishing ("too many requests") and serves nothing until one more entry is
/// applied. In a cluster that nobody writes to, that would last for ever (seen with etcd 3.6.16).
fn nudge(v: View<'_>, d: &mut Decision, id: &InstanceId) {
    let stuck = v.ledger.aged(&ConditionKey::Joining(id.clone()), v.now, NO_PROGRESS);
    if let Some((_, via)) = v.leader().filter(|_| stuck) {
        d.effects.push(Effect::GrantLease { via });
    }
}

/// The promotion of this learner, or what stands against it.
fn may_vote(v: View<'_>, id: &InstanceId, learner: &Member) -> Result<Change, Refusal> {
    let change = Change::Promote { instance: id.clone(), member: learner.id };
    let open = v.record(id).is_none_or(|r| r.env == EnvState::Open);
    if let Some(why) = v.instance(id).and_then(|i| v.no_env(i)).filter(|_| open) {
        return Err(why);
    }
    if let Some(why) = versions::forbids_vote(v, learner) {
        v.require(Guard::VersionMayVote, false, || why)?;
    }
    let kept = v.electorate().may_change(VoterChange::Add(learner.id));
    v.require(Guard::MajorityKept, kept, || Refusal::QuorumAtRisk(change.clone()))?;
    Ok(change)
}
