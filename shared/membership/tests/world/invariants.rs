//! The invariants (`docs/SAFETY.md`), each checked where it could break. A voter counts as healthy if it took part at
//! any moment since the look that the step rests on: the invocation cannot know of a failure after its look.

use std::collections::BTreeSet;

use membership::change::{Change, Effect};
use membership::env;
use membership::ids::InstanceId;
use membership::instance::Lifecycle;
use membership::ledger::{Ledger, Phase};
use membership::observation::end_word;
use membership::quorum::majority;

use super::World;
use super::etcd::Cluster;
use super::host::Host;
use super::in_flight::{Basis, Call};

/// A voter that was well for this long before a look is certainly seen as live.
const CERTAINLY: u64 = 5_000;

impl World {
    pub fn broken(&mut self, invariant: &'static str, how: String) {
        if self.broken.is_none() {
            self.tell(format!("BROKEN {invariant}: {how}"));
            self.broken = Some(invariant);
        }
    }

    fn living(&self, cluster: &Cluster, voters: &BTreeSet<u64>) -> usize {
        voters.iter().filter(|m| self.host_of(cluster.id, **m).is_some_and(Host::machine)).count()
    }

    /// Checks I1 and I2 when a cluster is founded.
    pub fn check_founding(&mut self, id: &InstanceId, token: &str, cluster: u64) {
        let twice = self.clusters.get(&cluster);
        if twice.is_some_and(|c| c.formed || c.started.len() > 1) || self.sealed.contains(id) {
            self.broken("I1", format!("{id} founds the cluster of {token} a second time"));
        }
        let alive =
            |c: &&Cluster| c.id != cluster && self.living(c, &c.voters()) >= majority(c.voters().len());
        if let Some(other) = self.clusters.values().find(alive).map(|c| c.token.clone()) {
            self.broken("I2", format!("{token} is founded while {other} has a living majority"));
        }
    }

    /// Checks I2: no two clusters have a quorum at once.
    pub fn check_one_cluster(&mut self) {
        let alive: Vec<&str> =
            self.clusters.values().filter(|c| self.leads(c).is_some()).map(|c| c.token.as_str()).collect();
        if alive.len() > 1 {
            let how = format!("{} have a quorum at once", alive.join(" and "));
            self.broken("I2", how);
        }
    }

    /// Checks I5, and I6: the env names the member that etcd derives from the string.
    pub fn check_empty_start(&mut self, id: &InstanceId, cluster: u64, member: u64, env: &str) {
        let voted = self.clusters.get(&cluster).is_some_and(|c| c.voted.contains(&member));
        if voted {
            self.broken("I5", format!("{id} starts member {member:x}, a voter, on an empty disk"));
        }
        if env::value(env, "ETCD_ASG_MEMBER_ID") != Some(member.to_string().as_str()) {
            self.broken("I6", format!("{id} starts as member {member:x}, which its env does not name"));
        }
    }

    /// Checks I1 (each generation has one seed) and I5 (a sealed env stays sealed).
    pub fn check_env(&mut self, instance: &str, env: &str) {
        let id = InstanceId::from(instance);
        if env::is_sealed(env) {
            self.sealed.insert(id);
            return;
        }
        if self.sealed.contains(&id) {
            self.broken("I5", format!("the sealed env of {id} is opened again"));
        }
        let token = env::value(env, "ETCD_INITIAL_CLUSTER_TOKEN").unwrap_or_default().to_owned();
        if env::value(env, "ETCD_INITIAL_CLUSTER_STATE") == Some("new") {
            let seeds = self.seeds.entry(token.clone()).or_default();
            seeds.insert(id);
            if seeds.len() > 1 {
                let how = format!("{token} has more than one seed: {seeds:?}");
                self.broken("I1", how);
            }
        }
    }

    /// Checks I4: a leader holds every acknowledged write.
    pub fn check_election(&mut self, cluster: &Cluster, winner: u64, log: u64) {
        if cluster.formed && log < cluster.acked {
            let lost = cluster.acked - log;
            self.broken("I4", format!("member {winner:x} leads without {lost} acknowledged writes"));
        }
    }

    /// Checks I3 and I12 when etcd applies a change that an invocation asked for.
    pub fn check_change(&mut self, call: &Call, before: &Cluster, after: &Cluster) {
        let healthy = before.well_since(call.basis.since);
        let has = |c: &Cluster| {
            let voters = c.voters();
            (voters.intersection(&healthy).count(), majority(voters.len()))
        };
        let (had, left) = (has(before), has(after));
        if had.0 >= had.1 && left.0 < left.1 {
            let how = format!("{} leaves {} healthy of the {} needed", call.change, left.0, left.1);
            self.broken("I3", how);
        }
        self.check_doubt(call, before);
        let Change::Remove { member, voter: true, .. } = &call.change else { return };
        let unwell = before.unwell_at.get(&member.0).copied().unwrap_or(0);
        let live = unwell + CERTAINLY < call.basis.since && healthy.contains(&member.0);
        if live && before.formed && call.basis.desired == 0 {
            self.broken("I12", format!("{} while the group wants no instance", call.change));
        }
        if live && !call.basis.forced && left.0 < call.basis.desired {
            let (count, desired) = (left.0, call.basis.desired);
            self.broken("I12", format!("{} leaves {count} healthy of {desired} desired", call.change));
        }
    }

    /// Checks I3 when an invocation ends an instance.
    pub fn check_kill(&mut self, id: &InstanceId, effect: &Effect, basis: &Basis) {
        let Some(data) = self.hosts.get(id).filter(|h| h.machine()).and_then(|h| h.data.clone()) else {
            return;
        };
        let Some(cluster) = self.clusters.get(&data.cluster).filter(|c| c.formed) else { return };
        if self.in_doubt_since(basis.since) && cluster.members.contains_key(&data.member) {
            return self.broken("I4", format!("{effect} while the copies are in doubt"));
        }
        let mut healthy = cluster.well_since(basis.since);
        let voters = cluster.voters();
        let count = |healthy: &BTreeSet<u64>| voters.intersection(healthy).count();
        let needed = majority(voters.len());
        let before = count(&healthy);
        healthy.remove(&data.member);
        if voters.contains(&data.member) && before >= needed && count(&healthy) < needed {
            let how = format!("{effect} leaves {} healthy of the {needed} needed", count(&healthy));
            self.broken("I3", how);
        }
    }

    /// Checks I8: the member is removed before its termination goes on.
    pub fn check_continue_terminate(&mut self, id: &InstanceId) {
        let Some(host) = self.hosts.get(id) else { return };
        let waits = host.lifecycle == Some(Lifecycle::TerminatingWait) && host.machine();
        let Some(data) = host.data.clone().filter(|_| waits) else { return };
        if self.clusters.get(&data.cluster).is_some_and(|c| c.formed && c.members.contains_key(&data.member))
        {
            self.broken("I8", format!("the termination of {id} goes on while its member is listed"));
        }
    }

    /// Checks I8: a launch goes on only for a voter of a formed cluster. A machine that died since the look is exempt.
    pub fn check_continue_launch(&mut self, id: &InstanceId, who: &str, look: u64) {
        let died = |h: &Host| !h.machine() && h.ec2_since >= look;
        if self.hosts.get(id).is_some_and(died) {
            return;
        }
        let Some(data) = self.hosts.get(id).and_then(|h| h.data.clone()) else {
            return self.broken("I8", format!("{who} continues the launch of {id}, which has no member"));
        };
        let votes = |c: &Cluster| c.members.get(&data.member).is_some_and(|m| !m.learner);
        if !self.clusters.get(&data.cluster).is_some_and(|c| c.formed && votes(c)) {
            self.broken("I8", format!("{who} continues the launch of {id}, which is no voter"));
        }
    }

    /// Checks I10: no change of the membership is sent while another is in flight that the arithmetic does not count.
    pub fn check_one_at_a_time(&mut self, call: &Call, run: u64) {
        let unanswered: Vec<&Change> =
            self.store().into_iter().flat_map(|l| &l.unanswered).map(|m| &m.change).collect();
        let uncounted = |c: &&Call| {
            c.cluster == call.cluster && !unanswered.contains(&&c.change) && !self.comes_to_nothing(c)
        };
        if let Some(other) = self.calls.values().find(uncounted).map(|c| c.change.clone()) {
            self.broken("I10", format!("r{run} sends {} while {other} is in flight", call.change));
        }
    }

    /// Whether the call would change nothing now: etcd refuses the late repetition of a change that was made. A
    /// promotion and a removal stay made, because a member's ID never comes back. A repeated add can add a learner
    /// again once the first was removed, and counts again from then on.
    fn comes_to_nothing(&self, call: &Call) -> bool {
        let Some(cluster) = self.clusters.get(&call.cluster) else { return true };
        match &call.change {
            Change::Promote { member, .. } => cluster.members.get(&member.0).is_none_or(|m| !m.learner),
            Change::Remove { member, .. } => !cluster.members.contains_key(&member.0),
            Change::AddLearner { peer_url, .. } => cluster.members.values().any(|m| m.url == *peer_url),
            _ => false,
        }
    }

    /// Checks I4: a generation that formed is never abandoned and no other is opened after it.
    pub fn check_ledger(&mut self, ledger: &Ledger) {
        let before = self.store().map(|l| (l.generation.number, l.generation.phase, l.revision));
        if let Some((number, phase, revision)) = before {
            let next = &ledger.generation;
            let left = phase == Phase::Formed && (next.number != number || next.phase == Phase::Abandoned);
            if left {
                self.broken("I4", format!("generation {number} formed and is given up"));
            }
            if phase == Phase::Formed && next.phase == Phase::Ended && !self.end_was_meant(number) {
                self.broken("I4", format!("generation {number} ends, and nobody has meant that"));
            }
            if ledger.revision != revision + 1 {
                self.broken("I10", "a write of the ledger does not follow the write before it".to_owned());
            }
        }
        let phase = ledger.generation.phase;
        self.died_at_birth(ledger);
        if let Some(cluster) = ledger.cluster_id().and_then(|id| self.clusters.get_mut(&id.0)) {
            cluster.formed = phase == Phase::Formed;
        }
    }

    /// Whether the group was emptied with the word for this generation, now or a stale list ago.
    fn end_was_meant(&self, generation: u32) -> bool {
        self.group.end.as_deref() == Some(end_word(generation).as_str())
    }

    /// Notes a cluster that lost its majority at the moment at which the ledger said that it formed, after all its
    /// voters were seen well. Nothing is promised for it yet, so no invariant covers it; only an operator can go on
    /// (docs/decisions/0003).
    fn died_at_birth(&mut self, ledger: &Ledger) {
        let Some(cluster) = ledger.cluster_id().and_then(|id| self.clusters.get(&id.0)) else { return };
        let born = ledger.generation.phase == Phase::Formed && !cluster.formed;
        if born && self.living(cluster, &cluster.voters()) < majority(cluster.voters().len()) {
            self.stillborn = true;
        }
    }

    /// For I9: what keeps the world from being settled, or `None` if it is settled.
    pub fn unsettled(&self) -> Option<String> {
        let Some(ledger) = self.store() else { return Some("there is no ledger".to_owned()) };
        if ledger.generation.phase != Phase::Formed || ledger.claim.is_some() || !ledger.unanswered.is_empty()
        {
            let (phase, claimed) = (ledger.generation.phase, ledger.claim.is_some());
            let unanswered = ledger.unanswered.len();
            return Some(format!("phase {phase:?}, claimed {claimed}, {unanswered} unanswered changes"));
        }
        let Some(cluster) = ledger.cluster_id().and_then(|id| self.clusters.get(&id.0)) else {
            return Some("the ledger's cluster does not exist".to_owned());
        };
        let hosts: Vec<&Host> = self.hosts.values().filter(|h| h.lifecycle.is_some()).collect();
        if self.group.refreshing && hosts.iter().any(|h| self.is_old(h)) {
            return Some("the refresh is not done".to_owned());
        }
        let serving = |h: &&&Host| {
            let voter = h.member().and_then(|m| cluster.members.get(&m)).is_some_and(|m| !m.learner);
            h.lifecycle == Some(Lifecycle::InService) && h.healthy && h.well(self.now) && voter
        };
        let well = hosts.iter().filter(serving).count();
        if well != self.group.desired || hosts.len() != well || cluster.members.len() != well {
            let all = (hosts.len(), cluster.members.len(), self.group.desired);
            return Some(format!("{well} voters serve; instances, members and desired capacity are {all:?}"));
        }
        if hosts.iter().any(|h| h.data.as_ref().is_some_and(|d| d.wrong)) {
            return Some("a voter has a wrong copy".to_owned());
        }
        let endpoints = self.ssm.at("endpoints", self.now).unwrap_or_default();
        if endpoints.split(',').count() != well {
            return Some(format!("endpoints are {endpoints}"));
        }
        (!self.settled).then(|| "the last decision was not settled".to_owned())
    }
}
