//! The faults, from the seed, and never more than the promise allows: a majority of the voters of a formed cluster
//! lives at each moment (I4), whichever of the changes in flight are made.

use std::collections::BTreeSet;

use membership::change::Change;
use membership::ids::InstanceId;
use membership::instance::Lifecycle;
use membership::ledger::Phase;
use membership::observation::end_word;
use membership::quorum::majority;

use super::host::{Etcd, Host};
use super::{START, World};

/// How a host falls silent.
#[derive(Clone, Copy)]
pub enum Silence {
    /// It does nothing at all.
    Frozen,
    /// Its peers do not reach it; the functions do.
    CutOff,
    /// The functions get no answer; its peers do.
    Deaf,
}

impl World {
    /// Whether the promise allows the loss of this host's disk.
    pub fn may_be_lost(&self, id: &InstanceId) -> bool {
        if self.awaits_adoption() || self.has_a_last_right_copy(id) {
            return false;
        }
        let Some(data) = self.hosts.get(id).and_then(|h| h.data.clone()) else { return true };
        let Some(cluster) = self.clusters.get(&data.cluster).filter(|c| c.formed) else { return true };
        let mut worlds: Vec<BTreeSet<u64>> = vec![cluster.voters()];
        for change in self.possible_changes().into_iter().take(8) {
            let mut changed = worlds.clone();
            for voters in &mut changed {
                match &change {
                    Change::Promote { member, .. } => voters.insert(member.0),
                    Change::Remove { member, .. } => voters.remove(&member.0),
                    _ => false,
                };
            }
            worlds.extend(changed);
        }
        // A machine whose termination goes on dies at the next tick.
        let stays = |h: &Host| h.machine() && h.lifecycle != Some(Lifecycle::TerminatingProceed);
        let lives = |m: &&u64| **m != data.member && self.host_of(data.cluster, **m).is_some_and(stays);
        worlds.iter().all(|voters| voters.iter().filter(lives).count() >= majority(voters.len()))
    }

    pub fn faults_tick(&mut self) {
        let rate = self.fury;
        if self.rng.chance(8 * rate) {
            self.freeze_or_cut();
        }
        if self.rng.chance(3 * rate) {
            self.lose_something();
        }
        if self.rng.chance(2 * rate) && !self.awaits_adoption() {
            self.operator();
        }
        let doubled = if self.rng.chance(200) { 2 } else { 1 };
        if self.rng.chance(12 * rate) {
            (0..doubled).for_each(|_| self.invoke());
        }
        if self.rng.chance(2) {
            self.hide();
        }
        if self.now >= self.hidden_until {
            self.hidden = None;
        }
    }

    /// The group and EC2 do not list an instance for a while: once in its life, and not while a stale list may miss it
    /// anyway. The rules take an instance for gone that both do not list at two looks (docs/SAFETY.md, "What is
    /// inherent"), so this world never hides an instance for that long.
    fn hide(&mut self) {
        let known = |h: &&Host| self.now > h.launched + 10_000 && !self.was_hidden.contains(&h.id);
        let ids: Vec<InstanceId> = self.hosts.values().filter(known).map(|h| h.id.clone()).collect();
        let Some(id) = self.rng.pick(&ids).cloned() else { return };
        self.hidden_until = self.now + self.rng.between(500, 4_500);
        self.was_hidden.insert(id.clone());
        self.hidden = Some(id);
    }

    pub fn any(&mut self, which: impl Fn(&Host) -> bool) -> Option<InstanceId> {
        let ids: Vec<InstanceId> = self.hosts.values().filter(|h| which(h)).map(|h| h.id.clone()).collect();
        self.rng.pick(&ids).cloned()
    }

    fn freeze_or_cut(&mut self) {
        let Some(id) = self.any(|h| h.etcd == Etcd::Running) else { return };
        let longest = if self.rng.clone().chance(200) { 90_000 } else { 8_000 };
        let until = self.now + self.rng.between(500, longest);
        let how = match self.rng.between(0, 3) {
            0 | 1 => Silence::Frozen,
            2 => Silence::CutOff,
            _ => Silence::Deaf,
        };
        self.silence(&id, until, how);
    }

    pub fn silence(&mut self, id: &InstanceId, until: u64, how: Silence) {
        match how {
            Silence::Frozen => {
                self.tell(format!("{id} freezes until {}", (until - START) / 1000));
                self.edit(id, |h| h.frozen_until = until);
            }
            Silence::CutOff => {
                self.tell(format!("{id} is cut off from its peers until {}", (until - START) / 1000));
                let now = self.now;
                self.edit(id, |h| (h.cut_since, h.cut_until) = (now, until));
            }
            Silence::Deaf => {
                self.tell(format!("{id} does not answer the functions until {}", (until - START) / 1000));
                self.edit(id, |h| h.deaf_until = until);
            }
        }
    }

    fn lose_something(&mut self) {
        let Some(id) = self.any(Host::machine) else { return };
        let (now, running) = (self.now, self.hosts.get(&id).is_some_and(|h| h.etcd == Etcd::Running));
        match self.rng.between(0, 5) {
            0 | 1 if self.may_be_lost(&id) => self.machine_dies(&id),
            2 | 3 if running => {
                self.tell(format!("the etcd of {id} crashes"));
                let next = now + self.rng.between(200, 6_000);
                self.edit(&id, |h| {
                    h.stops();
                    h.next = next;
                });
            }
            4 | 5 if self.may_be_lost(&id) => self.lose_disk(&id),
            _ => {}
        }
    }

    /// The root volume is replaced: same instance ID, same address, an empty disk.
    pub fn lose_disk(&mut self, id: &InstanceId) {
        let in_service = self.hosts.get(id).is_some_and(|h| h.lifecycle == Some(Lifecycle::InService));
        if !in_service {
            return;
        }
        self.tell(format!("the root volume of {id} is replaced"));
        self.holder_died(id);
        let now = self.now;
        let next = now + self.rng.between(20_000, 40_000);
        self.edit(id, |h| {
            h.stops();
            (h.data, h.stamp) = (None, None);
            (h.lifecycle, h.since, h.next) = (Some(Lifecycle::ReplacingRootVolume), now, next);
        });
    }

    fn operator(&mut self) {
        match self.rng.between(0, 9) {
            0..=4 => {
                if let Some(id) = self.any(|h| h.lifecycle == Some(Lifecycle::InService)) {
                    self.terminate(&id, "ordered");
                }
            }
            5..=8 if self.group.max > 0 => {
                let desired = *self.rng.pick(&[1, 3, 3, 5, 5, 7]).unwrap_or(&3);
                self.tell(format!("desired capacity is {desired}"));
                self.group.desired = desired;
            }
            _ if self.rng.chance(300) => {
                if let Some(etcd) = self.next_etcd().filter(|_| self.upgrades) {
                    self.new_template(etcd);
                }
            }
            _ if self.rng.chance(150) && self.group.desired > 0 => {
                let (night, meant) = (self.rng.between(5_000, 120_000), self.rng.chance(500));
                self.empty_the_group(night, meant);
            }
            _ => {}
        }
    }

    /// A new version of the launch template, and an instance refresh that replaces every older instance.
    pub fn new_template(&mut self, etcd: &'static str) {
        self.group.template += 1;
        (self.group.etcd, self.group.refreshing) = (etcd, true);
        self.tell(format!("a refresh begins, with etcd {etcd}"));
    }

    /// The group is emptied: for a night of this length, or for good. Where the end is not meant, the group has no word,
    /// or the spent word of an earlier generation.
    pub fn empty_the_group(&mut self, night: u64, meant: bool) {
        let number = self.store().map_or(1, |l| l.generation.number);
        let spent = (number > 1 && self.rng.chance(500)).then(|| end_word(number - 1));
        self.group.end = if meant { Some(end_word(number)) } else { spent };
        self.group.by_day = (self.group.desired.max(1), self.group.max);
        self.group.max = if meant || self.rng.chance(700) { 0 } else { self.group.max };
        self.group.desired = 0;
        self.group.morning = self.now + night;
        let word = self.group.end.as_deref().unwrap_or("no word");
        self.tell(format!("the group is emptied, at maximum size {}, with {word}", self.group.max));
    }

    /// An emptied group grows again in its morning. Where its end was meant, once all its instances are gone.
    pub fn operator_tick(&mut self) {
        let ended = self.store().is_some_and(|l| l.generation.phase == Phase::Ended);
        let gone = self.hosts.values().all(|h| h.lifecycle.is_none());
        if self.group.desired == 0 && self.now >= self.group.morning && (gone || !ended) {
            self.tell("the group grows again".to_owned());
            (self.group.desired, self.group.max) = self.group.by_day;
        }
        self.end_the_retained();
    }

    /// The operator ends a retained instance once the cluster has another member in its place.
    fn end_the_retained(&mut self) {
        let retained = self.hosts.values().filter(|h| h.lifecycle == Some(Lifecycle::Retained));
        let needed = |h: &Host| {
            let cluster =
                h.data.as_ref().and_then(|data| Some((self.clusters.get(&data.cluster)?, data.member)));
            cluster.is_some_and(|(cluster, member)| cluster.formed && cluster.members.contains_key(&member))
        };
        let free: Vec<InstanceId> = retained.filter(|h| !needed(h)).map(|h| h.id.clone()).collect();
        for id in free {
            self.edit(&id, |h| h.lifecycle = Some(Lifecycle::TerminatingProceed));
        }
    }

    pub fn calm(&mut self) {
        self.tell("--- faults stop".to_owned());
        self.quiet = true;
        let now = self.now;
        for host in self.hosts.values_mut() {
            host.frozen_until = now;
            host.cut_until = now;
            host.deaf_until = now;
        }
    }
}
