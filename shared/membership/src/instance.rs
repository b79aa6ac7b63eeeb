//! Instances of the group, as Auto Scaling and EC2 describe them (EC2 Auto Scaling user guide, "Instance lifecycle").

use serde::Serialize;

use crate::ids::{InstanceId, Timestamp};
use crate::settings::Settings;

/// Which way a lifecycle action leads: into service, or out of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transition {
    /// The instance launches.
    Launch,
    /// The instance terminates, or its root volume is about to be replaced.
    Terminate,
}

impl Transition {
    /// Both transitions.
    pub const BOTH: [Transition; 2] = [Transition::Launch, Transition::Terminate];

    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Transition::Launch => "launch",
            Transition::Terminate => "terminate",
        }
    }
}

/// Where Auto Scaling says an instance stands. An unknown state is kept as text and never guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Lifecycle {
    /// Launching; no hook waits yet.
    Pending,
    /// The launch hook waits.
    PendingWait,
    /// The launch hook was completed.
    PendingProceed,
    /// In service.
    InService,
    /// In `Standby`, or on the way there. It still counts towards the desired capacity.
    Standby,
    /// Terminating; no hook waits yet, or no hook will.
    Terminating,
    /// The terminate hook waits.
    TerminatingWait,
    /// The terminate hook was completed.
    TerminatingProceed,
    /// `Terminating:Retained`: the termination was abandoned and the instance lives on.
    Retained,
    /// `Terminated` for Auto Scaling. EC2 has the last word.
    Terminated,
    /// Detaching or detached.
    Detached,
    /// The root volume is being replaced: ID and address stay, the disk is lost. The group launches nothing in its
    /// place.
    ReplacingRootVolume,
    /// The root volume is to be replaced, and the terminate hook waits before that.
    ReplacingRootVolumeWait,
    /// In a warm pool, or on the way into or out of it, with the hook that waits there.
    Warmed(WarmHook),
    /// In a warm pool, or on the way into it, after it was a member: the group took it back on scale-in. AWS tells no
    /// state for that, so it is never read: it is worked out from the ledger.
    Pooled {
        /// Whether the terminate hook waits.
        hook: bool,
    },
    /// A state that this version does not know, in AWS's spelling.
    Other(String),
}

/// The hook that waits for an instance of a warm pool. At `Warmed:Pending:Wait` the launch hook holds an instance on
/// its way from EC2, and the terminate hook one on its way back from the group (EC2 Auto Scaling user guide, "Use
/// lifecycle hooks with a warm pool"). The state alone does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum WarmHook {
    /// No hook waits.
    None,
    /// The launch hook waits.
    Launch,
    /// The terminate hook waits.
    Terminate,
}

impl Lifecycle {
    /// Reads the state as `DescribeAutoScalingGroups` spells it.
    pub fn parse(text: &str) -> Lifecycle {
        match text {
            "Pending" => Lifecycle::Pending,
            "Pending:Wait" => Lifecycle::PendingWait,
            "Pending:Proceed" => Lifecycle::PendingProceed,
            "InService" => Lifecycle::InService,
            "EnteringStandby" | "Standby" => Lifecycle::Standby,
            "Terminating" => Lifecycle::Terminating,
            "Terminating:Wait" => Lifecycle::TerminatingWait,
            "Terminating:Proceed" => Lifecycle::TerminatingProceed,
            "Terminating:Retained" => Lifecycle::Retained,
            "Terminated" => Lifecycle::Terminated,
            "Detaching" | "Detached" => Lifecycle::Detached,
            "ReplacingRootVolume:Wait" => Lifecycle::ReplacingRootVolumeWait,
            _ if text.contains("RootVolume") => Lifecycle::ReplacingRootVolume,
            "Warmed:Pending:Wait" => Lifecycle::Warmed(WarmHook::Launch),
            "Warmed:Terminating:Wait" => Lifecycle::Warmed(WarmHook::Terminate),
            _ if text.starts_with("Warmed:") => Lifecycle::Warmed(WarmHook::None),
            _ => Lifecycle::Other(text.to_owned()),
        }
    }

    /// The state as `DescribeAutoScalingGroups` spells it. Where several states are one here, the common part.
    pub fn name(&self) -> &str {
        match self {
            Lifecycle::Pending => "Pending",
            Lifecycle::PendingWait => "Pending:Wait",
            Lifecycle::PendingProceed => "Pending:Proceed",
            Lifecycle::InService => "InService",
            Lifecycle::Standby => "Standby",
            Lifecycle::Terminating => "Terminating",
            Lifecycle::TerminatingWait => "Terminating:Wait",
            Lifecycle::TerminatingProceed => "Terminating:Proceed",
            Lifecycle::Retained => "Terminating:Retained",
            Lifecycle::Terminated => "Terminated",
            Lifecycle::Detached => "Detached",
            Lifecycle::ReplacingRootVolume => "ReplacingRootVolume",
            Lifecycle::ReplacingRootVolumeWait => "ReplacingRootVolume:Wait",
            Lifecycle::Warmed(WarmHook::None) => "Warmed",
            Lifecycle::Warmed(WarmHook::Launch) => "Warmed:Pending:Wait",
            Lifecycle::Pooled { .. } => "Warmed",
            Lifecycle::Warmed(WarmHook::Terminate) => "Warmed:Terminating:Wait",
            Lifecycle::Other(text) => text,
        }
    }
}

/// What EC2 says of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Ec2State {
    /// `pending` or `running`.
    Running,
    /// `shutting-down`, `stopping` or `stopped`: neither gone nor usable.
    Stopping,
    /// `terminated`. EC2 still tells it for a while when it is asked with a filter.
    Terminated,
    /// EC2 does not list the instance.
    Absent,
}

/// One instance, from both services.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Instance {
    /// The EC2 instance ID.
    pub id: InstanceId,
    /// The lifecycle state. `None` when the group does not list the instance.
    pub lifecycle: Option<Lifecycle>,
    /// What EC2 says of the machine.
    pub ec2_state: Ec2State,
    /// The private IPv4 address. `None` while EC2 tells none.
    pub address: Option<String>,
    /// When EC2 launched the instance, by EC2's clock.
    pub launched_at: Timestamp,
    /// Whether the group counts it as healthy.
    pub healthy: bool,
    /// What it was launched from: the launch template with its version, and the image. Empty where that is not known.
    pub origin: String,
}

/// The state of an instance, as far as the rules tell states apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// Launching; the launch hook was not reached yet, or was completed.
    Launching,
    /// Launching, and the launch hook waits.
    LaunchWaiting,
    /// In service.
    InService,
    /// In standby.
    Standby,
    /// On its way out, and still there.
    Leaving {
        /// Whether the terminate hook waits.
        hook: bool,
        /// Whether the group retained the instance (`Terminating:Retained`).
        retained: bool,
    },
    /// In a warm pool, with the hook that waits there.
    Warm(WarmHook),
    /// In a lifecycle state that this version does not know.
    Unclear,
    /// Neither service lists the instance, or EC2 says that it is terminated.
    Missing,
}

impl InstanceState {
    /// Whether the instance counts towards the desired capacity (`Pending*`, `InService`, `Standby`).
    pub fn stays(self) -> bool {
        matches!(
            self,
            InstanceState::Launching
                | InstanceState::LaunchWaiting
                | InstanceState::InService
                | InstanceState::Standby
        )
    }

    /// Whether the instance is launching, whether or not its hook waits.
    pub fn launches(self) -> bool {
        matches!(self, InstanceState::Launching | InstanceState::LaunchWaiting)
    }

    /// Whether the instance is on its way out and still there.
    pub fn leaves(self) -> bool {
        matches!(self, InstanceState::Leaving { .. })
    }
}

impl Instance {
    /// The state of the instance. EC2's `terminated` outranks whatever the group still says.
    pub fn state(&self) -> InstanceState {
        if self.ec2_state == Ec2State::Terminated {
            return InstanceState::Missing;
        }
        match &self.lifecycle {
            None if self.ec2_state == Ec2State::Absent => InstanceState::Missing,
            // The machine runs and the group does not list it: it was detached, or force-deleted from the group.
            None | Some(Lifecycle::Detached) => InstanceState::Leaving { hook: false, retained: false },
            Some(Lifecycle::Pending | Lifecycle::PendingProceed) => InstanceState::Launching,
            Some(Lifecycle::PendingWait) => InstanceState::LaunchWaiting,
            Some(Lifecycle::InService) => InstanceState::InService,
            Some(Lifecycle::Standby) => InstanceState::Standby,
            Some(Lifecycle::TerminatingWait | Lifecycle::ReplacingRootVolumeWait) => {
                InstanceState::Leaving { hook: true, retained: false }
            }
            Some(Lifecycle::Retained) => InstanceState::Leaving { hook: false, retained: true },
            Some(Lifecycle::Terminating | Lifecycle::TerminatingProceed | Lifecycle::Terminated)
            | Some(Lifecycle::ReplacingRootVolume) => InstanceState::Leaving { hook: false, retained: false },
            Some(Lifecycle::Warmed(hook)) => InstanceState::Warm(*hook),
            Some(Lifecycle::Pooled { hook }) => InstanceState::Leaving { hook: *hook, retained: false },
            Some(Lifecycle::Other(_)) => InstanceState::Unclear,
        }
    }

    /// Whether a terminate hook waits for this instance, dead or alive. The hook also waits before a new root volume
    /// (EC2 Auto Scaling user guide, "Replace root volumes during instance refresh").
    pub fn terminate_hook_waits(&self) -> bool {
        matches!(
            self.lifecycle,
            Some(
                Lifecycle::TerminatingWait
                    | Lifecycle::ReplacingRootVolumeWait
                    | Lifecycle::Pooled { hook: true }
            )
        )
    }

    /// Whether its termination waits, and an ABANDON retains it where the group's policy says so (EC2 Auto Scaling user
    /// guide, "Control instance retention with instance lifecycle policies").
    pub fn may_be_retained(&self) -> bool {
        self.lifecycle == Some(Lifecycle::TerminatingWait)
    }

    /// Whether the instance loses its disk and comes back in its own place. Nothing is launched for it.
    pub fn comes_back(&self) -> bool {
        matches!(self.lifecycle, Some(Lifecycle::ReplacingRootVolume | Lifecycle::ReplacingRootVolumeWait))
    }

    /// Whether the hook of this transition waits for this instance, dead or alive.
    pub fn hook_waits(&self, transition: Transition) -> bool {
        match transition {
            Transition::Launch => self.launch_hook_waits(),
            Transition::Terminate => self.terminate_hook_waits(),
        }
    }

    /// The transition whose hook waits for this instance, dead or alive.
    pub fn waiting_hook(&self) -> Option<Transition> {
        [Transition::Launch, Transition::Terminate].into_iter().find(|t| self.hook_waits(*t))
    }

    /// Whether a launch hook waits for this instance, dead or alive.
    pub fn launch_hook_waits(&self) -> bool {
        self.lifecycle == Some(Lifecycle::PendingWait)
    }

    /// The client URL that the instance's etcd serves. `None` without an address.
    pub fn client_url(&self, settings: &Settings) -> Option<String> {
        let address = self.address.as_ref()?;
        Some(format!("{}://{}:{}", settings.scheme.as_str(), address, settings.client_port))
    }

    /// The peer URL that the instance's etcd serves. `None` without an address.
    pub fn peer_url(&self, settings: &Settings) -> Option<String> {
        let address = self.address.as_ref()?;
        Some(format!("{}://{}:{}", settings.scheme.as_str(), address, settings.peer_port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_named_as_it_was_spelled() {
        for text in [
            "Pending",
            "Pending:Wait",
            "Pending:Proceed",
            "InService",
            "Standby",
            "Terminating",
            "Terminating:Wait",
            "Terminating:Proceed",
            "Terminating:Retained",
            "Terminated",
            "Detached",
            "ReplacingRootVolume",
            "ReplacingRootVolume:Wait",
            "Warmed:Pending:Wait",
            "Warmed:Terminating:Wait",
            "Quarantined",
        ] {
            assert_eq!(Lifecycle::parse(text).name(), text);
        }
        assert_eq!(Lifecycle::parse("Warmed:Hibernated").name(), "Warmed");
    }

    #[test]
    fn in_no_group_it_is_missing_only_once_ec2_does_not_know_it_either() {
        let of = |ec2_state| {
            let (id, launched_at) = (InstanceId::from("i-1234abcd"), Timestamp(0));
            Instance {
                id,
                lifecycle: None,
                ec2_state,
                address: None,
                launched_at,
                healthy: true,
                origin: String::new(),
            }
            .state()
        };
        let leaves = InstanceState::Leaving { hook: false, retained: false };
        assert_eq!(
            (of(Ec2State::Absent), of(Ec2State::Terminated)),
            (InstanceState::Missing, InstanceState::Missing)
        );
        assert_eq!((of(Ec2State::Running), of(Ec2State::Stopping)), (leaves, leaves));
    }
}
