//! Who is who: the cluster's identity, members that something else started, and first votes.

use crate::etcd::Probe;
use crate::guard::Guard;
use crate::ledger::{Edit, Identity, Phase};
use crate::observation::Seen;
use crate::view::View;

/// Records the identity once, from the seed's own linearizable list, which has to show the seed alone.
pub fn identity(v: View<'_>) -> Vec<Edit> {
    if v.phase() != Phase::Opened || v.ledger.generation.identity.is_some() {
        return Vec::new();
    }
    let Some(seed) = &v.ledger.generation.seed else { return Vec::new() };
    let Some(url) = v.instance(&seed.instance).and_then(|i| i.client_url(&v.group.settings)) else {
        return Vec::new();
    };
    let (Some(Probe::Answered(status)), Some(Seen::Known(list))) =
        (v.obs.etcd.probes.get(&url), v.obs.etcd.lists.get(&url))
    else {
        return Vec::new();
    };
    let alone = matches!(list.members.as_slice(), [m] if m.id == status.member
        && m.name == seed.instance.as_str() && m.peer_urls.contains(&seed.peer_url) && !m.learner);
    let same = list.served_by == status.member && list.cluster == status.cluster;
    if v.enforces(Guard::IdentityFromSeed) && !(alone && same) {
        return Vec::new();
    }
    vec![Edit::RecordIdentity(Identity {
        cluster: status.cluster,
        seed_member: Some(status.member),
        version: status.version.clone(),
    })]
}

/// Records an instance without a record whose server answers as a member without an owner. The group's list missed
/// the instance when its cluster was adopted, or the instance was attached later. Without a record its voter would
/// have no owner.
pub fn foreigners(v: View<'_>) -> Vec<Edit> {
    let Some(list) = v.list() else {
        return Vec::new();
    };
    let unrecorded =
        v.group.instances.iter().filter(|i| v.member(&i.id).is_none() && v.record(&i.id).is_none());
    unrecorded
        .filter_map(|instance| {
            let status = v.probe_at(instance)?.answer()?;
            let ours = v.allows(Guard::SameCluster, v.ledger.cluster_id() == Some(status.cluster));
            let member = list.get(status.member).filter(|m| ours && m.started() && v.owner(m).is_none())?;
            let peer_url = member.peer_urls.first()?.clone();
            let (instance, voter) = (instance.id.clone(), !member.learner);
            Some(Edit::RecordForeign { instance, member: member.id, peer_url, voter })
        })
        .collect()
}

/// Records that a new voter has answered a linearizable read. From then on the next change may come.
pub fn first_votes(v: View<'_>) -> Vec<Edit> {
    let Some(list) = v.list() else {
        return Vec::new();
    };
    let silent = v.ledger.instances.iter().filter(|(_, r)| !r.voted);
    silent
        .filter_map(|(id, record)| {
            let member = list.get(record.member?)?;
            let answered = !member.learner && v.served_list(member.id).is_some() && v.proven(member);
            answered.then(|| Edit::RecordVoted(id.clone()))
        })
        .collect()
}
