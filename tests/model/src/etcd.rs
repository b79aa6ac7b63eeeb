//! etcd's membership as it really behaves: a change is asked of one member and taken by the leader; it waits in the
//! socket of a frozen member and in the log of a leader without a quorum. etcd's own checks see which members are
//! connected, not which are well.
//!
//! The log is a bit for each disk: whether it holds every acknowledged write. Clients write all the time, so a member
//! that does not take part falls behind at once, and a member that takes part has caught up at once. An election takes
//! no time: during an election no member serves a list, and a frozen quorum shows the invocations the same.

use membership::change::{Change, Effect};
use membership::ids::MemberId;
use membership::invocation::{Answer, Retry};
use membership::quorum::majority;

use crate::clock::NOW;
use crate::observe::{address, list, token_of};
use crate::state::{Basis, Cluster, Etcd, InFlight, Listed, MEMBERS, Place};
use crate::step::Step;

/// What happened to a call.
pub enum Reply {
    /// The call was answered.
    Answered(Answer),
    /// The call waits here and may happen later.
    Waits(Place),
    /// The call is lost without an answer.
    Lost,
}

fn refused(why: &str) -> Reply {
    // A repetition under the same claim would end as the first call did.
    Reply::Answered(Answer::Refused { why: why.to_owned(), retry: Retry::Pointless })
}

impl Step<'_> {
    /// How many voters take part now.
    fn live_voters(&self, cluster: &Cluster) -> usize {
        let live = |m: &&Listed| self.s.host_of(cluster.token, m.id).is_some_and(|h| self.s.hosts[h].well());
        cluster.voters().filter(live).count()
    }

    /// The cluster's leader, if the leader has a quorum right now.
    pub fn leads(&self, cluster: &Cluster) -> Option<u8> {
        let live = self.s.host_of(cluster.token, cluster.leader).is_some_and(|h| self.s.hosts[h].well());
        let quorum = self.live_voters(cluster) >= majority(cluster.voters().count());
        (live && quorum).then_some(cluster.leader)
    }

    /// A change of the membership arrives at the server behind this URL.
    pub fn arrive(&mut self, effect: &Effect, change: &Change, basis: Basis) -> Reply {
        let (Effect::AddLearner { via, .. } | Effect::Promote { via, .. } | Effect::RemoveMember { via, .. }) =
            effect
        else {
            return Reply::Lost;
        };
        let at = address(via);
        let Some(host) = self.s.hosts.iter().copied().find(|h| h.runs() && h.address == at && h.cluster != 0)
        else {
            return Reply::Lost;
        };
        if host.condition == crate::state::Condition::Frozen {
            return Reply::Waits(Place::Socket(host.member));
        }
        if host.etcd != Etcd::Running {
            return Reply::Lost;
        }
        let reply = self.at_the_leader(host.cluster, Some(host.member), change, basis);
        if host.answers() { reply } else { Reply::Lost }
    }

    /// A change arrives at a member to which another member handed it on.
    pub fn handed_on(&mut self, token: u8, to: u8, change: &Change, basis: Basis) -> Reply {
        let Some(host) = self.s.host_of(token, to).map(|h| self.s.hosts[h]) else { return Reply::Lost };
        match host.condition {
            crate::state::Condition::Frozen => Reply::Waits(Place::Socket(to)),
            _ if host.well() => self.at_the_leader(token, Some(to), change, basis),
            _ => Reply::Lost,
        }
    }

    /// A leader with a quorum takes the change; a leader without a quorum that was asked itself keeps it in its log.
    fn at_the_leader(&mut self, token: u8, asked: Option<u8>, change: &Change, basis: Basis) -> Reply {
        let Some(cluster) = self.s.cluster(token).copied() else { return Reply::Lost };
        if self.leads(&cluster).is_some() {
            return self.commit(&cluster, change, basis);
        }
        match asked.filter(|m| *m == cluster.leader) {
            Some(leader) => Reply::Waits(Place::Log(leader)),
            None if matches!(change, Change::AddLearner { .. }) => refused("no leader"),
            None => Reply::Lost,
        }
    }

    fn commit(&mut self, cluster: &Cluster, change: &Change, basis: Basis) -> Reply {
        match change {
            Change::AddLearner { peer_url, .. } => self.commit_add(cluster, change, basis, address(peer_url)),
            Change::Promote { member, .. } => self.commit_promote(cluster, change, basis, member.0 as u8),
            Change::Remove { member, .. } => self.commit_remove(cluster, change, basis, member.0 as u8),
            _ => refused("not a change of the membership"),
        }
    }

    /// How many voters etcd's strict check counts: the connected ones. A frozen voter is still connected.
    fn connected(&self, cluster: &Cluster) -> usize {
        let there = |m: &&Listed| {
            let host = self.s.host_of(cluster.token, m.id).map(|h| self.s.hosts[h]);
            host.is_some_and(|h| h.runs() && h.etcd == Etcd::Running)
        };
        cluster.voters().filter(there).count()
    }

    fn commit_add(&mut self, cluster: &Cluster, change: &Change, basis: Basis, at: u8) -> Reply {
        if cluster.listed().any(|m| m.address == at) {
            return refused("Peer URLs already exist");
        }
        if cluster.listed().any(|m| m.learner) {
            return refused("too many learner members in cluster");
        }
        if self.connected(cluster) < majority(cluster.voters().count() + 1) && cluster.voters().count() > 1 {
            return refused("unhealthy cluster");
        }
        let Some(new) = self.free_id(at).filter(|_| cluster.listed().count() < MEMBERS) else {
            return Reply::Lost;
        };
        let mut after = *cluster;
        let meant = change.instance().and_then(crate::observe::number).map_or(0, |n| n as u8 + 1);
        after.insert(Listed {
            id: new,
            address: at,
            learner: true,
            meant,
            late: basis.late,
            ..Listed::default()
        });
        self.applied(cluster, after, change, basis);
        Reply::Answered(Answer::Added(MemberId(new.into()), list(&after, cluster.leader)))
    }

    /// An ID that occurs nowhere in this state. etcd makes an ID from the URL and the second; an add comes at least a
    /// second after a removal (guard `SecondApart`, which the goldens prove), so no ID comes back.
    fn free_id(&self, at: u8) -> Option<u8> {
        let ledger = self.ledger();
        let known = |id: u8| {
            let recorded = (*ledger).as_ref().is_some_and(|l| {
                l.instances.values().any(|r| r.member == Some(MemberId(id.into())))
                    || l.unanswered.iter().any(|m| names(&m.change, id))
                    || l.claim.as_ref().is_some_and(|c| names(&c.proposal.change, id))
            });
            let being_sent = self.s.in_flight.iter().any(|l| {
                let change = self.t.changes.get(l.change);
                l.place.is_some() && change.as_ref().as_ref().is_some_and(|c| names(c, id))
            });
            recorded
                || being_sent
                || self.s.hosts.iter().any(|h| h.member == id)
                || self.s.clusters.iter().any(|c| c.member(id).is_some())
        };
        (1..8).map(|n| at * 8 + n).find(|id| !known(*id))
    }

    /// etcd counts only how far the learner once had caught up: it promotes a dead learner that had.
    fn commit_promote(&mut self, cluster: &Cluster, change: &Change, basis: Basis, member: u8) -> Reply {
        match cluster.member(member) {
            None => return refused("member not found"),
            Some(listed) if !listed.learner => return Reply::Answered(Answer::Done),
            Some(listed) if listed.name == 0 => {
                return refused("can only promote a learner member which is in sync with leader");
            }
            Some(_) => {}
        }
        let mut after = *cluster;
        if let Some(listed) = after.member_mut(member) {
            listed.learner = false;
        }
        self.applied(cluster, after, change, basis);
        Reply::Answered(Answer::Done)
    }

    fn commit_remove(&mut self, cluster: &Cluster, change: &Change, basis: Basis, member: u8) -> Reply {
        let Some(listed) = cluster.member(member).copied() else { return Reply::Answered(Answer::Done) };
        let mut after = *cluster;
        after.remove(member);
        let enough = self.connected(&after) >= majority(after.voters().count());
        if !listed.learner && (!enough || after.voters().count() == 0) {
            return refused("unhealthy cluster");
        }
        if after.leader == member {
            after.leader = 0;
        }
        self.applied(cluster, after, change, basis);
        Reply::Answered(Answer::Done)
    }

    fn applied(&mut self, before: &Cluster, after: Cluster, change: &Change, basis: Basis) {
        self.tell(|| format!("etcd applies: {change}"));
        self.check_change(before, &after, change, basis);
        self.put_cluster(after);
    }

    /// Replaces the cluster with the same token.
    pub fn put_cluster(&mut self, cluster: Cluster) {
        if let Some(slot) = self.s.clusters.iter_mut().find(|c| c.token == cluster.token) {
            *slot = cluster;
        }
    }

    /// The alarm CORRUPT is raised: a check of etcd found that members differ.
    pub fn raise_alarm(&mut self) -> bool {
        let clusters = self.s.clusters;
        let there = clusters.iter().any(|c| c.formed && self.leads(c).is_some());
        self.s.corrupt |= there;
        there
    }

    /// The member behind this URL is asked to move leadership. It does so if it leads and `to` is a live voter.
    pub fn move_leader(&mut self, via: &str, to: u8) {
        let at = address(via);
        let Some(host) = self.s.hosts.iter().copied().find(|h| h.answers() && h.address == at) else {
            return;
        };
        let Some(mut cluster) = self.s.cluster(host.cluster).copied() else { return };
        let target = self.s.host_of(cluster.token, to).is_some_and(|h| self.s.hosts[h].well());
        let votes = cluster.member(to).is_some_and(|m| !m.learner);
        if self.leads(&cluster) == Some(host.member) && target && votes {
            cluster.leader = to;
            cluster.term = next_term(cluster.term);
            self.put_cluster(cluster);
        }
    }

    /// Leaders are elected, members set their names and catch up, removed members stop, waiting calls move on.
    pub fn etcd_settles(&mut self) {
        for number in 0..self.s.clusters.len() {
            if self.s.clusters[number].token == 0 {
                continue;
            }
            self.elect(number);
            let cluster = self.s.clusters[number];
            if self.leads(&cluster).is_some() {
                self.take_part(number);
            }
        }
        self.deliver_in_flight();
    }

    fn elect(&mut self, number: usize) {
        let cluster = self.s.clusters[number];
        if self.leads(&cluster).is_some() || self.live_voters(&cluster) < majority(cluster.voters().count()) {
            return;
        }
        let host = |m: &Listed| self.s.host_of(cluster.token, m.id).map(|h| self.s.hosts[h]);
        let live = cluster.voters().filter(|m| host(m).is_some_and(|h| h.well()));
        let best = live.min_by_key(|m| {
            let full = host(m).is_some_and(|h| h.full);
            (!full, m.id != cluster.leader, m.id)
        });
        let Some(winner) = best.copied() else { return };
        let full = host(&winner).is_some_and(|h| h.full);
        self.s.clusters[number].leader = winner.id;
        self.s.clusters[number].term = next_term(cluster.term);
        if cluster.formed && !full {
            self.broken(crate::state::Invariant::I4, || {
                format!("member {:x} leads and lacks acknowledged writes", winner.id)
            });
        }
    }

    fn take_part(&mut self, number: usize) {
        let token = self.s.clusters[number].token;
        for host in 0..self.s.hosts.len() {
            let h = self.s.hosts[host];
            if h.cluster != token {
                continue;
            }
            match self.s.clusters[number].member_mut(h.member) {
                None if h.well() => self.s.hosts[host].etcd = Etcd::Stopped,
                None => {}
                Some(listed) => {
                    if h.well() {
                        listed.name = host as u8 + 1;
                    }
                    self.s.hosts[host].full = h.well();
                }
            }
        }
    }

    /// A thawed member handles the calls in its socket, and a leader that has its quorum back the calls in its log.
    /// The calls that a dead member held are lost.
    fn deliver_in_flight(&mut self) {
        for number in 0..self.s.in_flight.len() {
            let call = self.s.in_flight[number];
            let (Some(Place::Socket(member)) | Some(Place::Log(member))) = call.place else { continue };
            let host = self.s.host_of(call.cluster, member).map(|h| self.s.hosts[h]);
            let Some(host) = host.filter(|h| h.runs()) else {
                self.s.in_flight[number] = InFlight::default();
                continue;
            };
            let in_socket = matches!(call.place, Some(Place::Socket(_)));
            let cluster = self.s.cluster(call.cluster).copied();
            let leader = cluster.and_then(|c| self.leads(&c));
            if in_socket && host.well() || !in_socket && leader.is_some() {
                // A leader that froze mostly leads no more when it thaws: it hands the call on to the new leader.
                self.s.in_flight[number].place = Some(Place::Flying(0));
                self.s.in_flight[number].to = leader.unwrap_or(member);
            }
        }
        self.s.in_flight.sort_by_key(|l| l.place.is_none());
    }
}

fn names(change: &Change, member: u8) -> bool {
    match change {
        Change::Promote { member: m, .. } | Change::Remove { member: m, .. } => m.0 == u64::from(member),
        _ => false,
    }
}

/// The answer to a call that got none: the caller's timeout.
pub fn unanswered() -> Answer {
    Answer::Unanswered { why: "timed out".to_owned(), deadline: NOW }
}

/// The token of the ledger's cluster, 0 while the ledger knows no cluster ID.
pub fn token(ledger: &membership::ledger::Ledger) -> u8 {
    ledger.cluster_id().map_or(0, token_of)
}

fn next_term(term: u8) -> u8 {
    (term + 1) % 8
}
