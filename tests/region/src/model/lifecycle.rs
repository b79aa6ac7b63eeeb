//! The states of Auto Scaling's lifecycle.

use std::fmt;

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

impl Lifecycle {
    /// Whether the instance counts towards the desired capacity. An instance whose root volume is replaced
    /// counts: nothing is launched in its place (Auto Scaling user guide, replace root volume).
    pub fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::PendingWait | Self::PendingProceed | Self::InService)
            || self.is_replacing_root_volume()
    }

    /// Whether the instance's root volume is being replaced, or was replaced and the instance is not yet
    /// `Pending`.
    pub fn is_replacing_root_volume(self) -> bool {
        matches!(
            self,
            Self::ReplacingRootVolume
                | Self::ReplacingRootVolumeWait
                | Self::ReplacingRootVolumeProceed
                | Self::RootVolumeReplaced
        )
    }

    /// Whether the instance is on its way out of the group, or retained after that.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_is_what_neither_counts_nor_stands_by() {
        assert!(Lifecycle::TerminatingWait.is_leaving());
        assert!(Lifecycle::WarmedTerminatingWait.is_leaving() && Lifecycle::WarmedTerminatingWait.is_warm());
        assert!(Lifecycle::ReplacingRootVolumeWait.counts() && !Lifecycle::WarmedStopped.counts());
        assert!(!Lifecycle::Standby.is_leaving() && !Lifecycle::Standby.counts());
        assert!(Lifecycle::PendingWait.counts());
    }
}
