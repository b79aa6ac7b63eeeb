//! What etcd's servers say: a status probe of each server, then linearizable lists where they are needed.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use membership::etcd::{EtcdView, Member, MemberList, Probe, Status, leader_among};
use membership::ids::{InstanceId, MemberId};
use membership::instance::InstanceState;
use membership::ledger::Ledger;
use membership::observation::{Group, Seen};

use crate::adapters::chain;
use crate::adapters::etcd::{EtcdClient, Probed};

/// How often in a row, within this invocation, a server did not answer and no list could be had.
#[derive(Debug, Default)]
pub struct Misses {
    by_url: BTreeMap<String, u32>,
    lists: u32,
}

impl Misses {
    /// Probes every server that may be a member, and reads the lists.
    pub async fn look(&mut self, etcd: &EtcdClient, group: &Group, ledger: Option<&Ledger>) -> EtcdView {
        let mut probes = self.probe(etcd, expected(group, ledger)).await;
        let lists = read_lists(etcd, servers_to_list(group, ledger, &probes)).await;
        let rest = strangers(group, ledger, &lists, &probes);
        probes.extend(self.probe(etcd, rest).await);
        let late = laggards(ledger, &probes);
        probes.extend(self.probe(etcd, late).await);
        let read = lists.values().any(|l| l.known().is_some());
        self.lists = if read { 0 } else { self.lists + 1 };
        let sending = sending(etcd, group, ledger, &lists, &probes).await;
        EtcdView { probes, lists, list_misses: self.lists, sending, hashes: BTreeMap::new() }
    }

    async fn probe(&mut self, etcd: &EtcdClient, urls: BTreeSet<String>) -> BTreeMap<String, Probe> {
        let all = urls.into_iter().map(|url| async move {
            let probed = etcd.probe(&url).await;
            (url, probed)
        });
        let answers = join_all(all).await;
        answers.into_iter().map(|(url, probed)| (url.clone(), self.count(url, probed))).collect()
    }

    fn count(&mut self, url: String, probed: Probed) -> Probe {
        let mut missed = || {
            let misses = self.by_url.entry(url.clone()).or_default();
            *misses += 1;
            *misses
        };
        match probed {
            Probed::Silent { how, why } => Probe::Silent { misses: missed(), how, why },
            Probed::Unreadable { what, why } => Probe::Unreadable { misses: missed(), what, why },
            Probed::AuthenticationNeeded => {
                self.by_url.remove(&url);
                Probe::AuthenticationNeeded
            }
            Probed::Status(status) => {
                self.by_url.remove(&url);
                Probe::Answered(status)
            }
        }
    }
}

/// The client URL of every instance that has an address and may run an etcd. Once the cluster has an identity, the
/// instances that only wait for their turn to join are left out.
fn expected(group: &Group, ledger: Option<&Ledger>) -> BTreeSet<String> {
    let waits_for_its_turn = |id: &InstanceId, state: InstanceState| {
        let founded = ledger.filter(|l| l.generation.identity.is_some());
        state.launches() && founded.is_some_and(|l| !l.instances.contains_key(id))
    };
    let there = group.instances.iter().filter(|i| {
        let state = i.state();
        state != InstanceState::Missing && !waits_for_its_turn(&i.id, state)
    });
    there.filter_map(|i| i.client_url(&group.settings)).collect()
}

/// Whether the server is of the ledger's cluster. Before a cluster is recorded, every server may be.
fn ours(status: &Status, ledger: Option<&Ledger>) -> bool {
    ledger.and_then(Ledger::cluster_id).is_none_or(|cluster| cluster == status.cluster)
}

fn answered<'a>(
    probes: &'a BTreeMap<String, Probe>,
    ledger: Option<&'a Ledger>,
) -> impl Iterator<Item = (&'a String, &'a Status)> {
    let answers = probes.iter().filter_map(|(url, probe)| Some((url, probe.answer()?)));
    answers.filter(move |(_, status)| ours(status, ledger))
}

fn leader<'a>(
    probes: &'a BTreeMap<String, Probe>,
    ledger: Option<&'a Ledger>,
) -> Option<(&'a String, &'a Status)> {
    let leader = leader_among(answered(probes, ledger).map(|(_, s)| s))?;
    answered(probes, ledger).find(|(_, s)| *s == leader)
}

/// The servers that are asked for a list, each with the version that its status told: the leader, else the freshest
/// voter; the seed at first contact; each voter that has not answered a linearizable read yet; and every voter while
/// a change is unanswered.
fn servers_to_list(
    group: &Group,
    ledger: Option<&Ledger>,
    probes: &BTreeMap<String, Probe>,
) -> BTreeMap<String, String> {
    let voters = || answered(probes, ledger).filter(|(_, s)| !s.learner);
    let first = leader(probes, ledger).or_else(|| voters().max_by_key(|(_, s)| s.applied));
    let url_of = |id: &InstanceId| group.instance(id)?.client_url(&group.settings);
    let recorded = ledger.into_iter().flat_map(|l| &l.instances);
    let silent = recorded.filter(|(_, r)| !r.voted).filter_map(|(id, _)| url_of(id));
    let unanswered = ledger.is_some_and(|l| !l.unanswered.is_empty());
    let wanted: BTreeSet<String> = silent.collect();
    let also = voters().filter(|(url, _)| unanswered || wanted.contains(*url));
    first.into_iter().chain(also).map(|(url, s)| (url.clone(), s.version.clone())).collect()
}

async fn read_lists(
    etcd: &EtcdClient,
    servers: BTreeMap<String, String>,
) -> BTreeMap<String, Seen<MemberList>> {
    let all = servers.into_iter().map(|(url, version)| async move {
        let list = match etcd.list(&url, Some(&version)).await {
            Ok(list) => Seen::Known(list),
            Err(error) => Seen::unseen(chain(&error)),
        };
        (url, list)
    });
    join_all(all).await.into_iter().collect()
}

/// The members to which the leader is sending a snapshot. It is asked only while a learner that was added for an
/// instance tells no status: a joiner that takes a snapshot answers nobody. What the leader does not tell is not known.
async fn sending(
    etcd: &EtcdClient,
    group: &Group,
    ledger: Option<&Ledger>,
    lists: &BTreeMap<String, Seen<MemberList>>,
    probes: &BTreeMap<String, Probe>,
) -> BTreeSet<MemberId> {
    let Some((leader, _)) = leader(probes, ledger) else { return BTreeSet::new() };
    let silent = |id: &InstanceId| {
        let url = group.instance(id).and_then(|i| i.client_url(&group.settings));
        url.is_some_and(|url| probes.get(&url).is_none_or(|probe| probe.answer().is_none()))
    };
    let learners = lists.values().filter_map(Seen::known).flat_map(MemberList::learners);
    let mut owners = learners.filter_map(|m| ledger?.instance_of(m.id));
    if !owners.any(silent) {
        return BTreeSet::new();
    }
    etcd.snapshots_in_flight(leader).await.unwrap_or_default()
}

/// The client URLs of listed members that were not probed yet. The address of an instance that is gone is left out:
/// nothing answers there, or another server does.
fn strangers(
    group: &Group,
    ledger: Option<&Ledger>,
    lists: &BTreeMap<String, Seen<MemberList>>,
    probes: &BTreeMap<String, Probe>,
) -> BTreeSet<String> {
    let current: BTreeSet<String> =
        group.instances.iter().filter_map(|i| i.client_url(&group.settings)).collect();
    let gone = |member: &Member| {
        let recorded = ledger.and_then(|l| l.instance_of(member.id)).cloned();
        let owner = recorded.unwrap_or_else(|| InstanceId(member.name.clone()));
        let known = ledger.is_some_and(|l| l.instances.contains_key(&owner));
        group.instance(&owner).map_or(known, |i| i.state() == InstanceState::Missing)
    };
    let members = lists.values().filter_map(Seen::known).flat_map(|l| &l.members);
    members
        .filter_map(|m| Some((m, m.client_urls.first()?)))
        .filter(|(m, url)| !probes.contains_key(*url) && (current.contains(*url) || !gone(m)))
        .map(|(_, url)| url.clone())
        .collect()
}

/// The followers that are not near the leader. They are asked once more: under load, the leader's answer may only be
/// younger than theirs.
fn laggards(ledger: Option<&Ledger>, probes: &BTreeMap<String, Probe>) -> BTreeSet<String> {
    let Some((_, leader)) = leader(probes, ledger) else {
        return BTreeSet::new();
    };
    let behind = answered(probes, ledger).filter(|(_, s)| !s.is_near(leader));
    behind.map(|(url, _)| url.clone()).collect()
}

#[cfg(test)]
mod tests {
    use membership::etcd::DbSize;
    use membership::ids::{ClusterId, MemberId, Timestamp};
    use membership::instance::{Ec2State, Instance, Lifecycle};
    use membership::ledger::{Edit, GroupIdentity, Identity, Seed, Writer, apply};
    use membership::settings::Settings;

    use super::*;

    fn id(n: u64) -> InstanceId {
        InstanceId(format!("i-0000000{n}"))
    }

    fn url(n: u64) -> String {
        format!("http://127.0.0.{n}:2379")
    }

    fn group(states: &[&str]) -> Group {
        let instances = (1..).zip(states).map(|(n, state)| Instance {
            id: id(n),
            lifecycle: (*state != "terminated").then(|| Lifecycle::parse(state)),
            ec2_state: if *state == "terminated" { Ec2State::Terminated } else { Ec2State::Running },
            address: (*state != "terminated").then(|| format!("127.0.0.{n}")),
            launched_at: Timestamp(n),
            healthy: true,
            origin: String::new(),
        });
        Group {
            identity: GroupIdentity { name: "g".to_owned(), arn: "a".to_owned(), vpc: String::new() },
            desired: 3,
            max: 3,
            end: None,
            launch_hook: Err("none".to_owned()),
            terminate_hook: Err("none".to_owned()),
            retains: false,
            reuses: false,
            units: None,
            weights: BTreeMap::new(),
            instances: instances.collect(),
            settings: Settings::default(),
        }
    }

    /// Instance 1 is the seed and member 1 of cluster 7. The others joined as voters; `true` for those that have
    /// voted.
    fn ledger(founded: bool, joined: &[(u64, bool)]) -> Ledger {
        let writer = Writer { request: "r".into(), nonce: "n".into() };
        let seed = Seed { instance: id(1), peer_url: "http://127.0.0.1:2380".to_owned() };
        let mut edits = vec![Edit::OpenGeneration { cluster: "c".into(), group: group(&[]).identity, seed }];
        if founded {
            let version = "3.6.16".to_owned();
            edits.push(Edit::RecordIdentity(Identity {
                cluster: ClusterId(7),
                seed_member: Some(MemberId(1)),
                version,
            }));
        }
        for (n, voted) in joined {
            let peer_url = format!("http://127.0.0.{n}:2380");
            edits.push(Edit::RecordMember { instance: id(*n), member: MemberId(*n), peer_url });
            edits.extend(voted.then(|| Edit::RecordVoted(id(*n))));
        }
        apply(None, &edits, &writer, Timestamp(0)).unwrap()
    }

    fn probe(member: u64, leader: u64, applied: u64, cluster: u64) -> (String, Probe) {
        let status = Status {
            cluster: ClusterId(cluster),
            member: MemberId(member),
            leader: (leader > 0).then_some(MemberId(leader)),
            term: 2,
            applied,
            learner: false,
            version: "3.6.16".to_owned(),
            revision: 1,
            alarms: Vec::new(),
            troubles: Vec::new(),
            size: DbSize::default(),
            downgrade: None,
        };
        (url(member), Probe::Answered(status))
    }

    fn asked(group: &Group, ledger: &Ledger, probes: &[(String, Probe)]) -> Vec<String> {
        servers_to_list(group, Some(ledger), &probes.iter().cloned().collect()).into_keys().collect()
    }

    #[test]
    fn an_instance_that_waits_for_its_turn_is_not_probed_once_the_cluster_is_founded() {
        let group = group(&["InService", "Pending:Wait", "Pending:Wait", "terminated"]);
        let all = BTreeSet::from([url(1), url(2), url(3)]);
        assert_eq!(expected(&group, None), all);
        assert_eq!(expected(&group, Some(&ledger(false, &[]))), all);
        assert_eq!(expected(&group, Some(&ledger(true, &[(2, false)]))), BTreeSet::from([url(1), url(2)]));
    }

    #[test]
    fn the_leader_is_asked_for_the_list_and_each_voter_that_has_not_answered_a_read() {
        let group = group(&["InService", "InService", "InService"]);
        let probes = [probe(1, 2, 50, 7), probe(2, 2, 60, 7), probe(3, 2, 55, 7)];
        assert_eq!(asked(&group, &ledger(true, &[(2, true), (3, true)]), &probes), [url(2)]);
        assert_eq!(asked(&group, &ledger(true, &[(2, true), (3, false)]), &probes), [url(2), url(3)]);
    }

    #[test]
    fn without_a_leader_the_freshest_voter_is_asked_and_another_cluster_never() {
        let group = group(&["InService", "InService", "InService"]);
        let probes = [probe(1, 0, 50, 7), probe(2, 0, 60, 7), probe(3, 3, 99, 8)];
        assert_eq!(asked(&group, &ledger(true, &[(2, true), (3, true)]), &probes), [url(2)]);
    }

    #[test]
    fn a_member_elsewhere_is_probed_and_the_address_of_a_dead_member_is_not() {
        let group = group(&["InService", "terminated"]);
        let member = |n: u64, name: &str| Member {
            id: MemberId(n),
            name: name.to_owned(),
            peer_urls: Vec::new(),
            client_urls: vec![url(n)],
            learner: false,
        };
        let members = vec![member(1, "i-00000001"), member(2, "i-00000002"), member(9, "elsewhere")];
        let list = MemberList { cluster: ClusterId(7), served_by: MemberId(1), members };
        let lists = BTreeMap::from([(url(1), Seen::Known(list))]);
        let probes = BTreeMap::from([probe(1, 1, 50, 7)]);
        let ledger = ledger(true, &[(2, true)]);
        assert_eq!(strangers(&group, Some(&ledger), &lists, &probes), BTreeSet::from([url(9)]));
    }

    #[test]
    fn without_a_ledger_the_leader_is_asked_for_the_cluster_that_may_be_adopted() {
        let group = group(&["InService", "InService", "InService"]);
        let probes = BTreeMap::from([probe(1, 2, 50, 7), probe(2, 2, 60, 7), probe(3, 2, 55, 7)]);
        assert_eq!(servers_to_list(&group, None, &probes).into_keys().collect::<Vec<_>>(), [url(2)]);
        assert!(servers_to_list(&group, None, &BTreeMap::new()).is_empty());
    }

    #[test]
    fn only_a_follower_far_behind_is_asked_again() {
        let probes = BTreeMap::from([probe(1, 1, 5_000, 7), probe(2, 1, 4_000, 7), probe(3, 1, 3_999, 7)]);
        assert_eq!(laggards(Some(&ledger(true, &[])), &probes), BTreeSet::from([url(3)]));
    }
}
