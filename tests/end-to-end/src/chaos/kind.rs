//! The kinds of fault. Kinds are what a deck has and what the report counts.

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// etcd is killed with SIGKILL; its unit starts it again.
    EtcdKilled,
    /// All processes of an instance are stopped.
    Paused,
    /// All processes on a majority of the voters' instances are stopped.
    MajorityFrozen,
    /// Packets between two instances are dropped.
    LinkCut,
    /// An instance is cut off from all other instances.
    Isolated,
    /// The functions cannot reach an instance's etcd.
    Hidden,
    /// Each sync of a disk takes longer.
    SlowDisk,
    /// A disk is full.
    FullDisk,
    /// All processes of an instance die, and its disk is gone.
    PowerCut,
    /// An instance boots again with an empty disk.
    DiskLost,
    /// EC2 terminates an instance before any hook runs.
    EndedOutright,
    /// The group terminates an instance, and its hook runs.
    Terminated,
    /// Events come twice, late, in another order, or never.
    EventsDisturbed,
    /// The schedule invokes nothing.
    ScheduleStopped,
    /// Functions are killed at one of their calls.
    FunctionsKilled,
    /// Calls are refused with a throttling error.
    Throttled,
    /// Calls are answered with an error.
    Failing,
    /// Calls go on only after a while.
    Slow,
    /// Calls are never answered, and have no effect.
    Hanging,
    /// Calls take effect, and their answers are lost.
    AnswersLost,
    /// The desired capacity is higher for a while.
    Scaled,
    /// An instance refresh replaces every instance.
    Refreshed,
    /// The group's sizes are 0 for a while.
    Night,
    /// A setting of the group cannot be read for a while.
    Unreadable,
}

impl Kind {
    /// Every kind, in the order of the report.
    pub const ALL: [Self; 24] = [
        Self::EtcdKilled,
        Self::Paused,
        Self::MajorityFrozen,
        Self::LinkCut,
        Self::Isolated,
        Self::Hidden,
        Self::SlowDisk,
        Self::FullDisk,
        Self::PowerCut,
        Self::DiskLost,
        Self::EndedOutright,
        Self::Terminated,
        Self::EventsDisturbed,
        Self::ScheduleStopped,
        Self::FunctionsKilled,
        Self::Throttled,
        Self::Failing,
        Self::Slow,
        Self::Hanging,
        Self::AnswersLost,
        Self::Scaled,
        Self::Refreshed,
        Self::Night,
        Self::Unreadable,
    ];

    /// The name of the kind in the account and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::EtcdKilled => "etcd killed",
            Self::Paused => "paused",
            Self::MajorityFrozen => "majority frozen",
            Self::LinkCut => "link cut",
            Self::Isolated => "isolated",
            Self::Hidden => "hidden from the functions",
            Self::SlowDisk => "slow disk",
            Self::FullDisk => "full disk",
            Self::PowerCut => "power cut",
            Self::DiskLost => "disk lost",
            Self::EndedOutright => "ended by EC2",
            Self::Terminated => "terminated in order",
            Self::EventsDisturbed => "events disturbed",
            Self::ScheduleStopped => "schedule stopped",
            Self::FunctionsKilled => "functions killed",
            Self::Throttled => "API throttled",
            Self::Failing => "API failing",
            Self::Slow => "API slow",
            Self::Hanging => "API hanging",
            Self::AnswersLost => "answers lost",
            Self::Scaled => "scaled",
            Self::Refreshed => "refreshed",
            Self::Night => "night at size 0",
            Self::Unreadable => "setting unreadable",
        }
    }
}
