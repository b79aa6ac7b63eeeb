//! Auto Scaling groups, their members and their warm pools.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::hook::{Action, Hook};
use super::lifecycle::Lifecycle;
use super::maintenance::Maintenance;
use super::refresh::Refresh;

/// An Auto Scaling group.
pub struct Group {
    pub name: String,
    pub arn: String,
    pub created: SystemTime,
    pub min: u32,
    pub max: u32,
    pub desired: u32,
    pub default_cooldown: u32,
    pub health_check_type: String,
    /// Seconds.
    pub health_check_grace: u32,
    pub zones: Vec<Zone>,
    pub protect_new: bool,
    pub termination_policies: Vec<String>,
    /// Settings that are only stored and shown again, such as the launch template, by AWS's names.
    pub shown: BTreeMap<String, Value>,
    pub retain_on_abandon: bool,
    pub maintenance: Option<Maintenance>,
    /// The suspended processes, and when each was suspended.
    pub suspended: BTreeMap<String, SystemTime>,
    /// Instance refreshes, the newest last; only the last may be under way.
    pub refreshes: Vec<Refresh>,
    pub warm: Option<WarmPool>,
    pub tags: BTreeMap<String, Tag>,
    pub hooks: BTreeMap<String, Hook>,
    /// By instance ID.
    pub members: BTreeMap<String, Member>,
    pub deleting: bool,
    pub backoff: Backoff,
}

/// An availability zone with a subnet, in which instances are launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub name: String,
    pub subnet: String,
}

/// A tag of a group.
#[derive(Clone, Debug)]
pub struct Tag {
    pub value: String,
    pub propagate: bool,
}

/// How an instance last came to its present state; lifecycle events name it as their origin and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Launched for the group.
    Launched,
    /// Launched for the warm pool, or in it.
    Pool,
    /// Out of the warm pool, for the group.
    FromPool,
    /// Out of the group, back into the warm pool.
    BackToPool,
    /// Its root volume is being replaced, or was just replaced.
    RootVolume,
}

/// An instance in its group.
pub struct Member {
    pub instance: String,
    pub zone: Zone,
    pub lifecycle: Lifecycle,
    pub healthy: bool,
    pub protected: bool,
    /// How many capacity units it counts for, where the group's instances are weighted.
    pub weight: Option<u32>,
    pub route: Route,
    /// The launch template that it was launched from, with the version's number.
    pub template: Option<Value>,
    pub joined: Instant,
    pub in_service: Option<Instant>,
    pub actions: Vec<Action>,
    /// The ID of the scaling activity under way for it.
    pub activity: Option<String>,
}

/// A warm pool's configuration.
#[derive(Clone, Debug)]
pub struct WarmPool {
    pub min: u32,
    /// How many instances group and pool may hold together; `None` is the group's maximum size.
    pub prepared: Option<u32>,
    /// Whether its instances are stopped while they wait; otherwise they keep running.
    pub stopped: bool,
    /// Whether it takes instances back on scale-in.
    pub reuses: bool,
    pub deleting: bool,
}

/// The pause between launches that fail in a row.
#[derive(Default)]
pub struct Backoff {
    pub failures: u32,
    pub until: Option<Instant>,
}

impl Group {
    /// Whether a process is suspended (SuspendProcesses).
    pub fn suspends(&self, process: &str) -> bool {
        self.suspended.contains_key(process)
    }

    /// How much of the desired capacity the instances make up: each counts as one, or with its weight (Auto Scaling
    /// user guide, "Use instance weights").
    pub fn count(&self) -> usize {
        let counting = self.members.values().filter(|member| member.lifecycle.counts());
        counting.map(|member| member.weight.unwrap_or(1) as usize).sum()
    }

    /// The weight of a new instance: that of the first instance type of the mixed instances policy.
    pub fn weight(&self) -> Option<u32> {
        let policy = self.shown.get("MixedInstancesPolicy")?;
        policy.pointer("/LaunchTemplate/Overrides/0/WeightedCapacity")?.as_str()?.parse().ok()
    }

    /// How many instances are in the warm pool, or on their way into it.
    pub fn in_warm_pool(&self) -> usize {
        self.members.values().filter(|one| one.lifecycle.is_warm() && !one.lifecycle.is_leaving()).count()
    }

    /// How many instances the warm pool is to hold (API reference, PutWarmPool); 0 without a pool.
    pub fn warm_pool_size(&self) -> usize {
        let pool = self.warm.as_ref().filter(|pool| !pool.deleting);
        let size = |pool: &WarmPool| {
            let prepared = pool.prepared.unwrap_or(self.max);
            prepared.saturating_sub(self.desired).max(pool.min) as usize
        };
        pool.map_or(0, size)
    }

    /// The launch template of new instances: that of a refresh under way, otherwise the group's own.
    pub fn template(&self) -> Option<&Value> {
        let wanted = self.refreshes.last().filter(|refresh| refresh.is_active());
        wanted.and_then(|refresh| refresh.template.as_ref()).or_else(|| self.own_template())
    }

    /// The launch template of the group itself.
    pub fn own_template(&self) -> Option<&Value> {
        let mixed = self.shown.get("MixedInstancesPolicy");
        let mixed = mixed.and_then(|policy| policy.pointer("/LaunchTemplate/LaunchTemplateSpecification"));
        self.shown.get("LaunchTemplate").or(mixed)
    }
}

impl Backoff {
    /// Counts a failed launch. The pause doubles with each failure, up to one hundred times the first pause.
    pub fn fail(&mut self, now: Instant, first: Duration) {
        let factor = 2_u32.saturating_pow(self.failures).min(100);
        self.failures += 1;
        self.until = Some(now + first * factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_between_failing_launches_doubles_up_to_its_cap() {
        let (start, first) = (Instant::now(), Duration::from_secs(1));
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..9)
            .map(|_| {
                backoff.fail(start, first);
                backoff.until.expect("a pause").duration_since(start).as_secs()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
    }
}
