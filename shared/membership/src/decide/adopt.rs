//! Rule 2: an etcd answers and there is no ledger. A running cluster is adopted, or nothing is done: never is another
//! founded beside it.

use std::collections::BTreeMap;

use crate::decision::{Decision, KeepAlive, Refusal, Subject, Wait};
use crate::env;
use crate::etcd::{Member, Probe, Status};
use crate::guard::{Guard, Guards};
use crate::ids::{InstanceId, Nonce, RequestId, Timestamp};
use crate::instance::{Instance, InstanceState};
use crate::ledger::{Adoption, Edit, EnvState, Identity, InstanceRecord, Ledger, Writer, apply};
use crate::observation::{Group, Observation, Seen};
use crate::view::View;

/// What the server at an instance's client URL said.
fn probe<'a>(obs: &'a Observation, group: &Group, instance: &Instance) -> Option<&'a Probe> {
    obs.etcd.probes.get(&instance.client_url(&group.settings)?)
}

/// Whether any server answers on an instance of the group.
pub fn somebody_answers(obs: &Observation, group: &Group) -> bool {
    let answers = |p: &Probe| matches!(p, Probe::Answered(_) | Probe::AuthenticationNeeded);
    group.instances.iter().any(|i| probe(obs, group, i).is_some_and(answers))
}

/// Adopts the cluster that answers, if all that is needed is known; says what is missing where it is not.
pub fn adopt(obs: &Observation, group: &Group, now: Timestamp, guards: Guards, d: &mut Decision) {
    for instance in group.instances.iter() {
        let launch = instance.launch_hook_waits() && instance.state().stays();
        if launch || instance.terminate_hook_waits() {
            d.keep_alive.push(KeepAlive { instance: instance.id.clone(), launch });
        }
    }
    let Some(identity) = one_identity(obs, group, guards, d) else { return };
    let Some(adoption) = adoption(obs, group, identity, d) else { return };
    let Some(ledger) = ledger(&adoption, now) else { return };
    if is_whole(View { obs, group, ledger: &ledger, now, guards }, d) {
        d.edits.push(Edit::Adopt(adoption));
    }
}

/// The one cluster that everybody who answers is a member of, as its leader knows it.
fn one_identity(obs: &Observation, group: &Group, guards: Guards, d: &mut Decision) -> Option<Identity> {
    let mut statuses: Vec<(&InstanceId, &Status)> = Vec::new();
    let mut readable = true;
    for instance in &group.instances {
        match probe(obs, group, instance) {
            Some(Probe::Answered(status)) => statuses.push((&instance.id, status)),
            Some(Probe::AuthenticationNeeded) => {
                d.refuse(&instance.id, Refusal::AuthenticationNeeded);
                readable = false;
            }
            Some(Probe::Silent { .. }) | None => {}
        }
    }
    let leader =
        statuses.iter().map(|(_, s)| *s).filter(|s| s.leader == Some(s.member)).max_by_key(|s| s.term);
    let cluster = leader.or(statuses.first().map(|(_, s)| *s))?.cluster;
    for (id, status) in statuses.iter().filter(|(_, s)| s.cluster != cluster) {
        if !guards.hold(Guard::OneClusterAnswers, false) {
            d.refuse(*id, Refusal::TwoClusters(cluster, status.cluster));
            readable = false;
        }
    }
    let Some(leader) = leader else {
        d.wait(Subject::Cluster, Wait::List);
        return None;
    };
    let identity = || Identity { cluster, seed_member: None, version: leader.version.clone() };
    readable.then(identity)
}

/// Who belongs where: by the member ID that the server at the instance's own address answers with. A name or an
/// address alone proves nothing.
fn adoption(obs: &Observation, group: &Group, identity: Identity, d: &mut Decision) -> Option<Adoption> {
    let Seen::Known(parameters) = &obs.parameters else {
        d.wait(Subject::Cluster, Wait::Fact("the parameters".to_owned()));
        return None;
    };
    let lists = || obs.etcd.lists.values().filter_map(Seen::known).filter(|l| l.cluster == identity.cluster);
    let Some(list) = lists().next() else {
        d.wait(Subject::Cluster, Wait::List);
        return None;
    };
    let mut members = BTreeMap::new();
    for instance in &group.instances {
        let Some(Probe::Answered(status)) = probe(obs, group, instance) else { continue };
        let Some(member) = list.get(status.member) else { continue };
        let env = match parameters.envs.get(&instance.id) {
            None => EnvState::Foreign,
            Some(env) if env::is_sealed(env) => EnvState::Sealed,
            Some(_) => EnvState::Open,
        };
        let peer_url = member.peer_urls.first().cloned().unwrap_or_default();
        let recorded = InstanceRecord { member: Some(member.id), peer_url, env, voted: !member.learner };
        members.insert(instance.id.clone(), recorded);
    }
    // A ledger that was lost: the envs still tell of the generation, and the boot scripts' stamps do.
    let told = parameters.envs.values().filter_map(|e| env::value(e, "ETCD_ASG_GENERATION")?.parse().ok());
    let (cluster, group) = (obs.cluster.clone(), group.identity.clone());
    Some(Adoption { cluster, group, identity, generation: told.max().unwrap_or(1), members })
}

fn ledger(adoption: &Adoption, now: Timestamp) -> Option<Ledger> {
    let writer = Writer { request: RequestId(String::new()), nonce: Nonce(String::new()) };
    apply(None, &[Edit::Adopt(adoption.clone())], &writer, now)
}

/// Whether enough is known to run this cluster from now on: a proven quorum, and of every voter where it is.
fn is_whole(v: View<'_>, d: &mut Decision) -> bool {
    let Some(list) = v.list() else { return false };
    let electorate = v.electorate();
    if !v.hold(Guard::AdoptedWithQuorum, v.leader().is_some() && electorate.has_quorum()) {
        let proven = electorate.voters.intersection(&electorate.proven).count();
        d.wait(Subject::Cluster, Wait::Quorum { proven, voters: electorate.voters.len() });
        return false;
    }
    let mut whole = true;
    let unseen = list.voters().find(|m| v.ledger.instance_of(m.id).is_none() && v.status(m).is_none());
    if let Some(voter) = unseen {
        for instance in v.group.instances.iter().filter(|i| may_hide(v, i)) {
            if !v.hold(Guard::NoVoterUnseen, false) {
                d.refuse(&instance.id, Refusal::VoterUnseen(voter.id));
                whole = false;
            }
        }
    }
    for member in &list.members {
        if let Some(url) = unreachable_url(v, member)
            && !v.hold(Guard::PeersReachable, false)
        {
            d.refuse(member.id, Refusal::LocalPeerUrl(url));
            whole = false;
        }
    }
    whole
}

/// An instance whose server did not answer: a voter that nobody answers for may be here.
fn may_hide(v: View<'_>, instance: &Instance) -> bool {
    let silent = !matches!(probe(v.obs, v.group, instance), Some(Probe::Answered(_)));
    silent && instance.state() != InstanceState::Missing
}

/// A peer URL that means another machine to everybody who reads it: no joiner could ever reach this member.
fn unreachable_url(v: View<'_>, member: &Member) -> Option<String> {
    let own = v.ledger.instance_of(member.id).and_then(|id| v.instance(id)?.address.clone());
    let local = |url: &&String| {
        let host = url.split("://").last().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let loopback = host.starts_with("127.") || ["localhost", "0.0.0.0", "[::1]", "[::]"].contains(&host);
        loopback && own.as_deref() != Some(host)
    };
    member.peer_urls.iter().find(local).cloned()
}
