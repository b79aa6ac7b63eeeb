//! What an observation proves, edited into the ledger before any rule looks at it.

use super::{conditions, phase, unanswered};
use crate::etcd::Probe;
use crate::guard::Guard;
use crate::ids::Nonce;
use crate::ledger::{Claim, Edit, Identity, Ledger, Phase, UnansweredChange};
use crate::observation::Seen;
use crate::view::View;

type Stage<'a> = &'a dyn Fn(View<'_>) -> Vec<Edit>;

/// All edits that this observation calls for, and the ledger with them applied. An edit that opens a generation
/// comes last and alone decides the round.
pub fn bring_up_to_date(read: View<'_>, me: Option<&Nonce>) -> (Vec<Edit>, Ledger) {
    let stages: [Stage<'_>; 8] = [
        &|v| expired_claim(v, me),
        &identity,
        &foreigners,
        &unanswered::settle,
        &first_votes,
        &conditions::conditions,
        &phase::phase,
        &forget,
    ];
    let mut all = Vec::new();
    let mut ledger = read.ledger.clone();
    for stage in stages {
        let edits = stage(View { ledger: &ledger, ..read });
        ledger = ledger.edited(&edits, read.now);
        all.extend(edits);
    }
    let v = View { ledger: &ledger, ..read };
    all.extend(phase::next_generation(v, me));
    (all, ledger)
}

/// An expired claim is closed by the next writer: a change of the membership may have been sent.
fn expired_claim(v: View<'_>, me: Option<&Nonce>) -> Vec<Edit> {
    let over = |c: &&Claim| v.hold(Guard::ClaimUntilExpiry, v.now >= c.expires);
    let Some(claim) = v.ledger.claim.as_ref().filter(|c| Some(&c.nonce) != me).filter(over) else {
        return Vec::new();
    };
    let change = claim.proposal.change.clone();
    let lives = claim.generation == v.ledger.generation.number
        && matches!(v.phase(), Phase::Opened | Phase::Formed)
        && v.ledger.generation.identity.is_some();
    let may_happen = change.changes_membership() && lives;
    let mut edits = Vec::new();
    if may_happen && !v.hold(Guard::ExpiredClaimMayHaveHappened, false) {
        edits.push(Edit::NoteUnanswered(UnansweredChange {
            change: change.clone(),
            asked: claim.proposal.asked,
            voters: claim.voters.clone(),
            deadline: claim.expires,
            clean: None,
        }));
    }
    edits.push(Edit::Unclaim(format!("{change}: its claimant {} is dead", claim.request)));
    edits
}

/// Rule 3: the identity is recorded once, from the seed's own linearizable list, which shows the seed alone.
fn identity(v: View<'_>) -> Vec<Edit> {
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
    if !v.hold(Guard::IdentityFromSeed, alone && same) {
        return Vec::new();
    }
    vec![Edit::RecordIdentity(Identity {
        cluster: status.cluster,
        seed_member: Some(status.member),
        version: status.version.clone(),
    })]
}

/// An instance that nothing is recorded for, and whose server answers as a member that is nobody's: the group's list
/// missed it when its cluster was adopted, or it was attached later. Its voter is not to be taken for none.
fn foreigners(v: View<'_>) -> Vec<Edit> {
    let Some(list) = v.list() else {
        return Vec::new();
    };
    let unrecorded =
        v.group.instances.iter().filter(|i| v.member(&i.id).is_none() && v.record(&i.id).is_none());
    unrecorded
        .filter_map(|instance| {
            let url = instance.client_url(&v.group.settings)?;
            let Some(Probe::Answered(status)) = v.obs.etcd.probes.get(&url) else { return None };
            let ours = v.hold(Guard::SameCluster, v.ledger.cluster_id() == Some(status.cluster));
            let member = list.get(status.member).filter(|m| ours && m.started() && v.owner(m).is_none())?;
            let peer_url = member.peer_urls.first()?.clone();
            let (instance, voter) = (instance.id.clone(), !member.learner);
            Some(Edit::RecordForeign { instance, member: member.id, peer_url, voter })
        })
        .collect()
}

/// A new voter has answered a linearizable read: the next change may come.
fn first_votes(v: View<'_>) -> Vec<Edit> {
    let Some(list) = v.list() else {
        return Vec::new();
    };
    let silent = v.ledger.instances.iter().filter(|(_, r)| !r.voted);
    silent
        .filter_map(|(id, recorded)| {
            let member = list.get(recorded.member?)?;
            let answered = !member.learner && v.served_list(member.id).is_some() && v.proven(member);
            answered.then(|| Edit::RecordVoted(id.clone()))
        })
        .collect()
}

/// An instance that is gone, and of which nothing is left: of an unformed generation none is ever dropped.
fn forget(v: View<'_>) -> Vec<Edit> {
    let (Some(list), Seen::Known(parameters)) = (v.list(), &v.obs.parameters) else {
        return Vec::new();
    };
    if !v.hold(Guard::NoneDroppedUnformed, v.phase() == Phase::Formed) {
        return Vec::new();
    }
    let in_flight = |id| {
        let claimed = v.ledger.claim.as_ref().is_some_and(|c| c.proposal.change.instance() == Some(id));
        claimed || v.unanswered(|c| c.instance() == Some(id)).is_some()
    };
    let recorded = v.ledger.instances.iter().filter(|(id, r)| {
        let listed = r.member.is_some_and(|m| list.get(m).is_some());
        let hooked = v.instance(id).is_some_and(crate::instance::Instance::terminate_hook_waits);
        v.long_gone(id) && !listed && !hooked && !in_flight(id) && !parameters.envs.contains_key(*id)
    });
    recorded.map(|(id, _)| Edit::Forget(id.clone())).collect()
}
