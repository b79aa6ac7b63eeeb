//! etcd's membership as it really behaves: one raft group for each cluster, with elections and lagging followers. The
//! index of the last entry of each node stands for its log.

use std::collections::{BTreeMap, BTreeSet};

use membership::etcd::{Member, MemberList};
use membership::ids::{ClusterId, InstanceId, MemberId};
use membership::quorum::majority;

use super::host::{Etcd, Host};
use super::{TICK, World};

/// How long the voters miss a leader before they elect another.
const ELECTION: u64 = 1_000;

#[derive(Clone, Debug, Default)]
pub struct Cluster {
    pub id: u64,
    pub token: String,
    pub members: BTreeMap<u64, Listed>,
    pub removed: BTreeSet<u64>,
    /// Every member that was ever started, and every member that ever had a vote.
    pub started: BTreeSet<u64>,
    pub voted: BTreeSet<u64>,
    pub term: u64,
    pub leader: Option<u64>,
    pub missed_since: Option<u64>,
    /// When the leader's connections began: etcd refuses changes in the first 5 s.
    pub connected_since: u64,
    /// The index of the last acknowledged write, and of the last entry that an etcd before 3.6 may have written.
    pub acked: u64,
    pub old_entries: u64,
    /// Whether the ledger says that the cluster formed.
    pub formed: bool,
    /// When each member last took part, and when it last took no part or did not answer the functions.
    pub well_at: BTreeMap<u64, u64>,
    pub unwell_at: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub url: String,
    pub client: String,
    pub name: String,
    pub learner: bool,
}

impl Cluster {
    pub fn voters(&self) -> BTreeSet<u64> {
        self.members.iter().filter(|(_, m)| !m.learner).map(|(id, _)| *id).collect()
    }

    /// The members that took part at some moment since `at`. A tick notes this for the time until the next tick.
    pub fn well_since(&self, at: u64) -> BTreeSet<u64> {
        self.well_at.iter().filter(|(_, well)| **well + TICK > at).map(|(id, _)| *id).collect()
    }

    pub fn list(&self, served_by: u64) -> MemberList {
        let members = self.members.iter().map(|(id, m)| Member {
            id: MemberId(*id),
            name: m.name.clone(),
            peer_urls: vec![m.url.clone()],
            client_urls: if m.client.is_empty() { Vec::new() } else { vec![m.client.clone()] },
            learner: m.learner,
        });
        MemberList { cluster: ClusterId(self.id), served_by: MemberId(served_by), members: members.collect() }
    }
}

impl World {
    pub fn new_cluster(&mut self, id: u64, member: u64, token: &str, url: &str) {
        let seed = Listed { url: url.to_owned(), client: String::new(), name: String::new(), learner: false };
        let cluster = Cluster {
            id,
            token: token.to_owned(),
            members: [(member, seed)].into(),
            voted: [member].into(),
            acked: 1,
            connected_since: self.now,
            ..Cluster::default()
        };
        self.clusters.insert(id, cluster);
    }

    pub fn host_of(&self, cluster: u64, member: u64) -> Option<&Host> {
        let of = |h: &&Host| h.data.as_ref().is_some_and(|d| d.cluster == cluster && d.member == member);
        self.hosts.values().find(of)
    }

    fn edit_member(&mut self, cluster: u64, member: u64, change: impl FnOnce(&mut Host)) {
        if let Some(id) = self.host_of(cluster, member).map(|h| h.id.clone()) {
            self.edit(&id, change);
        }
    }

    /// The voters that take part now.
    pub fn live_voters(&self, cluster: &Cluster) -> BTreeSet<u64> {
        let well = |m: &u64| self.host_of(cluster.id, *m).is_some_and(|h| h.well(self.now));
        cluster.voters().into_iter().filter(well).collect()
    }

    /// The cluster's leader, if the leader has a quorum right now.
    pub fn leads(&self, cluster: &Cluster) -> Option<u64> {
        let live = self.live_voters(cluster);
        let quorum = live.len() >= majority(cluster.voters().len());
        cluster.leader.filter(|l| quorum && live.contains(l))
    }

    pub fn restarted(&mut self, cluster: u64) {
        let now = self.now;
        if let Some(c) = self.clusters.get_mut(&cluster) {
            c.connected_since = now;
        }
    }

    pub fn etcd_tick(&mut self) {
        let ids: Vec<u64> = self.clusters.keys().copied().collect();
        for id in ids {
            self.note_who_is_well(id);
            self.elect(id);
            if self.clusters.get(&id).and_then(|c| self.leads(c)).is_some() {
                self.write(id);
                self.name_members(id);
            }
            self.believe(id);
        }
        self.in_flight_tick();
        self.check_one_cluster();
    }

    fn note_who_is_well(&mut self, id: u64) {
        let now = self.now;
        let Some(cluster) = self.clusters.get(&id) else { return };
        let host = |m: u64| self.host_of(id, m);
        let state: Vec<(u64, bool, bool)> = cluster
            .members
            .keys()
            .map(|m| {
                let well = host(*m).is_some_and(|h| h.seems_well(now));
                (*m, well, host(*m).is_some_and(|h| well && now >= h.deaf_until))
            })
            .collect();
        let Some(cluster) = self.clusters.get_mut(&id) else { return };
        for (member, well, heard) in state {
            if well {
                cluster.well_at.insert(member, now);
            }
            if !heard {
                cluster.unwell_at.insert(member, now);
            }
        }
    }

    fn elect(&mut self, id: u64) {
        let now = self.now;
        let Some(mut cluster) = self.clusters.remove(&id) else { return };
        if self.leads(&cluster).is_some() {
            cluster.missed_since = None;
        } else {
            let since = *cluster.missed_since.get_or_insert(now);
            let live = self.live_voters(&cluster);
            if cluster.term == 0 || now - since >= ELECTION {
                cluster.leader = None;
                let log = |m: &u64| self.host_of(id, *m).and_then(|h| h.data.as_ref()).map_or(0, |d| d.log);
                let best = live.iter().copied().max_by_key(|m| (log(m), *m));
                if let Some(winner) = best.filter(|_| live.len() >= majority(cluster.voters().len())) {
                    let log = log(&winner);
                    cluster.term += 1;
                    cluster.leader = Some(winner);
                    (cluster.connected_since, cluster.missed_since) = (now, None);
                    self.tell(format!("member {winner:x} leads in term {}", cluster.term));
                    self.check_election(&cluster, winner, log);
                }
            }
        }
        self.clusters.insert(id, cluster);
    }

    /// Clients write: a majority holds every acknowledged write, some followers lag, learners catch up.
    fn write(&mut self, id: u64) {
        let count = self.rng.between(0, 40);
        let Some(cluster) = self.clusters.get_mut(&id) else { return };
        cluster.acked += count;
        let (acked, leader) = (cluster.acked, cluster.leader.unwrap_or_default());
        self.note_old_entries(id);
        let cluster = self.clusters[&id].clone();
        let live = self.live_voters(&cluster);
        let needed = majority(cluster.voters().len());
        let mut holders: Vec<u64> = vec![leader];
        for voter in live.iter().filter(|v| **v != leader) {
            if holders.len() < needed || self.rng.chance(700) {
                holders.push(*voter);
            }
        }
        for holder in holders {
            self.reach(id, holder, acked);
        }
        for learner in cluster.members.iter().filter(|(_, m)| m.learner).map(|(id, _)| *id) {
            let log = self.host_of(id, learner).and_then(|h| h.data.as_ref().filter(|_| h.well(self.now)));
            if let Some(log) = log.map(|d| d.log) {
                self.reach(id, learner, acked.min(log + acked / 3 + 20));
            }
        }
    }

    pub fn reach(&mut self, cluster: u64, member: u64, log: u64) {
        self.edit_member(cluster, member, |h| {
            if let Some(data) = h.data.as_mut() {
                data.log = data.log.max(log);
            }
        });
    }

    /// A member sets its name once it takes part.
    fn name_members(&mut self, id: u64) {
        let now = self.now;
        let cluster = self.clusters[&id].clone();
        for member in cluster.members.iter().filter(|(_, m)| m.name.is_empty()).map(|(m, _)| *m) {
            let ready = self.host_of(id, member).filter(|h| h.well(now));
            let ready = ready.filter(|h| h.data.as_ref().is_some_and(|d| d.log > 0));
            let Some((name, client)) = ready.map(|h| (h.id.to_string(), h.client_url())) else { continue };
            if self.rng.chance(400)
                && let Some(listed) = self.clusters.get_mut(&id).and_then(|c| c.members.get_mut(&member))
            {
                (listed.name, listed.client) = (name, client);
            }
        }
    }

    /// What each server answers about leader and term. A server that has just thawed answers what it knew before.
    fn believe(&mut self, id: u64) {
        let (now, cluster) = (self.now, self.clusters[&id].clone());
        let leads = self.leads(&cluster);
        let hosts: Vec<InstanceId> = self
            .hosts
            .values()
            .filter(|h| h.etcd == Etcd::Running && !h.frozen(now))
            .filter(|h| h.data.as_ref().is_some_and(|d| d.cluster == id))
            .map(|h| h.id.clone())
            .collect();
        for host in hosts {
            let member = self.hosts.get(&host).and_then(Host::member).unwrap_or_default();
            if !cluster.members.contains_key(&member) {
                if cluster.removed.contains(&member) && leads.is_some() && self.rng.chance(300) {
                    self.tell(format!("{host} stops: its member was removed"));
                    self.edit(&host, |h| h.etcd = Etcd::Stopped("removed"));
                }
            } else if self.rng.chance(800) || self.hosts.get(&host).is_some_and(|h| !h.seems_well(now)) {
                self.edit(&host, |h| {
                    if h.well(now) {
                        (h.leader, h.term) = (leads, cluster.term);
                    } else if !h.seems_well(now) {
                        h.leader = None;
                    }
                });
            }
        }
    }
}
