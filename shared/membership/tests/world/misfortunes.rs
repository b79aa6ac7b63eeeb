//! What goes wrong in years of operation, at rates that an operator would believe or find somewhat high.

use membership::instance::Lifecycle;

use super::World;
use super::faults::Silence;
use super::group::ZONES;
use super::host::{Etcd, Host};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

#[derive(Clone, Copy, Debug)]
enum Misfortune {
    Death,
    Freeze,
    CutOff,
    Deaf,
    EtcdCrash,
    SpotReclaim,
    RootVolume,
    LostZone,
    NoGroupApi,
    NoLedger,
    NoParameters,
    NoFunctions,
    CrashingFunctions,
    Deployment,
    Refresh,
    Scaling,
    Ordered,
    Night,
    BrokenTemplate,
    UnreadableSetting,
}

/// How many happen in a year, to each instance (`EACH`) and to the whole cluster (`ALL`).
const EACH: [(Misfortune, u64); 7] = [
    (Misfortune::Death, 4),
    (Misfortune::Freeze, 12),
    (Misfortune::CutOff, 4),
    (Misfortune::Deaf, 4),
    (Misfortune::EtcdCrash, 6),
    (Misfortune::SpotReclaim, 6),
    (Misfortune::RootVolume, 1),
];
const ALL: [(Misfortune, u64); 13] = [
    (Misfortune::LostZone, 2),
    (Misfortune::NoGroupApi, 4),
    (Misfortune::NoLedger, 3),
    (Misfortune::NoParameters, 3),
    (Misfortune::NoFunctions, 2),
    (Misfortune::CrashingFunctions, 6),
    (Misfortune::Deployment, 24),
    (Misfortune::Refresh, 12),
    (Misfortune::Scaling, 8),
    (Misfortune::Ordered, 8),
    (Misfortune::Night, 12),
    (Misfortune::BrokenTemplate, 4),
    (Misfortune::UnreadableSetting, 6),
];

/// Each misfortune, and how many happen in a year to a cluster of this size.
fn rates(size: usize) -> impl Iterator<Item = (Misfortune, u64)> {
    let each = EACH.into_iter().map(move |(what, rate)| (what, rate * size as u64));
    each.chain(ALL)
}

/// How many misfortunes happen in a year to a cluster of this size.
pub fn yearly(size: usize) -> u64 {
    rates(size).map(|(_, rate)| rate).sum()
}

impl World {
    /// A misfortune happens. Returns when it is over.
    pub fn misfortune(&mut self, size: usize) -> u64 {
        let mut at = self.rng.between(1, yearly(size));
        let drawn = rates(size).find(|(_, rate)| {
            let here = at <= *rate;
            at = at.saturating_sub(*rate);
            here
        });
        let what = drawn.map_or(Misfortune::Freeze, |(what, _)| what);
        self.tally.misfortunes += 1;
        self.tell(format!("misfortune: {what:?}"));
        match what {
            Misfortune::Death | Misfortune::RootVolume | Misfortune::EtcdCrash | Misfortune::SpotReclaim => {
                self.lose_any(what)
            }
            Misfortune::Freeze => self.silence_any(Silence::Frozen),
            Misfortune::CutOff => self.silence_any(Silence::CutOff),
            Misfortune::Deaf => self.silence_any(Silence::Deaf),
            Misfortune::LostZone => self.lose_zone(),
            Misfortune::Refresh | Misfortune::Scaling | Misfortune::Ordered | Misfortune::Night => {
                self.operator_acts(what, size);
            }
            Misfortune::NoGroupApi => self.outage.group = self.lasting(20 * MINUTE),
            Misfortune::NoLedger => self.outage.store = self.lasting(20 * MINUTE),
            Misfortune::NoParameters => self.outage.parameters = self.lasting(20 * MINUTE),
            Misfortune::NoFunctions => self.outage.functions = self.lasting(10 * MINUTE),
            Misfortune::CrashingFunctions => self.outage.crashes = self.lasting(20 * MINUTE),
            Misfortune::BrokenTemplate => {
                let until = self.lasting(360 * MINUTE);
                self.break_template(until);
            }
            Misfortune::UnreadableSetting => self.outage.settings = self.lasting(200 * MINUTE),
            Misfortune::Deployment => (0..3).for_each(|_| self.invoke()),
        }
        self.troubled_until()
    }

    /// When a trouble that begins now is over. Most last a tenth of the longest at most.
    fn lasting(&mut self, longest: u64) -> u64 {
        let longest = if self.rng.chance(200) { longest } else { longest / 10 };
        self.now + self.rng.between(SECOND, longest)
    }

    fn silence_any(&mut self, how: Silence) {
        let until = self.lasting(20 * MINUTE);
        if let Some(id) = self.any(|h| h.etcd == Etcd::Running) {
            self.silence(&id, until, how);
        }
    }

    fn lose_any(&mut self, what: Misfortune) {
        let Some(id) = self.any(|h| h.machine() && h.lifecycle.is_some()) else { return };
        let (now, allowed) = (self.now, self.may_be_lost(&id));
        match what {
            Misfortune::Death if allowed => self.machine_dies(&id),
            Misfortune::RootVolume if allowed => self.lose_disk(&id),
            Misfortune::SpotReclaim => {
                self.tell(format!("{id} is reclaimed in two minutes"));
                self.edit(&id, |h| h.doomed_at = Some(now + 2 * MINUTE));
                self.event();
                self.terminate(&id, "spot reclaim");
            }
            Misfortune::EtcdCrash if self.hosts.get(&id).is_some_and(|h| h.etcd == Etcd::Running) => {
                self.tell(format!("the etcd of {id} crashes"));
                let next = now + self.rng.between(200, 30_000);
                self.edit(&id, |h| {
                    h.stops();
                    h.next = next;
                });
            }
            _ => {}
        }
    }

    /// A third of the instances freezes and nothing is launched in their zone; afterwards they are back.
    fn lose_zone(&mut self) {
        let (zone, until) = (self.rng.between(0, u64::from(ZONES) - 1) as u32, self.lasting(90 * MINUTE));
        self.tell(format!("zone {zone} is out of reach"));
        self.group.lost_zone = (zone, until);
        for host in self.hosts.values_mut().filter(|h| h.zone == zone) {
            host.frozen_until = until;
        }
    }

    fn operator_acts(&mut self, what: Misfortune, size: usize) {
        match what {
            Misfortune::Refresh => {
                let newer = if self.rng.chance(200) { self.next_etcd() } else { None };
                self.new_template(newer.unwrap_or(self.group.etcd));
            }
            Misfortune::Scaling => {
                let sizes = [size, size, size + 2, size.saturating_sub(2).max(1)];
                let desired = self.rng.pick(&sizes).copied().unwrap_or(size);
                self.tell(format!("desired capacity is {desired}"));
                self.group.desired = desired;
            }
            // Some nights last longer than a hook can be kept alive.
            Misfortune::Night if self.group.desired > 0 => {
                let night = self.lasting(600 * MINUTE);
                self.empty_the_group(night - self.now, false);
            }
            _ => {
                if let Some(id) = self.any(|h| h.lifecycle == Some(Lifecycle::InService)) {
                    self.terminate(&id, "ordered");
                }
            }
        }
    }

    /// Machines whose end was announced die, and never more than the promise allows.
    pub fn doom_tick(&mut self) {
        let due = |h: &&Host| h.machine() && h.doomed_at.is_some_and(|at| self.now >= at);
        let ids: Vec<_> = self.hosts.values().filter(due).map(|h| h.id.clone()).collect();
        for id in ids {
            if self.may_be_lost(&id) {
                self.machine_dies(&id);
            }
        }
    }

    /// When everything that is wrong now is over by itself.
    pub fn troubled_until(&self) -> u64 {
        let of = |h: &Host| {
            let silent = h.frozen_until.max(h.cut_until).max(h.deaf_until);
            silent.max(h.doomed_at.filter(|_| h.machine()).unwrap_or(0))
        };
        let hosts = self.hosts.values().map(of).max().unwrap_or(0);
        let night = if self.group.desired == 0 { self.group.morning } else { 0 };
        hosts
            .max(night)
            .max(self.broken_until())
            .max(self.outage.end())
            .max(self.group.lost_zone.1)
            .max(self.now)
    }
}
