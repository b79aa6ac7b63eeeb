//! Groups, their hooks and their instances' places in the lifecycle.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::refresh::Refresh;
use super::replace::Maintenance;
use super::warm::WarmPool;

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
    /// What is stored only to be shown again: launch template, maintenance policy and the like, by AWS's names.
    pub shown: BTreeMap<String, Value>,
    pub retain_on_abandon: bool,
    pub maintenance: Option<Maintenance>,
    /// Processes that somebody suspended, and since when.
    pub suspended: BTreeMap<String, SystemTime>,
    /// Instance refreshes, the newest last; only the last can be under way.
    pub refreshes: Vec<Refresh>,
    pub warm: Option<WarmPool>,
    pub tags: BTreeMap<String, Tag>,
    pub hooks: BTreeMap<String, Hook>,
    /// By instance ID.
    pub members: BTreeMap<String, Member>,
    pub deleting: bool,
    pub backoff: Backoff,
}

/// A place for instances.
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

/// Which way a hook looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    Launching,
    Terminating,
}

/// How a lifecycle action ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Continue,
    Abandon,
}

/// A lifecycle hook.
#[derive(Clone, Debug)]
pub struct Hook {
    pub name: String,
    pub transition: Transition,
    /// Seconds, 30 to 7200.
    pub heartbeat: u32,
    pub default: Outcome,
    pub metadata: Option<String>,
    pub target: Option<String>,
    pub role: Option<String>,
}

/// One pending wait of one instance at one hook.
#[derive(Clone, Debug)]
pub struct Action {
    pub token: String,
    pub hook: Hook,
    pub started: Instant,
    pub beat: Instant,
    /// The real durations of the heartbeat and of the whole wait.
    pub heartbeat: Duration,
    pub cap: Duration,
    pub result: Option<(Outcome, Ended)>,
}

/// What ended an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    ByCall,
    ByTimeout,
}

/// An instance's place in the group's lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    Pending,
    PendingWait,
    PendingProceed,
    InService,
    EnteringStandby,
    Standby,
    Detaching,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
    TerminatingRetained,
    ReplacingRootVolume,
    ReplacingRootVolumeWait,
    ReplacingRootVolumeProceed,
    RootVolumeReplaced,
    WarmedPending,
    WarmedPendingWait,
    WarmedPendingProceed,
    WarmedRunning,
    WarmedStopped,
    WarmedTerminating,
    WarmedTerminatingWait,
    WarmedTerminatingProceed,
}

/// Which way an instance last came on: what its lifecycle events name as their origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Launched for the group.
    Launched,
    /// Launched for the warm pool, or in it.
    Pool,
    /// Out of the warm pool, for the group.
    FromPool,
    /// Its root volume is, or was just, replaced.
    RootVolume,
}

/// An instance in its group.
pub struct Member {
    pub instance: String,
    pub zone: Zone,
    pub lifecycle: Lifecycle,
    pub healthy: bool,
    pub protected: bool,
    pub route: Route,
    /// The launch template it was launched from, with the version's number.
    pub template: Option<Value>,
    pub joined: Instant,
    pub in_service: Option<Instant>,
    pub actions: Vec<Action>,
    /// The scaling activity under way for it.
    pub activity: Option<String>,
}

/// The pause between launches that keep failing.
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

    /// How many instances count towards the desired capacity.
    pub fn count(&self) -> usize {
        self.members.values().filter(|member| member.lifecycle.counts()).count()
    }

    /// What new instances are launched from: the desired configuration of a refresh under way, else the group's own.
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

impl Action {
    /// When it times out: the heartbeat or the cap of the whole wait, whichever is first.
    pub fn deadline(&self) -> Instant {
        (self.beat + self.heartbeat).min(self.started + self.cap)
    }

    /// Whether it can still be completed or kept alive.
    pub fn is_active(&self, now: Instant) -> bool {
        self.result.is_none() && now < self.deadline()
    }
}

impl Backoff {
    /// Counts a failed launch; the pause doubles with each, up to one hundred times the first.
    pub fn fail(&mut self, now: Instant, first: Duration) {
        let factor = 2_u32.saturating_pow(self.failures).min(100);
        self.failures += 1;
        self.until = Some(now + first * factor);
    }
}

impl Lifecycle {
    /// Whether the instance counts towards the desired capacity. One whose root volume is replaced does: nothing is
    /// launched in its place (Auto Scaling user guide, replace root volume).
    pub fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::PendingWait | Self::PendingProceed | Self::InService)
            || self.is_replacing_root_volume()
    }

    /// Whether its root volume is being replaced, or was and it is not back on its way into service.
    pub fn is_replacing_root_volume(self) -> bool {
        matches!(
            self,
            Self::ReplacingRootVolume
                | Self::ReplacingRootVolumeWait
                | Self::ReplacingRootVolumeProceed
                | Self::RootVolumeReplaced
        )
    }

    /// Whether the instance is on its way out, or kept after it.
    pub fn is_leaving(self) -> bool {
        matches!(
            self,
            Self::Terminating
                | Self::TerminatingWait
                | Self::TerminatingProceed
                | Self::TerminatingRetained
                | Self::WarmedTerminating
                | Self::WarmedTerminatingWait
                | Self::WarmedTerminatingProceed
        )
    }

    /// Whether the instance is in the warm pool, on its way into it, or leaving it to be terminated.
    pub fn is_warm(self) -> bool {
        matches!(
            self,
            Self::WarmedPending
                | Self::WarmedPendingWait
                | Self::WarmedPendingProceed
                | Self::WarmedRunning
                | Self::WarmedStopped
                | Self::WarmedTerminating
                | Self::WarmedTerminatingWait
                | Self::WarmedTerminatingProceed
        )
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::PendingProceed => "Pending:Proceed",
            Self::InService => "InService",
            Self::EnteringStandby => "EnteringStandby",
            Self::Standby => "Standby",
            Self::Detaching => "Detaching",
            Self::Terminating => "Terminating",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingProceed => "Terminating:Proceed",
            Self::TerminatingRetained => "Terminating:Retained",
            Self::ReplacingRootVolume => "ReplacingRootVolume",
            Self::ReplacingRootVolumeWait => "ReplacingRootVolume:Wait",
            Self::ReplacingRootVolumeProceed => "ReplacingRootVolume:Proceed",
            Self::RootVolumeReplaced => "RootVolumeReplaced",
            Self::WarmedPending => "Warmed:Pending",
            Self::WarmedPendingWait => "Warmed:Pending:Wait",
            Self::WarmedPendingProceed => "Warmed:Pending:Proceed",
            Self::WarmedRunning => "Warmed:Running",
            Self::WarmedStopped => "Warmed:Stopped",
            Self::WarmedTerminating => "Warmed:Terminating",
            Self::WarmedTerminatingWait => "Warmed:Terminating:Wait",
            Self::WarmedTerminatingProceed => "Warmed:Terminating:Proceed",
        })
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Launching => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Self::Terminating => "autoscaling:EC2_INSTANCE_TERMINATING",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        })
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

    #[test]
    fn leaving_is_what_neither_counts_nor_stands_by() {
        assert!(Lifecycle::TerminatingWait.is_leaving());
        assert!(Lifecycle::WarmedTerminatingWait.is_leaving() && Lifecycle::WarmedTerminatingWait.is_warm());
        assert!(Lifecycle::ReplacingRootVolumeWait.counts() && !Lifecycle::WarmedStopped.counts());
        assert!(!Lifecycle::Standby.is_leaving() && !Lifecycle::Standby.counts());
        assert!(Lifecycle::PendingWait.counts());
    }
}
