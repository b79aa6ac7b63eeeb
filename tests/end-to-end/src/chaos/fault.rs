//! The faults, as data. A fault names a role; the instance that has the role is looked up when the fault
//! begins.

use std::fmt;
use std::time::Duration;

use super::kind::Kind;

/// Which instance a fault hits: its role at the moment when the fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The instance whose member leads.
    Leader,
    /// An instance that does not lead, by its place among all of these.
    Follower(usize),
    /// An instance that is launching or leaving; if there is none, an instance that does not lead.
    InTransition(usize),
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL to etcd; its unit starts it again.
    KillEtcd(Role),
    /// SIGSTOP to everything on an instance.
    Pause(Role),
    /// As many voters as make a majority are paused at once.
    FreezeMajority,
    /// Packets between two instances are dropped.
    CutLink {
        /// One end of the link.
        from: Role,
        /// The other end.
        to: Role,
        /// Whether only packets from `from` are dropped.
        one_way: bool,
    },
    /// An instance is cut off from all other instances.
    Isolate(Role),
    /// The functions cannot reach an instance's etcd; its peers can.
    Hide(Role),
    /// Each sync of the disk takes this many milliseconds longer.
    SlowDisk(Role, u64),
    /// The disk is full.
    FillDisk(Role),
    /// The power is cut: all processes die, and the disk is gone.
    CutPower(Role),
    /// The disk is lost, and the instance boots again with an empty one.
    WipeDisk(Role),
    /// EC2 terminates the instance: it is dead before any hook runs.
    EndOutright(Role),
    /// The group terminates the instance in order, and replaces it.
    Terminate(Role),
    /// How events are delivered: `twice`, `late`, `reordered` or `never`.
    Events(&'static str),
    /// The schedule invokes nothing.
    StopSchedule,
    /// Functions are killed at one of their outgoing calls.
    KillFunctions {
        /// The number of the call, counted from 1.
        call: u64,
        /// `before` the call is passed on, or `after` it took effect.
        when: &'static str,
        /// How many functions are killed.
        times: u64,
    },
    /// The functions' calls to a service are disturbed.
    Api {
        /// `autoscaling`, `ec2`, `ssm`, `s3`, `etcd` or `*`.
        service: &'static str,
        /// How they are disturbed.
        effect: Effect,
        /// How many of a hundred calls are disturbed.
        percent: u64,
    },
    /// The desired capacity is this much higher for a while.
    Scale(i32),
    /// An instance refresh replaces every instance.
    Refresh {
        /// Whether it launches a replacement before it terminates an instance, or terminates first.
        launch_first: bool,
    },
    /// The group's minimum, maximum and desired size are 0 for a while, and no tag means the end of the cluster.
    Night,
    /// The group's tag `etcd-asg:paused` has a value for a while that nobody can read.
    Unreadable,
}

/// How a call of an API is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call is refused with the service's own throttling error.
    Throttle,
    /// The call has no effect and is answered with an error.
    Fail,
    /// The call goes on after this many milliseconds.
    Delay(u64),
    /// The call has no effect and is never answered.
    Hang,
    /// The call takes effect, and its answer is lost.
    LoseAnswer,
}

impl Fault {
    /// The kind of this fault.
    pub fn kind(&self) -> Kind {
        match self {
            Self::KillEtcd(_) => Kind::EtcdKilled,
            Self::Pause(_) => Kind::Paused,
            Self::FreezeMajority => Kind::MajorityFrozen,
            Self::CutLink { .. } => Kind::LinkCut,
            Self::Isolate(_) => Kind::Isolated,
            Self::Hide(_) => Kind::Hidden,
            Self::SlowDisk(..) => Kind::SlowDisk,
            Self::FillDisk(_) => Kind::FullDisk,
            Self::CutPower(_) => Kind::PowerCut,
            Self::WipeDisk(_) => Kind::DiskLost,
            Self::EndOutright(_) => Kind::EndedOutright,
            Self::Terminate(_) => Kind::Terminated,
            Self::Events(_) => Kind::EventsDisturbed,
            Self::StopSchedule => Kind::ScheduleStopped,
            Self::KillFunctions { .. } => Kind::FunctionsKilled,
            Self::Api { effect, .. } => match effect {
                Effect::Throttle => Kind::Throttled,
                Effect::Fail => Kind::Failing,
                Effect::Delay(_) => Kind::Slow,
                Effect::Hang => Kind::Hanging,
                Effect::LoseAnswer => Kind::AnswersLost,
            },
            Self::Scale(_) => Kind::Scaled,
            Self::Refresh { .. } => Kind::Refreshed,
            Self::Night => Kind::Night,
            Self::Unreadable => Kind::Unreadable,
        }
    }

    /// How many members the fault may keep from voting while it lasts. `None`: as many as the plan allows.
    pub fn silences(&self) -> Option<usize> {
        match self {
            Self::FreezeMajority => None,
            Self::KillEtcd(_)
            | Self::Pause(_)
            | Self::CutLink { .. }
            | Self::Isolate(_)
            | Self::Hide(_)
            | Self::SlowDisk(..)
            | Self::FillDisk(_)
            | Self::CutPower(_)
            | Self::WipeDisk(_)
            | Self::EndOutright(_) => Some(1),
            Self::Terminate(_)
            | Self::Events(_)
            | Self::StopSchedule
            | Self::KillFunctions { .. }
            | Self::Api { .. }
            | Self::Scale(_)
            | Self::Refresh { .. }
            | Self::Night
            | Self::Unreadable => Some(0),
        }
    }

    /// Whether no second fault of this kind may begin while it lasts, because the end of the first would undo
    /// the second.
    pub fn is_single(&self) -> bool {
        matches!(self, Self::Events(_) | Self::StopSchedule | Self::Refresh { .. } | Self::Unreadable)
            || self.sets_the_size()
    }

    /// Whether neither may begin while the other lasts.
    pub fn excludes(&self, other: &Fault) -> bool {
        self.is_single() && self.kind() == other.kind() || self.sets_the_size() && other.sets_the_size()
    }

    fn sets_the_size(&self) -> bool {
        matches!(self, Self::Scale(_) | Self::Night)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())?;
        match self {
            Self::CutLink { one_way: true, .. } => f.write_str(", one way"),
            Self::SlowDisk(_, millis) => write!(f, ", by {millis} ms"),
            Self::Events(delivery) => write!(f, ": {delivery}"),
            Self::KillFunctions { call, when, times } => write!(f, ", {times}, {when} call {call}"),
            Self::Api { service, effect, percent } => {
                let all = if *service == "*" { "all" } else { service };
                write!(f, ": {all}, {percent} %")?;
                if let Effect::Delay(millis) = effect { write!(f, ", by {millis} ms") } else { Ok(()) }
            }
            Self::Scale(more) => write!(f, " up by {more}"),
            Self::Refresh { launch_first: true } => f.write_str(", launching first"),
            Self::Refresh { launch_first: false } => f.write_str(", terminating first"),
            _ => Ok(()),
        }
    }
}

/// A fault, when it begins, and how long it lasts. A fault that happens once, such as a power cut, also
/// lasts: for that time the plan counts it as a member that cannot vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it begins, counted from the beginning of the plan.
    pub start: Duration,
    /// How long it lasts until it is healed.
    pub lasts: Duration,
    /// The fault.
    pub fault: Fault,
}

impl Step {
    /// When it is healed, counted from the beginning of the plan.
    pub fn end(&self) -> Duration {
        self.start + self.lasts
    }
}
