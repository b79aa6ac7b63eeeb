//! A joiner's progress, and when its patience is over.

use crate::decision::Wait;
use crate::etcd::Member;
use crate::guard::Guard;
use crate::instance::{Instance, Transition};
use crate::ledger::{ConditionKey, Edit};
use crate::view::{View, versions};

/// A joiner's patience starts anew when the joiner starts and whenever its applied index advances. It is renewed at
/// most four times a patience, so that a joiner that catches up for long does not write all the time.
pub fn joining(v: View<'_>, edits: &mut Vec<Edit>) {
    for (id, record) in v.ledger.instances.iter().filter(|(_, r)| !r.voted) {
        let (Some(member), Some(instance)) = (v.member(id), v.instance(id)) else { continue };
        if record.member != Some(member.id) || v.given_up(id) {
            continue;
        }
        let condition = v.ledger.conditions.get(&ConditionKey::Joining(id.clone()));
        let forbidden = if member.learner { versions::forbids_vote(v, member) } else { None };
        if let Some(why) = forbidden.as_ref().filter(|why| versions::hopeless(why)) {
            edits.push(Edit::GiveUp(id.clone(), why.to_string()));
            continue;
        }
        // A learner whose version may not vote makes no progress, however well it catches up.
        let applied = v.status(member).filter(|_| forbidden.is_none()).map(|s| s.applied);
        let renewed = |since| v.now.since(since) >= v.group.settings.join_patience / 4;
        match (condition, applied) {
            (None, _) => edits.push(Edit::Progress(id.clone(), applied)),
            (Some(began), Some(index))
                if began.applied.is_none_or(|before| index > before && renewed(began.since)) =>
            {
                edits.push(Edit::Progress(id.clone(), Some(index)));
            }
            (Some(_), _) if joins(v, instance, member) => {
                let on = waited_on(v, member);
                give_up_after_patience(v, edits, instance, ConditionKey::Joining(id.clone()), &on);
            }
            (Some(_), _) => {}
        }
    }
}

/// Gives the joiner up when its patience since this condition began is over, or when its hook's deadline is near.
pub fn give_up_after_patience(
    v: View<'_>,
    edits: &mut Vec<Edit>,
    instance: &Instance,
    since: ConditionKey,
    on: &Wait,
) {
    let id = &instance.id;
    let patience = v.ledger.aged(&since, v.now, v.group.settings.join_patience);
    let hook_ends = instance.launch_hook_waits() && v.now >= v.hook_end(id, Transition::Launch);
    if v.allows(Guard::JoinPatienceOver, patience || hook_ends) {
        edits.push(Edit::GiveUp(id.clone(), format!("waited in vain {on}")));
    }
}

fn waited_on(v: View<'_>, member: &Member) -> Wait {
    match (member.learner, member.started()) {
        (false, _) => Wait::FirstVote(member.id),
        (true, true) => Wait::CatchUp,
        (true, false) => versions::start(v, member),
    }
}

fn joins(v: View<'_>, instance: &Instance, member: &Member) -> bool {
    let silent_voter = !member.learner && !v.proven(member) && instance.state().launches();
    instance.state().stays() && (member.learner || silent_voter)
}
