//! A voter whose copy becomes wrong, unseen. A joiner may take a wrong copy over from the leader, and at times etcd's own
//! check raises CORRUPT, which accuses whoever differs from the leader. Once the doubt is told, an operator moves the lead
//! to a right copy, removes the wrong ones, disarms the alarm and ends the instances.

use std::collections::BTreeMap;

use membership::alarm::{Alarm, AlarmKind};
use membership::change::Change;
use membership::compare;
use membership::etcd::KeysHash;
use membership::ids::{ClusterId, InstanceId, MemberId};
use membership::instance::Lifecycle;
use membership::ledger::ConditionKey;
use membership::observation::Seen;
use membership::quorum::majority;

use super::etcd::Cluster;
use super::host::{Data, Etcd, Host};
use super::in_flight::Call;
use super::invocations::Run;
use super::{HOSTILE, START, World};

/// The hash of the right keys. The world has one revision.
const RIGHT: u32 = 7;

/// What is planned, and what has come of it.
#[derive(Clone, Debug, Default)]
pub struct Corruption {
    /// When a voter's copy becomes wrong; `None` in a world without corruption, and once it has happened.
    at: Option<u64>,
    /// Whether it is the leader's copy.
    of_the_leader: bool,
    /// How long after that etcd's own check looks; `None` where it is off.
    check_after: Option<u64>,
    check_at: Option<u64>,
    /// How long the operator takes to decide.
    slowness: u64,
    happened: bool,
    /// The alarm CORRUPT, and whom it accuses.
    alarm: Option<u64>,
    /// Since when the doubt is on record.
    doubt_since: Option<u64>,
}

impl World {
    pub fn plan_corruption(&mut self) {
        let at = START + self.rng.between(20_000, HOSTILE);
        let checks = self.rng.chance(400);
        self.corruption = Corruption {
            at: Some(at),
            of_the_leader: self.rng.chance(500),
            check_after: Some(self.rng.between(0, 60_000)).filter(|_| checks),
            slowness: self.rng.between(5_000, 90_000),
            ..Corruption::default()
        };
    }

    pub fn corruption_tick(&mut self) {
        if self.corruption.at.is_some_and(|at| self.now >= at) {
            self.strike();
        }
        if self.corruption.happened {
            self.own_check();
            self.record_doubt();
            self.decide_by_hand();
            self.check_a_right_copy();
        }
    }

    fn data_of(&self, cluster: u64, member: u64) -> Option<&Data> {
        self.host_of(cluster, member).filter(|h| h.machine()).and_then(|h| h.data.as_ref())
    }

    /// The members whose copies are wrong or right, as asked.
    fn copies(&self, cluster: &Cluster, wrong: bool) -> Vec<u64> {
        let is = |m: &&u64| self.data_of(cluster.id, **m).is_some_and(|d| d.wrong == wrong);
        cluster.members.keys().filter(is).copied().collect()
    }

    fn right_voters(&self, cluster: &Cluster) -> Vec<u64> {
        let voters = cluster.voters();
        self.copies(cluster, false).into_iter().filter(|m| voters.contains(m)).collect()
    }

    /// One of three or more live voters becomes wrong: with two, nobody could ever tell which is right.
    fn strike(&mut self) {
        let Some(cluster) = self.ledger_cluster().filter(|c| c.formed).cloned() else { return };
        let (Some(leader), live) = (self.leads(&cluster), self.live_voters(&cluster)) else { return };
        // A leaving voter was compared when it began to leave. What becomes wrong after that is found too late.
        let leaves = self.hosts.values().any(|h| h.lifecycle == Some(Lifecycle::TerminatingWait));
        if live.len() < 3 || leaves {
            return;
        }
        let of_the_leader = self.corruption.of_the_leader;
        let those: Vec<u64> = live.into_iter().filter(|m| (*m == leader) == of_the_leader).collect();
        let Some(member) = self.rng.pick(&those).copied() else { return };
        let Some(id) = self.host_of(cluster.id, member).map(|h| h.id.clone()) else { return };
        self.tell(format!("the copy of {id}, member {member:x}, is wrong from now on"));
        self.edit(&id, |h| h.data.iter_mut().for_each(|d| d.wrong = true));
        self.corruption.at = None;
        self.corruption.happened = true;
        self.corruption.check_at = self.corruption.check_after.map(|after| self.now + after);
    }

    /// etcd's own check, at its time, and at the latest when the faults are over: nobody else may have looked by then.
    fn own_check(&mut self) {
        let due = self.quiet || self.corruption.check_at.is_some_and(|at| self.now >= at);
        if !due || self.corruption.alarm.is_some() || self.corruption.doubt_since.is_some() {
            return;
        }
        let Some(cluster) = self.ledger_cluster().cloned() else { return };
        let Some(leader) = self.leads(&cluster) else { return };
        // A learner tells no hash.
        let voters = cluster.voters();
        let of = |wrong: bool| -> Vec<u64> {
            self.copies(&cluster, wrong).into_iter().filter(|m| voters.contains(m)).collect()
        };
        let wrong = of(true);
        let others = of(!wrong.contains(&leader));
        if let Some(accused) = others.first().filter(|_| !wrong.is_empty()) {
            self.tell(format!("etcd raises CORRUPT, and accuses member {accused:x}"));
            self.corruption.alarm = Some(*accused);
        }
    }

    fn record_doubt(&mut self) {
        let differ = self.store().is_some_and(|l| l.conditions.contains_key(&ConditionKey::HashesDiffer));
        let doubt = differ || self.corruption.alarm.is_some();
        self.corruption.doubt_since = doubt.then_some(self.corruption.doubt_since.unwrap_or(self.now));
    }

    /// The operator's steps, one at each tick.
    fn decide_by_hand(&mut self) {
        let slowness = self.corruption.slowness;
        if self.corruption.doubt_since.is_none_or(|since| self.now < since + slowness) {
            return;
        }
        let Some(cluster) = self.ledger_cluster().cloned() else { return };
        let Some(leader) = self.leads(&cluster) else { return };
        let (voters, live) = (cluster.voters(), self.live_voters(&cluster));
        let wrong: Vec<u64> =
            self.copies(&cluster, true).into_iter().filter(|m| voters.contains(m)).collect();
        let right: Vec<u64> = self.right_voters(&cluster).into_iter().filter(|m| live.contains(m)).collect();
        if wrong.contains(&leader) {
            let via = self.host_of(cluster.id, leader).map(Host::client_url);
            if let (Some(via), Some(to)) = (via, right.first()) {
                self.move_leader(&via, *to);
            }
            return;
        }
        let lost = voters.iter().find(|m| self.has_lost_its_disk(**m));
        if let Some(member) = lost.or(wrong.first()) {
            self.remove_by_hand(&cluster, *member);
        } else if self.corruption.alarm.take().is_some() {
            self.tell("the operator disarms CORRUPT".to_owned());
        }
    }

    /// Whether the member's machine lives and has no copy. It never tells a hash again, so the doubt would not end.
    fn has_lost_its_disk(&self, member: u64) -> bool {
        let host = self.instance_of(member).and_then(|id| self.hosts.get(&id));
        host.is_some_and(|h| h.machine() && h.member() != Some(member))
    }

    fn instance_of(&self, member: u64) -> Option<InstanceId> {
        self.store()?.instance_of(MemberId(member)).cloned()
    }

    /// Removes a member, where the voters that are left have a live majority, and ends its instance.
    fn remove_by_hand(&mut self, cluster: &Cluster, member: u64) {
        let mut left = cluster.voters();
        left.remove(&member);
        let live = self.live_voters(cluster);
        if left.intersection(&live).count() < majority(left.len()) {
            return;
        }
        let id = self.instance_of(member);
        self.tell(format!("the operator removes member {member:x}"));
        if let Some(cluster) = self.clusters.get_mut(&cluster.id) {
            cluster.members.remove(&member);
            cluster.removed.insert(member);
        }
        if let Some(id) = id {
            self.terminate(&id, "its member was removed by hand");
        }
    }

    /// Checks I4: of all copies that were ever right, one is left.
    fn check_a_right_copy(&mut self) {
        let Some(cluster) = self.ledger_cluster().filter(|c| c.formed).cloned() else { return };
        if self.right_voters(&cluster).is_empty() {
            self.broken("I4", "no voter has the right data any more".to_owned());
        }
    }

    /// Whether the copies were in doubt, on record, since before a look that began then.
    pub fn in_doubt_since(&self, look: u64) -> bool {
        self.corruption.doubt_since.is_some_and(|since| since < look)
    }

    /// Checks I4: while the copies are in doubt, only the member of a machine that is gone leaves, and nobody joins.
    pub fn check_doubt(&mut self, call: &Call, before: &Cluster) {
        if !self.in_doubt_since(call.basis.since) {
            return;
        }
        let harmless = match &call.change {
            Change::Remove { member, .. } => {
                let host = self.host_of(before.id, member.0);
                host.is_none_or(|h| !h.machine())
            }
            _ => false,
        };
        if !harmless {
            self.broken("I4", format!("{} while the copies are in doubt", call.change));
        }
    }

    /// Whether the loss of this host would leave no right copy: then nothing could be promised.
    pub fn has_a_last_right_copy(&self, id: &InstanceId) -> bool {
        let Some(data) = self.hosts.get(id).and_then(|h| h.data.as_ref()) else { return false };
        let Some(cluster) = self.clusters.get(&data.cluster).filter(|_| self.corruption.happened) else {
            return false;
        };
        let others = self.right_voters(cluster).iter().filter(|m| **m != data.member).count();
        !data.wrong && others < 2
    }

    /// A joiner takes its copy from the leader as a snapshot, or replays the log.
    pub fn is_fed_wrong(&mut self, cluster: u64) -> bool {
        if !self.corruption.happened {
            return false;
        }
        let leader = self.clusters.get(&cluster).and_then(|c| c.leader);
        let wrong = leader.and_then(|l| self.data_of(cluster, l)).is_some_and(|d| d.wrong);
        wrong && self.rng.chance(600)
    }

    pub fn alarms(&self, cluster: u64) -> Vec<Alarm> {
        let ours = self.ledger_cluster().is_some_and(|c| c.id == cluster);
        let alarm = self.corruption.alarm.filter(|_| ours);
        alarm
            .map(|accused| Alarm { kind: AlarmKind::Corrupt, member: Some(MemberId(accused)) })
            .into_iter()
            .collect()
    }

    /// Asks for the hashes that are due. Returns whether it did: then the invocation looks again.
    pub fn compares(&mut self, run: &mut Run) -> bool {
        let in_this_world = self.corruption.happened || self.corruption.at.is_some();
        if !in_this_world || run.invocation.holds_claim() {
            return false;
        }
        let Some(due) = compare::due(&run.obs, self.clock(run)) else { return false };
        if due.urls.iter().eq(run.hashes.keys()) {
            return false;
        }
        let told: BTreeMap<_, _> =
            due.urls.iter().map(|url| (url.clone(), self.hash(url, due.revision))).collect();
        run.hashes = told;
        true
    }

    fn hash(&mut self, url: &str, revision: u64) -> Seen<KeysHash> {
        let lost = self.hostile() && self.rng.chance(20);
        let now = self.now;
        let runs =
            |h: &&Host| h.machine() && h.etcd == Etcd::Running && !h.frozen(now) && now >= h.deaf_until;
        let host = self.hosts.values().find(|h| runs(h) && h.client_url() == url);
        match host.and_then(|h| h.data.as_ref()).filter(|_| !lost) {
            Some(data) => Seen::Known(KeysHash {
                cluster: ClusterId(data.cluster),
                member: MemberId(data.member),
                revision,
                compacted: -1,
                hash: RIGHT + u32::from(data.wrong),
            }),
            None => Seen::Unknown("no answer".into()),
        }
    }
}
