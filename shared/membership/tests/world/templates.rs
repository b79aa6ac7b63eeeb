//! A launch template whose instances never run etcd, until an operator mends it.

use membership::ids::InstanceId;

use super::World;
use super::host::{Etcd, Host};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// So many tries are made before any pause, and so many in an hour: a join patience of five minutes, and the shortest
/// pause where no further loss could be borne, two minutes.
const AT_ONCE: u64 = 8;
const IN_AN_HOUR: u64 = 9;
/// A template that was mended is tried within this time: after an earlier joiner's patience, and a look.
const TRIED_WITHIN: u64 = 20 * MINUTE;

/// The broken template, while there is one.
#[derive(Clone, Debug, Default)]
pub struct Broken {
    since: u64,
    until: u64,
    /// How many instances were added to the cluster from the broken template.
    tried: u64,
    /// When the template was mended, until an instance of the mended one runs its etcd.
    mended: Option<u64>,
    now: bool,
}

impl World {
    /// A refresh begins with a template whose instances never run etcd. It is mended after this time.
    pub fn break_template(&mut self, until: u64) {
        if self.broken_template.now {
            return;
        }
        self.new_template(self.group.etcd);
        self.broken_template = Broken { since: self.now, until, now: true, ..Broken::default() };
        self.tell("its instances never run etcd".to_owned());
    }

    /// Whether an instance that is launched now never runs etcd.
    pub fn launches_broken(&self) -> bool {
        self.broken_template.now
    }

    /// Until when the template is broken.
    pub fn broken_until(&self) -> u64 {
        if self.broken_template.now { self.broken_template.until } else { 0 }
    }

    /// Notes that an instance was given an env, and checks the pace: joins that fail for one cause are tried ever more
    /// slowly.
    pub fn tried(&mut self, id: &InstanceId) {
        if !self.launches_broken() || !self.hosts.get(id).is_some_and(|h| h.broken) {
            return;
        }
        self.broken_template.tried += 1;
        let Broken { tried, since, .. } = self.broken_template;
        let allowed = AT_ONCE + (self.now - since) * IN_AN_HOUR / HOUR;
        if tried > allowed {
            self.broken(
                "I9",
                format!("{tried} joiners of a broken template in {} s", (self.now - since) / 1000),
            );
        }
    }

    /// Mends the template once its time has come, and checks that the mended one is tried soon.
    pub fn template_tick(&mut self) {
        if self.broken_template.now && self.now >= self.broken_template.until {
            self.broken_template.now = false;
            self.new_template(self.group.etcd);
            self.broken_template.mended = Some(self.now);
            self.tell("the template is mended".to_owned());
        }
        let Some(mended) = self.broken_template.mended else { return };
        let runs = |h: &Host| h.template == self.group.template && h.etcd == Etcd::Running;
        let waits = |h: &Host| h.template == self.group.template && h.etcd == Etcd::Booting;
        // Another trouble, or a group that launches none, may keep it from being tried.
        let troubled = self.troubled_until() > self.now || self.hostile();
        if troubled || !self.hosts.values().any(waits) {
            self.broken_template.mended = Some(self.now);
        }
        if self.hosts.values().any(runs) {
            self.broken_template.mended = None;
        } else if self.now > mended + TRIED_WITHIN {
            self.broken("I9", "a mended template was not tried".to_owned());
        }
    }
}
