//! The call that a claimed change comes to, on the observation that was looked at again.

use super::{bookkeeping, publish};
use crate::change::{Change, Effect};
use crate::etcd::MemberList;
use crate::guard::{Guard, Guards};
use crate::ids::{InstanceId, MemberId, Nonce, Timestamp};
use crate::ledger::{Edit, EnvState, Ledger};
use crate::observation::{Observation, Seen};
use crate::view::View;

/// The next call for this change; `sealed` once this claim has sealed the env of the learner it promotes. `None`
/// where a fact that the call needs is missing: then nothing is done.
pub(crate) fn under_claim(
    obs: &Observation,
    now: Timestamp,
    me: &Nonce,
    guards: Guards,
    change: &Change,
    sealed: bool,
) -> Option<Effect> {
    with_view(obs, now, me, guards, |v| {
        let leader = || v.leader().map(|(_, url)| url);
        let env = |id: &InstanceId| publish::sealed_env(v, id);
        Some(match change {
            Change::AddLearner { peer_url, .. } => {
                Effect::AddLearner { via: leader()?, peer_url: peer_url.clone() }
            }
            Change::Promote { instance, member } => {
                let recorded = v.record(instance).is_some_and(|r| r.env != EnvState::Open);
                if v.hold(Guard::SealedBeforePromote, sealed || recorded) {
                    Effect::Promote { via: leader()?, member: *member }
                } else {
                    Effect::OverwriteEnv { instance: instance.clone(), env: env(instance)? }
                }
            }
            Change::Remove { member, .. } => Effect::RemoveMember { via: leader()?, member: *member },
            Change::Seal { instance } => {
                Effect::OverwriteEnv { instance: instance.clone(), env: env(instance)? }
            }
            Change::RepairEnv { instance } => {
                let member = v.member(instance)?;
                let env = publish::joiner_env(v, instance, member, v.list()?)?;
                Effect::OverwriteEnv { instance: instance.clone(), env }
            }
            Change::AbandonLaunch { instance } => Effect::AbandonLaunch(instance.clone()),
            Change::RetainLeaving { instance } => Effect::AbandonTerminate(instance.clone()),
            Change::SetUnhealthy { instance } => Effect::SetUnhealthy(instance.clone()),
        })
    })
}

/// The env of a learner that was just added, from the list in etcd's own answer: never from one read before.
pub(crate) fn joiner_env_after_add(
    obs: &Observation,
    now: Timestamp,
    me: &Nonce,
    instance: &InstanceId,
    added: (MemberId, &str, &MemberList),
) -> Option<String> {
    let (member, peer_url, list) = added;
    let recorded = Edit::RecordMember { instance: instance.clone(), member, peer_url: peer_url.to_owned() };
    with_view(obs, now, me, Guards::all(), |v| {
        let ledger = v.ledger.edited(&[recorded], now);
        publish::joiner_env(View { ledger: &ledger, ..v }, instance, list.get(member)?, list)
    })
}

fn with_view<T>(
    obs: &Observation,
    now: Timestamp,
    me: &Nonce,
    guards: Guards,
    read: impl FnOnce(View<'_>) -> Option<T>,
) -> Option<T> {
    let (Seen::Known(group), Seen::Known(Some(ledger))) = (&obs.group, &obs.ledger) else {
        return None;
    };
    let ledger: &Ledger = ledger;
    let (_, ledger) = bookkeeping::bring_up_to_date(View { obs, group, ledger, now, guards }, Some(me));
    read(View { obs, group, ledger: &ledger, now, guards })
}
