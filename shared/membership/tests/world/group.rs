//! The Auto Scaling Group: launches, hooks and their timeouts, terminations, replacement, address reuse.

use membership::ids::InstanceId;
use membership::instance::{Ec2State, Lifecycle};

use super::World;
use super::host::{Etcd, Host};

/// EC2 lists a terminated instance for a while.
const LISTED: u64 = 60_000;

#[derive(Clone, Debug, Default)]
pub struct Group {
    pub desired: usize,
    pub max: usize,
    /// The value of the tag `etcd-asg:end`.
    pub end: Option<String>,
    /// When an emptied group gets its size again, and which desired capacity and maximum size.
    pub morning: u64,
    pub by_day: (usize, usize),
    /// Whether the group's policy retains an instance whose terminate hook is abandoned.
    pub retains: bool,
    pub launched: u32,
    pub next_launch: u64,
    pub free_addresses: Vec<String>,
    /// The version of the launch template, and the version of etcd in its image.
    pub template: u32,
    pub etcd: &'static str,
    /// Whether an instance refresh replaces the instances of older templates.
    pub refreshing: bool,
    /// Whether the maintenance policy keeps an unhealthy instance until its replacement is in service.
    pub launches_first: bool,
    /// The zone in which nothing runs and nothing is launched, and until when.
    pub lost_zone: (u32, u64),
}

/// How long boots take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Boots {
    pub shortest: u64,
    pub longest: u64,
    /// How many of a thousand boots take up to five times the longest time.
    pub slow: u64,
}

/// The result with which a lifecycle action is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionResult {
    Continue,
    Abandon,
}

/// How many zones the group's subnets are in.
pub const ZONES: u32 = 3;

pub fn stays(host: &Host) -> bool {
    matches!(
        host.lifecycle,
        Some(
            Lifecycle::Pending
                | Lifecycle::PendingWait
                | Lifecycle::PendingProceed
                | Lifecycle::InService
                | Lifecycle::ReplacingRootVolume
        )
    )
}

impl World {
    pub fn group_tick(&mut self) {
        let ids: Vec<InstanceId> = self.hosts.keys().cloned().collect();
        for id in ids {
            self.advance(&id);
        }
        let staying: Vec<&Host> = self.hosts.values().filter(|h| stays(h)).collect();
        let ids = |which: &dyn Fn(&Host) -> bool| -> Vec<InstanceId> {
            staying.iter().filter(|h| which(h)).map(|h| h.id.clone()).collect()
        };
        let (all, old) = (ids(&|_| true), ids(&|h| self.group.refreshing && self.is_old(h)));
        let held = ids(&|h| self.is_held(h));
        let serving = ids(&|h| h.lifecycle == Some(Lifecycle::InService) && h.healthy && h.machine());
        // An instance that is to be replaced stays until then, unless the group wants no instance.
        let replaced = usize::from(!old.is_empty()).max(held.len());
        let wanted = if self.group.desired == 0 { 0 } else { self.group.desired + replaced };
        if all.len() < wanted && self.now >= self.group.next_launch {
            self.launch();
        } else if all.len() > wanted {
            let from = if old.is_empty() { &all } else { &old };
            if let Some(id) = self.rng.pick(from).cloned() {
                self.terminate(&id, "scale-in");
            }
        } else if serving.len() >= self.group.desired && !held.is_empty() {
            held.iter().for_each(|id| self.terminate(id, "unhealthy, and replaced"));
        } else if serving.len() > self.group.desired
            && let Some(id) = self.rng.pick(&old).cloned()
        {
            self.terminate(&id, "instance refresh");
        }
    }

    pub fn is_old(&self, host: &Host) -> bool {
        host.template < self.group.template
    }

    /// Whether the instance is to be replaced and stays until its replacement is in service.
    fn is_held(&self, host: &Host) -> bool {
        let noticed = host.notice_at.is_some_and(|at| self.now >= at);
        let in_service = host.lifecycle == Some(Lifecycle::InService) && host.machine();
        self.group.launches_first && in_service && !host.healthy && noticed
    }

    /// The zone with the fewest instances, except the lost zone.
    fn zone(&self) -> u32 {
        let lost = |zone: &u32| self.now < self.group.lost_zone.1 && *zone == self.group.lost_zone.0;
        let there = (0..ZONES).filter(|zone| !lost(zone));
        let count = |zone: &u32| self.hosts.values().filter(|h| stays(h) && h.zone == *zone).count();
        there.min_by_key(count).unwrap_or(0)
    }

    pub fn launch(&mut self) {
        let (now, number) = (self.now, self.group.launched + 1);
        self.group.launched = number;
        self.group.next_launch = now + if self.rng.chance(500) { 0 } else { self.rng.between(1_000, 15_000) };
        let reuse = !self.group.free_addresses.is_empty() && self.rng.chance(600);
        let address = if reuse {
            self.group.free_addresses.pop().unwrap_or_default()
        } else {
            format!("10.0.0.{number}")
        };
        let id = InstanceId(format!("i-{number:08x}"));
        let (zone, template, etcd) = (self.zone(), self.group.template, self.group.etcd);
        self.tell(format!("{id} is launched at {address} in zone {zone} with etcd {etcd}"));
        self.event();
        self.tally.launches += 1;
        let host = Host {
            id: id.clone(),
            address,
            launched: now,
            lifecycle: Some(Lifecycle::Pending),
            since: now,
            hook_deadline: 0,
            hook_cap: 0,
            healthy: true,
            notice_at: None,
            ec2: Ec2State::Running,
            ec2_since: now,
            stamp: None,
            data: None,
            etcd: Etcd::Booting,
            next: now + self.boot_time(),
            zone,
            template,
            version: etcd,
            broken: self.launches_broken(),
            foreign: false,
            doomed_at: None,
            frozen_until: 0,
            cut_until: 0,
            cut_since: 0,
            deaf_until: 0,
            term: 0,
            leader: None,
        };
        self.hosts.insert(id, host);
    }

    fn boot_time(&mut self) -> u64 {
        let Boots { shortest, longest, slow } = self.boots;
        let (low, high) = if self.rng.chance(slow) { (longest, 5 * longest) } else { (shortest, longest) };
        self.rng.between(low, high)
    }

    fn advance(&mut self, id: &InstanceId) {
        let now = self.now;
        let Some(host) = self.hosts.get(id).cloned() else { return };
        let age = now - host.since;
        match host.lifecycle {
            Some(Lifecycle::Pending) if age >= 1_000 => self.goes(id, Lifecycle::PendingWait),
            Some(Lifecycle::PendingWait) if now >= host.hook_deadline.min(host.hook_cap) => {
                self.complete_launch(id, ActionResult::Abandon, "the hook's timeout", now);
            }
            Some(Lifecycle::PendingProceed) if age >= 1_000 => self.goes(id, Lifecycle::InService),
            Some(Lifecycle::Terminating) if age >= 1_000 => self.goes(id, Lifecycle::TerminatingWait),
            Some(Lifecycle::TerminatingWait) if self.runs_out_needlessly(&host) => {
                self.broken(
                    "I8",
                    format!("the terminate hook of {id} ran out, although it could be kept alive"),
                );
            }
            // A hook that ends too early could cost a majority, which no promise covers: see `may_be_lost`.
            Some(Lifecycle::TerminatingWait)
                if now >= host.hook_deadline.min(host.hook_cap) && self.may_be_lost(id) =>
            {
                self.tell(format!("the terminate hook of {id} times out"));
                self.goes(id, Lifecycle::TerminatingProceed);
            }
            Some(Lifecycle::TerminatingProceed) if host.machine() => self.machine_dies(id),
            Some(Lifecycle::TerminatingProceed) if age >= 2_000 => {
                if let Some(h) = self.hosts.get_mut(id) {
                    h.lifecycle = None;
                }
            }
            Some(Lifecycle::ReplacingRootVolume) if now >= host.next => {
                self.goes(id, Lifecycle::InService);
            }
            _ => {}
        }
        let sick = stays(&host) && (!host.machine() || !host.healthy);
        if sick && host.notice_at.is_none_or(|at| now >= at) {
            let at = now + self.rng.between(1_000, 20_000);
            match host.notice_at {
                None => self.edit(id, |h| h.notice_at = Some(at)),
                Some(_) if self.is_held(&host) => {}
                Some(_) => self.terminate(id, "unhealthy"),
            }
        }
        self.advance_ec2(id, &host);
    }

    /// Whether the hook of a voter's termination is over before its time, although functions ran all the while.
    fn runs_out_needlessly(&self, host: &Host) -> bool {
        let cluster =
            host.data.as_ref().and_then(|data| Some((self.clusters.get(&data.cluster)?, data.member)));
        let votes = cluster.is_some_and(|(c, member)| c.formed && c.voters().contains(&member));
        let since = host.since.max(self.outage.of_calls());
        let well = !self.hostile() && self.now >= self.rough_until + self.heartbeat;
        let over = self.now >= host.hook_deadline && self.now < host.hook_cap;
        self.years && votes && well && over && self.now >= since + self.heartbeat
    }

    fn advance_ec2(&mut self, id: &InstanceId, host: &Host) {
        let (now, age) = (self.now, self.now - host.ec2_since);
        match host.ec2 {
            Ec2State::Stopping if age >= 1_500 && self.rng.chance(80) => self.edit(id, |h| {
                (h.ec2, h.ec2_since) = (Ec2State::Terminated, now);
            }),
            Ec2State::Terminated if age >= 5_000 && !self.group.free_addresses.contains(&host.address) => {
                let taken = self.hosts.values().any(|h| h.id != *id && h.address == host.address);
                if !taken && age < 6_000 {
                    self.group.free_addresses.push(host.address.clone());
                }
            }
            _ => {}
        }
        if host.ec2 == Ec2State::Terminated && age >= LISTED && host.lifecycle.is_none() {
            self.hosts.remove(id);
        }
    }

    pub fn edit(&mut self, id: &InstanceId, change: impl FnOnce(&mut Host)) {
        if let Some(host) = self.hosts.get_mut(id) {
            change(host);
        }
    }

    fn goes(&mut self, id: &InstanceId, to: Lifecycle) {
        let (now, heartbeat) = (self.now, self.heartbeat);
        self.tell(format!("{id} is {to:?}"));
        let hooked = matches!(to, Lifecycle::PendingWait | Lifecycle::TerminatingWait);
        self.edit(id, |h| {
            h.since = now;
            if hooked {
                h.hook_deadline = now + heartbeat;
                h.hook_cap = now + 100 * heartbeat;
            }
            h.lifecycle = Some(to);
        });
        if hooked {
            self.event();
        }
    }

    /// The group terminates an instance in order: its terminate hook waits first.
    pub fn terminate(&mut self, id: &InstanceId, why: &str) {
        if self.hosts.get(id).is_some_and(stays) {
            self.tell(format!("{id} is terminated: {why}"));
            self.goes(id, Lifecycle::Terminating);
        }
    }

    /// The machine is gone, and its disk with it.
    pub fn machine_dies(&mut self, id: &InstanceId) {
        let now = self.now;
        self.tell(format!("{id} dies"));
        self.event();
        self.holder_died(id);
        self.edit(id, |h| {
            (h.ec2, h.ec2_since) = (Ec2State::Stopping, now);
            h.stops();
            h.data = None;
        });
    }

    /// Completes the launch hook, if it waits. The caller's look began at `look`.
    pub fn complete_launch(&mut self, id: &InstanceId, result: ActionResult, who: &str, look: u64) {
        let waits = self.hosts.get(id).is_some_and(|h| h.lifecycle == Some(Lifecycle::PendingWait));
        if !waits {
            return;
        }
        if result == ActionResult::Continue {
            self.check_continue_launch(id, who, look);
            self.goes(id, Lifecycle::PendingProceed);
        } else {
            self.tell(format!("the launch of {id} is abandoned by {who}"));
            let hooked = self.rng.chance(500) || !self.may_be_lost(id);
            self.goes(id, if hooked { Lifecycle::Terminating } else { Lifecycle::TerminatingProceed });
        }
    }

    /// Abandons the termination, so that the group's policy keeps the instance.
    pub fn retain(&mut self, id: &InstanceId) {
        if self.hosts.get(id).is_some_and(|h| h.lifecycle == Some(Lifecycle::TerminatingWait)) {
            self.goes(id, Lifecycle::Retained);
        }
    }

    /// Completes the terminate hook, if it waits.
    pub fn complete_termination(&mut self, id: &InstanceId) {
        if self.hosts.get(id).is_some_and(|h| h.lifecycle == Some(Lifecycle::TerminatingWait)) {
            self.goes(id, Lifecycle::TerminatingProceed);
        }
    }
}
