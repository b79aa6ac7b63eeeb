//! The observation that the lines of a scene add up to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use membership::env::{self, EnvFor, Minors};
use membership::etcd::{EtcdView, MemberList, Probe};
use membership::ids::{ClusterName, MemberId};
use membership::ledger::Phase;
use membership::observation::{Observation, Parameters, Resolved, Seen, Unseen};
use membership::version::Minor;

use super::{Building, Env, OURS, Scene};

impl Building {
    pub(super) fn finish(mut self) -> Scene {
        let leader = self.leader;
        for probe in self.probes.values_mut() {
            if let Probe::Answered(status) = probe {
                status.leader = status.leader.or(leader.filter(|_| status.cluster == OURS));
                if status.cluster == OURS {
                    status.alarms.extend(self.alarms.iter().cloned());
                }
            }
        }
        let served = self.served_by.clone().unwrap_or_else(|| leader.into_iter().collect());
        let hashes = self.hashes.iter().map(|(id, hash)| {
            let member = self.members.iter().find(|m| m.id == *id).expect("a listed member has a hash");
            (member.client_urls[0].clone(), hash.clone())
        });
        let hashes = hashes.collect();
        let list = |by: MemberId| MemberList { cluster: OURS, served_by: by, members: self.members.clone() };
        let url = |by: MemberId| {
            let member = self.members.iter().find(|m| m.id == by).expect("a list is served by a member");
            member.client_urls.first().cloned().expect("a list is served by a started member")
        };
        let mut lists: BTreeMap<_, _> = served.iter().map(|by| (url(*by), list(*by))).collect();
        for odd in &self.odd_lists {
            let own = lists.entry(url(odd.by)).or_insert_with(|| list(odd.by));
            own.members.retain(|m| Some(m.id) != odd.without);
            own.cluster = odd.cluster.unwrap_or(own.cluster);
            own.served_by = odd.served_by.unwrap_or(own.served_by);
        }
        let lists = lists.into_iter().map(|(url, list)| (url, Seen::Known(list))).collect();
        let parameters = self.parameters(list(leader.unwrap_or(MemberId(1))));
        let seen = |what: &str| {
            let (_, how) = self.unknown.iter().find(|(unknown, _)| unknown == what)?;
            Some(match how.as_str() {
                "refused" => Unseen { why: "access denied".to_owned(), refused: true },
                _ => Unseen::from("timed out"),
            })
        };
        let obs = Observation {
            cluster: ClusterName::from("c"),
            group: seen("group").map_or(Seen::Known(self.group.clone()), Seen::Unknown),
            owner: seen("owner").map_or(Seen::Known(self.owner.clone()), Seen::Unknown),
            ledger: seen("ledger").map_or(Seen::Known(self.ledger.clone()), Seen::Unknown),
            parameters: seen("parameters").map_or(Seen::Known(parameters), Seen::Unknown),
            etcd: EtcdView {
                probes: self.probes.clone(),
                lists,
                list_misses: self.list_misses,
                hashes,
                sending: self.sending.clone(),
            },
            names: self.names(),
            reports: self.reports.clone(),
        };
        Scene { obs, me: self.me }
    }

    /// A name that no line tells has an address of its own. `localhost` is what it is everywhere.
    fn names(&self) -> BTreeMap<String, Resolved> {
        let all = MemberList { cluster: OURS, served_by: MemberId(1), members: self.members.clone() };
        let resolved = |name: &str| match (name, self.nowhere.contains(name)) {
            ("localhost", _) => Resolved::Addresses(vec![IpAddr::from([127, 0, 0, 1])]),
            (_, true) => Resolved::Nowhere("no such host".to_owned()),
            (_, false) => Resolved::Addresses(vec![IpAddr::from([10, 9, 9, 9])]),
        };
        all.peer_names().map(|name| (name.to_owned(), resolved(name))).collect()
    }

    fn parameters(&self, list: MemberList) -> Parameters {
        let Some(ledger) = &self.ledger else {
            let told = |kind: &Env| match kind {
                Env::Generation(n) => format!("ETCD_ASG_GENERATION={n}\nETCD_ASG_DATA=present\n"),
                _ => "ETCD_ASG_DATA=empty\n".to_owned(),
            };
            let envs = self.envs.iter().map(|(id, kind)| (id.clone(), told(kind))).collect();
            return Parameters { envs, ..Parameters::default() };
        };
        let voters = || list.voters().filter_map(|m| m.client_urls.first().cloned());
        let formed = ledger.generation.phase == Phase::Formed;
        let mut endpoints = self.endpoints.clone().or_else(|| formed.then(|| voters().collect()));
        if let Some(urls) = endpoints.as_mut() {
            urls.sort();
        }
        let known = ledger.generation.identity.is_some();
        let right = known.then(|| env::initial_cluster(&list, ledger));
        let initial_cluster =
            if self.stale_initial_cluster { Some("old=http://x:1".to_owned()) } else { right };
        let envs = self.envs.iter().filter_map(|(id, kind)| {
            let env = match self.group.instance(id) {
                Some(instance) => {
                    let written = match kind {
                        Env::Minors(open) => open.split(',').filter_map(Minor::parse).collect(),
                        Env::Open | Env::Sealed | Env::Stale | Env::Generation(_) => {
                            vec![Minor(3, 6), Minor(3, 7)]
                        }
                    };
                    let held = written.last().map(|last| last.next()).filter(|_| written.len() == 1);
                    let minors = Minors { open: written, held };
                    let purpose = match (ledger.member_of(id), kind) {
                        (None, _) => EnvFor::Seed,
                        (Some(member), Env::Sealed) => EnvFor::Sealed(member, &list),
                        (Some(member), _) => EnvFor::Joiner(member, &list, &minors),
                    };
                    let env = env::render(&"c".into(), &self.group, ledger, instance, purpose);
                    let old =
                        |env: String| env.replace("INITIAL_CLUSTER=", "INITIAL_CLUSTER=old=http://x:1,");
                    env.map(|env| if *kind == Env::Stale { old(env) } else { env })
                }
                None => Some("ETCD_NAME=gone\n".to_owned()),
            };
            Some((id.clone(), env?))
        });
        Parameters { initial_cluster, endpoints: endpoints.filter(|e| !e.is_empty()), envs: envs.collect() }
    }
}
