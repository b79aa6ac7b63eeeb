//! The kinds of fault, as they are dealt and counted.

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Etcd killed.
    EtcdKilled,
    /// Paused.
    Paused,
    /// Majority frozen.
    MajorityFrozen,
    /// Link cut.
    LinkCut,
    /// Isolated.
    Isolated,
    /// Hidden from the functions.
    Hidden,
    /// Slow disk.
    SlowDisk,
    /// Full disk.
    FullDisk,
    /// Power cut.
    PowerCut,
    /// Disk lost.
    DiskLost,
    /// Ended by EC2.
    EndedOutright,
    /// Terminated in order.
    Terminated,
    /// Events disturbed.
    EventsDisturbed,
    /// Schedule stopped.
    ScheduleStopped,
    /// Functions killed.
    FunctionsKilled,
    /// API throttled.
    Throttled,
    /// API failing.
    Failing,
    /// API slow.
    Slow,
    /// API hanging.
    Hanging,
    /// Answers lost.
    AnswersLost,
    /// Scaled.
    Scaled,
    /// Refreshed.
    Refreshed,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 22] = [
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
    ];

    /// In words.
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
        }
    }
}
