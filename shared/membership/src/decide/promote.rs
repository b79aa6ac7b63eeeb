//! Rule 7: a learner that has just proven itself becomes a voter.

use std::time::Duration;

use super::{propose_membership, propose_removal, versions};
use crate::change::{Change, Effect};
use crate::decision::{Decision, Refusal, Wait};
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::ledger::{ConditionKey, EnvState};
use crate::quorum::VoterChange;
use crate::view::View;

/// Longer than a learner that joined by snapshot is silent anyway (7 s: story 15).
const NO_PROGRESS: Duration = Duration::from_secs(10);

/// Whether this learner has just answered a probe of its own, caught up with the leader. etcd itself promotes a
/// dead learner that had once caught up (design, section 7).
pub fn ready(v: View<'_>, learner: &Member) -> bool {
    learner.started() && v.hold(Guard::LearnerAnswered, v.proven(learner))
}

pub fn promote(v: View<'_>, d: &mut Decision) {
    let Some(list) = v.list() else { return };
    for learner in list.learners() {
        let Some(id) = v.owner(learner).filter(|id| v.state(id).stays()) else { continue };
        let removal = v.unanswered(|c| matches!(c, Change::Remove { member, .. } if *member == learner.id));
        if removal.is_some() && !v.hold(Guard::NoRemovalPending, false) {
            propose_removal(v, d, (&id).into(), learner);
        } else if v.given_up(&id) {
            // Rule 11 removes it.
        } else if !learner.started() {
            nudge(v, d, &id);
            d.wait(&id, versions::start(v, learner));
        } else if !ready(v, learner) {
            nudge(v, d, &id);
            d.wait(&id, Wait::CatchUp);
        } else {
            promote_one(v, d, learner);
        }
    }
}

/// A learner that joined by a snapshot of more than 5,000 entries refuses its own publishing ("too many requests") and
/// serves nothing until one more entry is applied: in a cluster that nobody writes to, for ever. Seen with etcd 3.6.16.
fn nudge(v: View<'_>, d: &mut Decision, id: &InstanceId) {
    let stuck = v.ledger.aged(&ConditionKey::Joining(id.clone()), v.now, NO_PROGRESS);
    if let Some((_, via)) = v.leader().filter(|_| stuck) {
        d.effects.push(Effect::GrantLease { via });
    }
}

fn promote_one(v: View<'_>, d: &mut Decision, learner: &Member) {
    let Some(id) = v.owner(learner) else { return };
    let change = Change::Promote { instance: id.clone(), member: learner.id };
    let open = v.record(&id).is_none_or(|r| r.env == EnvState::Open);
    if let Some(why) = v.instance(&id).and_then(|i| v.no_env(i)).filter(|_| open) {
        d.refuse(&id, why);
    } else if let Some(why) = versions::forbids_vote(v, learner)
        && !v.hold(Guard::VersionMayVote, false)
    {
        d.refuse(&id, why);
    } else if v.hold(Guard::MajorityKept, v.electorate().may_change(VoterChange::Add(learner.id))) {
        propose_membership(v, d, (&id).into(), change);
    } else {
        d.refuse(&id, Refusal::QuorumAtRisk(change));
    }
}
