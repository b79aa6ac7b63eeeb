//! Whose group it is: nothing is done on a group of another deployment, and nothing before that is certain.

use super::hooks;
use crate::change::Effect;
use crate::decision::{Decision, Refusal, Subject, Unread, Verdict, Wait};
use crate::etcd::Probe;
use crate::guard::{Guard, Guards};
use crate::ids::{ClusterId, Timestamp};
use crate::instance::{Instance, InstanceState};
use crate::ledger::{Edit, Ledger};
use crate::observation::{Group, Observation, Seen};
use crate::owner::{Owner, Ownership};
use crate::view::probe_of;

/// How this deployment stands to the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The record names this deployment and has settled.
    Ours,
    /// The record names this deployment and is too young to be relied on.
    Settling,
    /// There is no record.
    Vacant,
    /// The record names a deployment without a ledger, and the cluster of this deployment's ledger answers.
    TakenWithoutLedger,
}

/// How this deployment stands to the group, or why it does nothing at all. `ledger` is the deployment's own.
pub fn standing(
    obs: &Observation,
    group: &Group,
    ledger: Option<&Ledger>,
    now: Timestamp,
    guards: Guards,
) -> Result<Standing, Verdict> {
    let ownership = match &obs.owner {
        Seen::Known(ownership) => ownership,
        Seen::Unknown(unseen) => return Err(Unread::Owner.verdict(unseen)),
    };
    let me = &ownership.me;
    let vpc = group.identity.vpc.as_str();
    let same_vpc = me.vpc.is_empty() || vpc.is_empty() || me.vpc == vpc;
    guards.require(Guard::SameVpc, same_vpc, || {
        Verdict::Refused(Refusal::OtherVpc { group: vpc.to_owned(), deployment: me.vpc.clone() })
    })?;
    let Some(record) = &ownership.record else { return Ok(Standing::Vacant) };
    let owner = &record.owner;
    if !owner.is_same_deployment(me) {
        let evidence = ledger.is_some_and(|ledger| answers_as_recorded(obs, group, ledger));
        if evidence && ownership.can_be_taken_back(record, now) {
            return Ok(Standing::TakenWithoutLedger);
        }
        let refusal = || Refusal::OtherOwner { owner: owner.to_string(), this: me.to_string() };
        guards.require(Guard::OwnerIsThis, false, || Verdict::Refused(refusal()))?;
        return Ok(Standing::Ours);
    }
    guards.require(Guard::SameClusterName, owner.cluster == obs.cluster, || {
        Verdict::Refused(Refusal::ClusterRenamed { owner: owner.cluster.clone(), tag: obs.cluster.clone() })
    })?;
    let settled = ownership.is_settled(record, now);
    Ok(if guards.allows(Guard::OwnerSettled, settled) { Standing::Ours } else { Standing::Settling })
}

/// Whether the refusal says that another deployment, or another ledger, is the one that counts.
pub fn is_elsewhere(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Refused(Refusal::OtherVpc { .. } | Refusal::OtherOwner { .. } | Refusal::LedgerMoved(_))
    )
}

/// What is done with a ledger while the group is not certainly ours: all hooks are kept alive, and the record is
/// written where this deployment may write it.
pub fn claim_with_ledger(
    obs: &Observation,
    group: &Group,
    ledger: &Ledger,
    standing: &Standing,
    guards: Guards,
    d: &mut Decision,
) {
    hooks::keep_every_hook_alive(group, d);
    match standing {
        Standing::Ours => {}
        Standing::Settling => d.wait(Subject::Cluster, Wait::OwnerSettles),
        Standing::TakenWithoutLedger => write(obs, false, true, d),
        Standing::Vacant => {
            let evidence = belongs_to_the_ledger(obs, group, ledger);
            if guards.allows(Guard::OwnerByIdentity, evidence) {
                write(obs, false, false, d);
            } else {
                d.wait(Subject::Cluster, Wait::OwnerMissing);
            }
        }
    }
}

/// What is done without a ledger while the group is not certainly ours. `plan` is what would be founded or adopted:
/// its reasons are told, and nothing of it is done. The record is written only where the plan is complete.
pub fn claim_without_ledger(
    obs: &Observation,
    group: &Group,
    standing: &Standing,
    plan: Decision,
    d: &mut Decision,
) {
    d.notes.extend(plan.notes);
    hooks::keep_every_hook_alive(group, d);
    match standing {
        Standing::Settling | Standing::Ours => d.wait(Subject::Cluster, Wait::OwnerSettles),
        Standing::Vacant if !plan.edits.is_empty() || !plan.effects.is_empty() => {
            write(obs, true, false, d);
        }
        Standing::Vacant | Standing::TakenWithoutLedger => {}
    }
}

/// Whether the plan may be carried out under this deployment's own record: an adoption needs a record of some age.
pub fn bears(
    obs: &Observation,
    plan: &Decision,
    standing: &Standing,
    now: Timestamp,
    guards: Guards,
) -> bool {
    let adopts = plan.edits.iter().any(|e| matches!(e, Edit::Adopt(_)));
    let ownership = obs.owner.known();
    let of_age = |o: &Ownership| o.record.as_ref().is_some_and(|record| o.may_adopt(record, now));
    let may_adopt = guards.allows(Guard::AdoptionAnnounced, ownership.is_some_and(of_age));
    *standing == Standing::Ours && (!adopts || may_adopt)
}

fn write(obs: &Observation, without_ledger: bool, over: bool, d: &mut Decision) {
    let Seen::Known(Ownership { me, .. }) = &obs.owner else { return };
    let owner = Box::new(Owner { without_ledger, ..me.clone() });
    d.effects.push(if over { Effect::TakeOwner(owner) } else { Effect::CreateOwner(owner) });
    d.wait(Subject::Cluster, Wait::OwnerSettles);
}

/// Whether a server of the group answers as the cluster of this ledger.
fn answers_as_recorded(obs: &Observation, group: &Group, ledger: &Ledger) -> bool {
    let recorded = ledger.cluster_id();
    recorded.is_some() && answers(obs, group).any(|cluster| Some(cluster) == recorded)
}

fn answers<'a>(obs: &'a Observation, group: &'a Group) -> impl Iterator<Item = ClusterId> + use<'a> {
    let probes = group.instances.iter().filter_map(|i| probe_of(&obs.etcd, group, i));
    probes.filter_map(Probe::answer).map(|status| status.cluster)
}

/// Whether the group's cluster is certainly the cluster of this ledger. A ledger of an earlier version stands without
/// a record, and so does every ledger once the record was deleted; another deployment may have a ledger of its own.
/// Where an etcd answers, it has to answer as the cluster on record. Before any cluster is on record, and where no
/// etcd answers, every instance that may hold data has to be on record.
fn belongs_to_the_ledger(obs: &Observation, group: &Group, ledger: &Ledger) -> bool {
    if ledger.cluster_id().is_some() && answers(obs, group).next().is_some() {
        return answers_as_recorded(obs, group, ledger);
    }
    let serves = |i: &Instance| matches!(i.state(), InstanceState::InService | InstanceState::Standby);
    let answers = |i: &Instance| probe_of(&obs.etcd, group, i).is_some_and(Probe::is_alive);
    let unrecorded = |i: &&Instance| !ledger.instances.contains_key(&i.id);
    !group.instances.iter().filter(unrecorded).any(|i| serves(i) || answers(i))
}
