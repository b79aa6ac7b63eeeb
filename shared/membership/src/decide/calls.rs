//! The calls that a proposed change comes to.

use super::{bookkeeping, parameters};
use crate::change::{Change, Effect};
use crate::decision::Calls;
use crate::etcd::MemberList;
use crate::guard::{Guard, Guards};
use crate::ids::{InstanceId, MemberId, Nonce, Timestamp};
use crate::ledger::{Edit, EnvState};
use crate::observation::{Observation, Seen};
use crate::view::View;

/// The calls for this change. Where a fact that a call needs is missing, nothing is called.
pub fn calls(v: View<'_>, change: &Change) -> Calls {
    let leader = || v.leader().map(|(_, url)| url);
    match change {
        Change::AddLearner { peer_url, .. } => {
            a_call(leader().map(|via| Effect::AddLearner { via, peer_url: peer_url.clone() }))
        }
        Change::Promote { instance, member } => {
            let promote = leader().map(|via| Effect::Promote { via, member: *member });
            let sealed = v.record(instance).is_some_and(|r| r.env != EnvState::Open);
            if v.allows(Guard::SealedBeforePromote, sealed) {
                a_call(promote)
            } else {
                Calls::SealFirst { seal: seal(v, instance), then: promote }
            }
        }
        Change::Remove { member, .. } => {
            a_call(leader().map(|via| Effect::RemoveMember { via, member: *member }))
        }
        Change::Seal { instance } => a_call(seal(v, instance)),
        Change::RepairEnv { instance } => a_call(repair(v, instance)),
        Change::AbandonLaunch { instance } => Calls::One(Effect::AbandonLaunch(instance.clone())),
        Change::RetainLeaving { instance } => Calls::One(Effect::AbandonTerminate(instance.clone())),
        Change::SetUnhealthy { instance } => Calls::One(Effect::SetUnhealthy(instance.clone())),
    }
}

fn a_call(call: Option<Effect>) -> Calls {
    call.map_or(Calls::Missing, Calls::One)
}

fn seal(v: View<'_>, instance: &InstanceId) -> Option<Effect> {
    let env = parameters::sealed_env(v, instance)?;
    Some(Effect::OverwriteEnv { instance: instance.clone(), env })
}

fn repair(v: View<'_>, instance: &InstanceId) -> Option<Effect> {
    let env = parameters::joiner_env(v, instance, v.member(instance)?, v.list()?)?;
    Some(Effect::OverwriteEnv { instance: instance.clone(), env })
}

/// A learner that etcd has just added, and the list in etcd's own answer.
pub(crate) struct Added<'a> {
    pub instance: &'a InstanceId,
    pub member: MemberId,
    pub peer_url: &'a str,
    pub list: &'a MemberList,
}

/// The env of a learner that was just added. It comes from the list in etcd's own answer, never from a list that was
/// read before.
pub(crate) fn joiner_env_after_add(
    obs: &Observation,
    now: Timestamp,
    me: &Nonce,
    added: &Added<'_>,
) -> Option<String> {
    let (Seen::Known(group), Seen::Known(Some(ledger))) = (&obs.group, &obs.ledger) else {
        return None;
    };
    let read = View { obs, group, ledger, now, guards: Guards::all() };
    let (_, ledger) = bookkeeping::bring_up_to_date(read, Some(me));
    let (instance, peer_url) = (added.instance.clone(), added.peer_url.to_owned());
    let ledger = ledger.edited(&[Edit::RecordMember { instance, member: added.member, peer_url }], now);
    let v = View { ledger: &ledger, ..read };
    parameters::joiner_env(v, added.instance, added.list.get(added.member)?, added.list)
}
