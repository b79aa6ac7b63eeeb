//! The rule `adopt`: an etcd answers and there is no ledger. A running cluster is adopted, or nothing is done.
//! Another cluster is never founded beside it.

use std::collections::BTreeMap;

use super::peers;
use crate::decide::bookkeeping::remember;
use crate::decide::fit::is_fit;
use crate::decide::hooks::keep_joiners_and_leavers_alive;
use crate::decision::{Decision, Refusal, Subject, Unread, Wait};
use crate::env;
use crate::etcd::{Member, MemberList, Probe, Status, leader_among};
use crate::guard::{Guard, Guards};
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::ledger::{Adoption, Edit, EnvState, HookNames, Identity, InstanceRecord};
use crate::observation::{Group, Observation, Parameters, Seen};
use crate::quorum::Electorate;
use crate::view::{Servers, heard, probe_of, reached_at};

/// What is looked at before there is a ledger.
#[derive(Clone, Copy)]
struct Find<'a> {
    obs: &'a Observation,
    group: &'a Group,
    guards: Guards,
}

/// Whether any server answers on an instance of the group.
pub fn somebody_answers(obs: &Observation, group: &Group) -> bool {
    group.instances.iter().any(|i| probe_of(&obs.etcd, group, i).is_some_and(Probe::is_alive))
}

/// Adopts the cluster that answers, if all that is needed is known. Otherwise the notes say what is missing.
pub fn adopt(obs: &Observation, group: &Group, guards: Guards, d: &mut Decision) {
    keep_joiners_and_leavers_alive(group, d);
    let found = Find { obs, group, guards };
    let Some(identity) = one_identity(found, d) else { return };
    let Some((list, adoption)) = adoption(found, identity, d) else { return };
    if is_whole(found, list, &adoption, d) && is_fit(group, guards) {
        d.edits.push(Edit::Adopt(adoption));
        d.edits.extend(remember(group, &HookNames::default()));
    }
}

/// The one cluster that all servers which answer belong to, as its leader knows it.
fn one_identity(found: Find<'_>, d: &mut Decision) -> Option<Identity> {
    let mut statuses: Vec<(&InstanceId, &Status)> = Vec::new();
    let mut readable = true;
    for instance in &found.group.instances {
        match found.probe(instance) {
            Some(Probe::Answered(status)) => statuses.push((&instance.id, status)),
            Some(Probe::AuthenticationNeeded) => {
                d.refuse(&instance.id, Refusal::AuthenticationNeeded);
                readable = false;
            }
            Some(Probe::Unreadable { what, why, .. }) if what.is_unready() => {
                d.wait(&instance.id, Wait::NotReady(why.clone()));
                readable = false;
            }
            Some(Probe::Unreadable { what, why, .. }) => {
                d.refuse(&instance.id, Refusal::Unreadable { what: what.clone(), why: why.clone() });
                readable = false;
            }
            Some(Probe::Silent { .. }) | None => {}
        }
    }
    let leader = leader_among(statuses.iter().map(|(_, s)| *s));
    let cluster = leader.or(statuses.first().map(|(_, s)| *s))?.cluster;
    for (id, status) in statuses.iter().filter(|(_, s)| s.cluster != cluster) {
        if found.guards.enforces(Guard::OneClusterAnswers) {
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

/// Which member belongs to which instance: by the member ID that the server at the instance's own address answers
/// with. A name or an address alone proves nothing.
fn adoption<'a>(found: Find<'a>, identity: Identity, d: &mut Decision) -> Option<(&'a MemberList, Adoption)> {
    let parameters = match &found.obs.parameters {
        Seen::Known(parameters) => parameters,
        Seen::Unknown(unseen) => {
            d.note(Subject::Cluster, Unread::Parameters.verdict(unseen));
            return None;
        }
    };
    let mut lists = found.obs.etcd.lists.values().filter_map(Seen::known);
    let Some(list) = lists.find(|l| l.cluster == identity.cluster) else {
        d.wait(Subject::Cluster, Wait::List);
        return None;
    };
    let mut members = BTreeMap::new();
    for instance in &found.group.instances {
        let Some(Probe::Answered(status)) = found.probe(instance) else { continue };
        let Some(member) = list.get(status.member) else { continue };
        members.insert(instance.id.clone(), record(member, parameters.envs.get(&instance.id)));
    }
    let adoption = Adoption {
        cluster: found.obs.cluster.clone(),
        group: found.group.identity.clone(),
        identity,
        generation: told_generation(parameters).unwrap_or(1),
        members,
    };
    Some((list, adoption))
}

fn record(member: &Member, env: Option<&String>) -> InstanceRecord {
    let env = match env {
        None => EnvState::Foreign,
        Some(env) if env::is_sealed(env) => EnvState::Sealed,
        Some(_) => EnvState::Open,
    };
    let peer_url = member.peer_urls.first().cloned().unwrap_or_default();
    InstanceRecord { member: Some(member.id), peer_url, env, voted: !member.learner }
}

/// Where the cluster's own ledger was lost, the envs still tell its generation, and so do the boot scripts' stamps.
fn told_generation(parameters: &Parameters) -> Option<u32> {
    parameters.envs.values().filter_map(|e| env::value(e, "ETCD_ASG_GENERATION")?.parse().ok()).max()
}

/// Whether enough is known to run this cluster from now on: a proven quorum, and where each voter is.
fn is_whole(found: Find<'_>, any: &MemberList, adoption: &Adoption, d: &mut Decision) -> bool {
    let url_of = |m: &Member| found.url_of(adoption, m);
    let cluster = Some(adoption.identity.cluster);
    let servers = Servers { etcd: &found.obs.etcd, cluster, guards: found.guards, url_of: &url_of };
    let list = servers.list().unwrap_or(any);
    let electorate = Electorate {
        voters: list.voters().map(|m| m.id).collect(),
        proven: list.members.iter().filter(|m| servers.proven(m)).map(|m| m.id).collect(),
        unanswered: Vec::new(),
    };
    let led = servers.leader().is_some() && electorate.has_quorum();
    if found.guards.enforces(Guard::AdoptedWithQuorum) && !led {
        d.wait(Subject::Cluster, Wait::Quorum(electorate.count()));
        return false;
    }
    let recorded = |m: &Member| adoption.members.values().any(|r| r.member == Some(m.id));
    let mut whole = true;
    let unseen = list.voters().find(|m| !recorded(m) && servers.status(m).is_none());
    if let Some(voter) = unseen.filter(|_| found.guards.enforces(Guard::NoVoterUnseen)) {
        for instance in found.group.instances.iter().filter(|i| found.may_hide(i)) {
            let heard = heard(found.obs, found.group, instance);
            d.refuse(&instance.id, Refusal::VoterUnseen { voter: voter.id, heard });
            whole = false;
        }
    }
    for member in &list.members {
        if let Some(why) = found.against_joiners(adoption, member) {
            d.refuse(member.id, why);
            whole = false;
        }
    }
    whole
}

impl<'a> Find<'a> {
    fn probe(&self, instance: &Instance) -> Option<&'a Probe> {
        probe_of(&self.obs.etcd, self.group, instance)
    }

    /// The instance of a member: by the member ID that its server answered with, else by its name.
    fn owner(&self, adoption: &Adoption, member: &Member) -> Option<&'a Instance> {
        let recorded = adoption.members.iter().find(|(_, r)| r.member == Some(member.id));
        let named = || {
            let id = InstanceId(member.name.clone());
            (member.started() && !adoption.members.contains_key(&id)).then_some(id)
        };
        self.group.instance(&recorded.map(|(id, _)| id.clone()).or_else(named)?)
    }

    fn url_of(&self, adoption: &Adoption, member: &Member) -> Option<String> {
        let owner = self.owner(adoption, member);
        reached_at(member, owner.and_then(|i| i.client_url(&self.group.settings)))
    }

    /// Whether the instance's server did not answer: a voter that no server answers for may be here.
    fn may_hide(&self, instance: &Instance) -> bool {
        let silent = !matches!(self.probe(instance), Some(Probe::Answered(_)));
        silent && instance.state() != InstanceState::Missing
    }

    /// What keeps a joiner from speaking to this member, if anything does.
    fn against_joiners(&self, adoption: &Adoption, member: &Member) -> Option<Refusal> {
        let recorded = adoption.members.iter().find(|(_, r)| r.member == Some(member.id));
        let own = recorded.and_then(|(id, _)| self.group.instance(id)?.address.as_deref());
        let scheme = self.group.settings.scheme;
        let urls = || member.peer_urls.iter();
        let unreachable = urls().find_map(|url| peers::unreachable(url, own, &self.obs.names));
        let other = urls().find_map(|url| peers::of_another_scheme(url, scheme));
        unreachable
            .filter(|_| self.guards.enforces(Guard::PeersReachable))
            .or(other.filter(|_| self.guards.enforces(Guard::OneScheme)))
    }
}
