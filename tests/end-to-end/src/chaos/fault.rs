//! What can be done to a cluster, as data: no instance is named before the moment comes.

use std::fmt;
use std::time::Duration;

use super::kind::Kind;

/// Whom a fault strikes, told by the part it plays at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The instance whose member leads.
    Leader,
    /// One of the others, by its place among them.
    Follower(usize),
    /// An instance that is on its way in or out, if there is one; else one of the others.
    Passing(usize),
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL to etcd; its unit starts it again.
    KillEtcd(Who),
    /// SIGSTOP to everything on an instance.
    Pause(Who),
    /// As many voters as make a majority are paused at once.
    FreezeMajority,
    /// What two instances send to each other is dropped.
    CutLink {
        /// One end.
        from: Who,
        /// The other.
        to: Who,
        /// Only what `from` sends.
        one_way: bool,
    },
    /// An instance is cut off from all others.
    Isolate(Who),
    /// An instance's etcd does not answer the functions, whom it hears as before.
    Hide(Who),
    /// Each sync takes so many milliseconds longer.
    SlowDisk(Who, u64),
    /// The disk is full.
    FillDisk(Who),
    /// A power cut: the disk is gone.
    CutPower(Who),
    /// The disk is lost; the instance boots again without it.
    WipeDisk(Who),
    /// EC2 ends the instance: it is dead before anyone knows.
    EndOutright(Who),
    /// The group ends the instance in order, and wants another instead.
    Terminate(Who),
    /// How events are delivered: `twice`, `late`, `reordered` or `never`.
    Events(&'static str),
    /// The schedule does not tick.
    StopSchedule,
    /// So many functions are killed at their call of this number.
    KillFunctions {
        /// The number of the call.
        call: u64,
        /// `before` it is passed on, or `after` it took effect.
        when: &'static str,
        /// How many.
        times: u64,
    },
    /// Something happens to the functions' calls.
    Api {
        /// `autoscaling`, `ec2`, `ssm`, `s3`, `etcd` or `*`.
        service: &'static str,
        /// What, and for how many milliseconds where it is slow.
        effect: Effect,
        /// To how many of a hundred.
        percent: u64,
    },
    /// So many instances more are wanted for a while.
    Scale(i32),
    /// An instance refresh replaces every instance, launching first or terminating first.
    Refresh {
        /// Whether more than the desired capacity may run meanwhile.
        launch_first: bool,
    },
}

/// What happens to a call of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is refused with the service's own throttling error.
    Throttle,
    /// It is answered with an error.
    Fail,
    /// It goes on only after so many milliseconds.
    Delay(u64),
    /// It is never answered, and has no effect.
    Hang,
    /// It takes effect, and nobody is told.
    LoseAnswer,
}

impl Fault {
    /// Its kind.
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
        }
    }

    /// How many members it may keep from voting while it lasts; `None`: as many as the plan may.
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
            | Self::Refresh { .. } => Some(0),
        }
    }

    /// Whether another of the same kind must not begin while it lasts: its end would undo the other.
    pub fn is_single(&self) -> bool {
        matches!(self, Self::Events(_) | Self::StopSchedule | Self::Scale(_) | Self::Refresh { .. })
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

/// A fault, when it begins, and how long it lasts; what happens once keeps its place so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// From the beginning of the plan.
    pub start: Duration,
    /// Until it is healed.
    pub lasts: Duration,
    /// What is done.
    pub fault: Fault,
}

impl Step {
    /// When it is healed.
    pub fn end(&self) -> Duration {
        self.start + self.lasts
    }
}
