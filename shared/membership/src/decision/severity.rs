//! How loudly something is said. This file is the one table of levels; `docs/OPERATIONS.md` and the alarm on ERROR
//! lines lean on it.

use std::fmt;

use serde::Serialize;

use super::{Refusal, Verdict, Wait};

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The ordinary course of things, or what an operator asked for.
    Info,
    /// Somebody should look at it when there is time.
    Warn,
    /// Data or the quorum is lost or at risk, or something that an operator set keeps the functions from the
    /// cluster. The alarm on ERROR lines rings.
    Error,
}

impl Severity {
    /// The level as log lines spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that is said at a level of its own.
pub trait Graded {
    /// How loudly it is said.
    fn severity(&self) -> Severity;
}

impl Graded for Verdict {
    fn severity(&self) -> Severity {
        match self {
            Verdict::Waiting(on) => on.severity(),
            Verdict::Refused(reason) => reason.severity(),
        }
    }
}

/// ERROR where data or the quorum is lost or at risk, where no instance can join any more, or where the whole cluster is left alone and nobody asked for
/// that. INFO where an operator asked for it, or where it ends by itself within seconds. WARN for the rest.
impl Graded for Refusal {
    fn severity(&self) -> Severity {
        match self {
            Refusal::QuorumLost { .. }
            | Refusal::QuorumAtRisk(_)
            | Refusal::NeededAtDeadline
            | Refusal::DiesWithItsData { .. }
            | Refusal::EnvWithoutLedger
            | Refusal::PoolTakesBack
            | Refusal::CountsUnits(_)
            | Refusal::OtherGroup { .. }
            | Refusal::OtherVpc { .. }
            | Refusal::GroupName(_)
            | Refusal::OtherOwner { .. }
            | Refusal::ClusterRenamed { .. }
            | Refusal::NoHook(_)
            | Refusal::InServiceWithoutLedger(_)
            | Refusal::HookTimeoutShort { .. }
            | Refusal::TwoClusters(..)
            | Refusal::OtherCluster(_)
            | Refusal::Unreadable { .. }
            | Refusal::JoinsFail { .. }
            | Refusal::CallRefused { .. }
            | Refusal::ReadRefused { .. }
            | Refusal::Corrupt { .. }
            | Refusal::HashesDiffer { .. }
            | Refusal::DiesInDoubt { .. }
            | Refusal::NoSpace { .. }
            | Refusal::UnknownAlarm(_)
            | Refusal::PortsEqual(_)
            | Refusal::PortsChanged { .. }
            | Refusal::EndedAndRuns => Severity::Error,
            Refusal::VoterUnseen { .. }
            | Refusal::LedgerMoved(_)
            | Refusal::LocalPeerUrl(_)
            | Refusal::PeerScheme { .. }
            | Refusal::PeerNameUnknown { .. }
            | Refusal::AuthenticationNeeded
            | Refusal::Trouble(_)
            | Refusal::Downgrade(_)
            | Refusal::VersionUnread(_)
            | Refusal::DoubtfulVoter(_)
            | Refusal::UnownedMember
            | Refusal::AddressInUse(_)
            | Refusal::HookTooShort
            | Refusal::GivenUp { .. }
            | Refusal::UnclearState
            | Refusal::Retained
            | Refusal::EndNotMeant { .. }
            | Refusal::EndTagWrong { .. }
            | Refusal::Version { .. } => Severity::Warn,
            Refusal::Setting(problem) => problem.severity(),
            Refusal::Paused | Refusal::LastVoter | Refusal::NoAddress => Severity::Info,
        }
    }
}

/// A wait ends by itself. It is a WARN line where something that the functions depend on did not answer.
impl Graded for Wait {
    fn severity(&self) -> Severity {
        match self {
            Wait::GroupNotSeen(_)
            | Wait::OwnerNotSeen(_)
            | Wait::OwnerMissing
            | Wait::LedgerNotSeen(_)
            | Wait::ParametersNotSeen(_)
            | Wait::List
            | Wait::Quorum(_)
            | Wait::HostSays(_) => Severity::Warn,
            Wait::OwnerUnknown(_)
            | Wait::OwnerSettles
            | Wait::AddressPublished
            | Wait::NoVersionKnown
            | Wait::Claim { .. }
            | Wait::Seed
            | Wait::Launch
            | Wait::Turn
            | Wait::Start
            | Wait::StartBelow(..)
            | Wait::CatchUp
            | Wait::Snapshot
            | Wait::FirstVote(_)
            | Wait::Replacement
            | Wait::Leadership
            | Wait::Answer
            | Wait::NotReady(_)
            | Wait::Gone
            | Wait::Grace
            | Wait::OtherHealing(_)
            | Wait::Unanswered(_)
            | Wait::Second
            | Wait::AbandonedToGo
            | Wait::Formation
            | Wait::Completion
            | Wait::Pause { .. } => Severity::Info,
        }
    }
}
