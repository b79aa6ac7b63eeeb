//! The invariants (`docs/SAFETY.md`), each checked where it could break. A voter counts as healthy if it took part at
//! any moment since the look that the step rests on: the invocation cannot know of a failure after its look.

use membership::change::{Change, Effect};
use membership::ledger::{ConditionKey, Ledger, Phase};
use membership::quorum::majority;

use crate::clock::ANCIENT;
use crate::observe::id;
use crate::state::{Basis, Cluster, InFlight, Invariant, Life};
use crate::step::Step;

impl Step<'_> {
    fn lives(&self, cluster: &Cluster, member: u8) -> bool {
        self.s.host_of(cluster.token, member).is_some_and(|h| self.s.hosts[h].runs())
    }

    /// Whether the machines of a majority of the voters live, with their disks.
    pub fn majority_lives(&self, cluster: &Cluster) -> bool {
        let living = cluster.voters().filter(|m| self.lives(cluster, m.id)).count();
        living >= majority(cluster.voters().count())
    }

    /// Checks what must hold in every state. I2: no two clusters have a quorum. I4: a formed cluster keeps a majority
    /// of its disks, because no fault here costs more than the promise allows (see [`Step::may_be_lost`]).
    pub fn check_state(&mut self) {
        let clusters = self.s.clusters;
        let leading = clusters.iter().filter(|c| c.token != 0 && self.leads(c).is_some()).count();
        if leading > 1 {
            self.broken(Invariant::I2, || "two clusters have a quorum at once".to_owned());
        }
        for cluster in clusters.iter().filter(|c| c.formed) {
            if !self.majority_lives(cluster) && !self.s.stillborn {
                self.broken(Invariant::I4, || "a formed cluster has lost a majority of its disks".to_owned());
            }
        }
    }

    /// Notes the instances that are well now in the basis of every invocation and every call in flight.
    pub fn bases_grow(&mut self) {
        let well = self.s.mask(crate::state::Host::well);
        for run in &mut self.s.runs {
            if run.stage.is_some() {
                run.basis.well |= well;
            }
        }
        for call in &mut self.s.in_flight {
            if call.place.is_some() {
                call.basis.well |= well;
            }
        }
    }

    /// How many voters belong to these instances, by the members' names: a disk may be lost since.
    fn among(&self, cluster: &Cluster, mask: u8) -> usize {
        cluster.voters().filter(|m| m.name != 0 && mask & (1 << (m.name - 1)) != 0).count()
    }

    /// Checks I3 and I12 when etcd applies a change that an invocation asked for.
    pub fn check_change(&mut self, before: &Cluster, after: &Cluster, change: &Change, basis: Basis) {
        let had = (self.among(before, basis.well), majority(before.voters().count()));
        let left = (self.among(after, basis.well), majority(after.voters().count()));
        if had.0 >= had.1 && left.0 < left.1 {
            let (left, needed) = left;
            self.broken(Invariant::I3, || format!("{change} leaves {left} healthy of the {needed} needed"));
        }
        self.check_in_doubt(before, change, basis);
        let Change::Remove { member, voter: true, instance } = change else { return };
        let name = before.member(member.0 as u8).map_or(0, |m| m.name);
        let live = name != 0 && basis.answered & basis.well & (1 << (name - 1)) != 0;
        let desired = usize::from(basis.desired.min(self.s.desired));
        if live && !basis.late && left.0 < desired && !self.forced(instance.as_ref()) {
            let left = left.0;
            self.broken(Invariant::I12, || format!("{change} leaves {left} healthy of {desired} desired"));
        }
        // A size of 0 alone is no word to end a voter.
        if live && !basis.late && before.formed && basis.desired.max(self.s.desired) == 0 {
            self.broken(Invariant::I12, || format!("{change} while the group wants no instance"));
        }
    }

    /// Checks I4 while the alarm CORRUPT stands: nobody knows which copy is the right one, so none is multiplied and
    /// none is destroyed.
    fn check_in_doubt(&mut self, before: &Cluster, change: &Change, basis: Basis) {
        let multiplies = match change {
            Change::Remove { member, .. } => self.lives(before, member.0 as u8),
            _ => true,
        };
        if multiplies && basis.corrupt && self.s.corrupt && !basis.late {
            self.broken(Invariant::I4, || format!("{change} while nobody knows which copy is the right one"));
        }
    }

    /// Whether the leave patience for this instance is over.
    fn forced(&self, instance: Option<&membership::ids::InstanceId>) -> bool {
        let ledger = self.ledger();
        let Some((ledger, id)) = (*ledger).as_ref().zip(instance) else { return false };
        ledger.since(&ConditionKey::TerminateWaiting(id.clone())) == Some(ANCIENT)
    }

    /// Checks I3 when an invocation ends an instance.
    pub fn check_kill(&mut self, host: usize, effect: &Effect, basis: Basis) {
        let h = self.s.hosts[host];
        if basis.corrupt && self.s.corrupt && h.runs() && h.member != 0 {
            self.broken(Invariant::I4, || format!("{effect} while nobody knows which copy is the right one"));
        }
        let Some(cluster) = self.s.cluster(h.cluster).copied().filter(|c| c.formed && h.runs()) else {
            return;
        };
        if cluster.member(h.member).is_none_or(|m| m.learner) {
            return;
        }
        let needed = majority(cluster.voters().count());
        let before = self.among(&cluster, basis.well);
        let after = self.among(&cluster, basis.well & !(1 << host));
        if before >= needed && after < needed {
            self.broken(Invariant::I3, || format!("{effect} leaves {after} healthy of the {needed} needed"));
        }
    }

    /// Checks I8: the member is removed before its termination goes on. A late add may still list the address again as
    /// a learner after the look. Its machine is gone, it costs no quorum, and the rule `remove_dead` removes it.
    pub fn check_continue_termination(&mut self, host: usize) {
        let h = self.s.hosts[host];
        let cluster = self.s.cluster(h.cluster).filter(|c| c.formed);
        let listed = cluster.and_then(|c| c.member(h.member)).is_some_and(|m| !(m.learner && m.late));
        if matches!(h.life, Life::Leaving | Life::Pooling) && listed {
            self.broken(Invariant::I8, || {
                format!("the termination of {} goes on while its member is listed", id(host))
            });
        }
    }

    /// Checks I8: a launch goes on only for a voter of a formed cluster. It may end at this moment, because that is meant.
    pub fn check_continue_launch(&mut self, host: usize, who: &str) {
        let h = self.s.hosts[host];
        let votes = |c: &Cluster| c.member(h.member).is_some_and(|m| !m.learner);
        let ended = |l: &Ledger| l.generation.phase == Phase::Ended && crate::etcd::token(l) == h.cluster;
        let ended = (*self.ledger()).as_ref().is_some_and(ended);
        if !self.s.cluster(h.cluster).is_some_and(|c| (c.formed || ended) && votes(c)) {
            self.broken(Invariant::I8, || {
                format!("{who} continues the launch of {}, which is no voter", id(host))
            });
        }
    }

    /// Checks I10: no change of the membership is sent while another is in flight that the arithmetic does not count.
    pub fn check_one_at_a_time(&mut self, call: &InFlight) {
        if call.change == 0 {
            return;
        }
        let ledger = self.ledger();
        let unanswered = (*ledger).as_ref().map(|l| l.unanswered.as_slice()).unwrap_or_default();
        let in_flight = self.s.in_flight;
        for other in in_flight.iter().filter(|l| l.place.is_some() && l.cluster == call.cluster) {
            let change = self.t.changes.get(other.change);
            let Some(change) = &*change else { continue };
            let counted = unanswered.iter().any(|m| m.change == *change);
            if !counted && self.would_change(other.cluster, change) {
                return self.broken(Invariant::I10, || format!("another change may still happen: {change}"));
            }
        }
    }

    /// Whether this change would change the membership now. etcd refuses the late repetition of a change that was made.
    fn would_change(&self, token: u8, change: &Change) -> bool {
        let Some(cluster) = self.s.cluster(token) else { return false };
        match change {
            Change::AddLearner { peer_url, .. } => {
                let at = crate::observe::address(peer_url);
                cluster.listed().all(|m| m.address != at)
            }
            Change::Promote { member, .. } => cluster.member(member.0 as u8).is_some_and(|m| m.learner),
            Change::Remove { member, .. } => cluster.member(member.0 as u8).is_some(),
            _ => false,
        }
    }

    /// Checks I4: a generation that formed is never abandoned and no other is opened after it.
    pub fn check_ledger(&mut self, before: Option<&Ledger>, after: &Ledger) {
        let next = &after.generation;
        let formed = before.filter(|l| l.generation.phase == Phase::Formed);
        let left =
            formed.is_some_and(|l| next.number != l.generation.number || next.phase == Phase::Abandoned);
        if left {
            self.broken(Invariant::I4, || "a generation that formed is given up".to_owned());
        }
        let ends = formed.is_some() && next.phase == Phase::Ended;
        if ends && u32::from(self.s.end) != next.number {
            self.broken(Invariant::I4, || "a formed generation ends, and nobody has meant that".to_owned());
        }
        let token = crate::etcd::token(after);
        let Some(mut cluster) = self.s.cluster(token).copied() else { return };
        let born = next.phase == Phase::Formed && !cluster.formed;
        if born && !self.majority_lives(&cluster) {
            self.s.stillborn = true;
        }
        cluster.formed = next.phase == Phase::Formed;
        self.put_cluster(cluster);
    }

    /// Whether the promise allows the loss of this host's disk: a majority of the voters of a formed cluster lives at
    /// each moment (I4), whichever of the changes in flight are made.
    pub fn may_be_lost(&self, host: usize) -> bool {
        let h = self.s.hosts[host];
        let Some(cluster) = self.s.cluster(h.cluster).copied().filter(|c| c.formed) else { return true };
        let mut worlds = vec![cluster];
        for change in self.possible_changes() {
            let mut changed = worlds.clone();
            for world in &mut changed {
                match &change {
                    Change::Promote { member, .. } => {
                        if let Some(listed) = world.member_mut(member.0 as u8) {
                            listed.learner = false;
                        }
                    }
                    Change::Remove { member, .. } => world.remove(member.0 as u8),
                    _ => {}
                }
            }
            worlds.extend(changed);
        }
        worlds.iter().all(|world| {
            let living = world.voters().filter(|m| m.id != h.member && self.lives(world, m.id)).count();
            living >= majority(world.voters().count())
        })
    }

    /// The changes that may still happen: those in the ledger and on the network.
    fn possible_changes(&self) -> Vec<Change> {
        let ledger = self.ledger();
        let (unanswered, claim) =
            (*ledger).as_ref().map_or((&[][..], None), |l| (l.unanswered.as_slice(), l.claim.as_ref()));
        let mut all: Vec<Change> = unanswered.iter().map(|m| m.change.clone()).collect();
        all.extend(claim.map(|c| c.proposal.change.clone()));
        let in_flight = self.s.in_flight.iter().filter(|l| l.place.is_some());
        all.extend(in_flight.filter_map(|l| (*self.t.changes.get(l.change)).clone()));
        all.retain(Change::changes_membership);
        all.sort();
        all.dedup();
        all
    }
}
