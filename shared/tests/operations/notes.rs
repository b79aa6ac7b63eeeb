//! One wait and one refusal for each code.

use std::time::Duration;

use membership::decision::{QuorumCount, Refusal, Wait};
use membership::ids::Timestamp;
use membership::instance::Transition;
use membership::settings::{Problem, Scheme};

use super::fill::{CLUSTER, FAILURE, MEMBER, MINOR, N, X, change, closed, instance, moment, unreadable, x};

pub fn waits() -> Vec<Wait> {
    vec![
        Wait::GroupNotSeen(x()),
        Wait::LedgerNotSeen(x()),
        Wait::ParametersNotSeen(x()),
        Wait::OwnerNotSeen(x()),
        Wait::OwnerSettles,
        Wait::OwnerMissing,
        Wait::OwnerUnknown(MEMBER),
        Wait::AddressPublished,
        Wait::NoVersionKnown,
        Wait::Claim { request: X.into(), change: change(), until: Timestamp(0) },
        Wait::Seed,
        Wait::List,
        Wait::Quorum(QuorumCount { proven: N, voters: N }),
        Wait::Launch,
        Wait::Turn,
        Wait::Start,
        Wait::StartBelow(MINOR, closed()),
        Wait::CatchUp,
        Wait::FirstVote(MEMBER),
        Wait::Replacement,
        Wait::Leadership,
        Wait::Answer,
        Wait::NotReady(x()),
        Wait::Gone,
        Wait::Grace,
        Wait::OtherHealing(instance()),
        Wait::Unanswered(change()),
        Wait::Second,
        Wait::AbandonedToGo,
        Wait::Formation,
        Wait::Completion,
        Wait::Pause {
            failures: N as u32,
            pause: std::time::Duration::from_secs(N as u64),
            until: Timestamp(0),
        },
        Wait::Snapshot,
        Wait::HostSays(x()),
    ]
}

pub fn refusals() -> Vec<Refusal> {
    vec![
        Refusal::OtherGroup { ledger: x(), seen: x() },
        Refusal::GroupName(x()),
        Refusal::OtherVpc { group: x(), deployment: x() },
        Refusal::OtherOwner { owner: x(), this: x() },
        Refusal::ClusterRenamed { owner: X.into(), tag: X.into() },
        Refusal::LedgerMoved(x()),
        Refusal::Paused,
        Refusal::NoHook(x()),
        Refusal::HookTimeoutShort {
            transition: Transition::Launch,
            timeout: Duration::from_secs(u64::try_from(N).unwrap()),
        },
        Refusal::InServiceWithoutLedger(x()),
        Refusal::TwoClusters(CLUSTER, CLUSTER),
        Refusal::VoterUnseen { voter: MEMBER, heard: x() },
        Refusal::LocalPeerUrl(x()),
        Refusal::OtherCluster(CLUSTER),
        Refusal::AuthenticationNeeded,
        Refusal::Unreadable { what: unreadable(), why: x() },
        Refusal::Corrupt { hashes: x() },
        Refusal::HashesDiffer { hashes: x() },
        Refusal::DiesInDoubt { at: moment() },
        Refusal::NoSpace { members: x() },
        Refusal::UnknownAlarm(x()),
        Refusal::Trouble(x()),
        Refusal::Downgrade(x()),
        Refusal::VersionUnread(x()),
        Refusal::QuorumLost { gone: N, voters: N },
        Refusal::QuorumAtRisk(change()),
        Refusal::DoubtfulVoter(MEMBER),
        Refusal::LastVoter,
        Refusal::UnownedMember,
        Refusal::AddressInUse(MEMBER),
        Refusal::HookTooShort,
        Refusal::GivenUp { said: None },
        Refusal::PortsEqual(N as u16),
        Refusal::PortsChanged { set: x(), served: x() },
        Refusal::PeerScheme { url: x(), scheme: Scheme::Http },
        Refusal::PeerNameUnknown { url: x(), why: x() },
        Refusal::JoinsFail { row: N as u32, cause: FAILURE, said: None },
        Refusal::CallRefused { call: x(), why: x() },
        Refusal::ReadRefused { part: x(), why: x() },
        Refusal::UnclearState,
        Refusal::Retained,
        Refusal::NeededAtDeadline,
        Refusal::EnvWithoutLedger,
        Refusal::PoolTakesBack,
        Refusal::CountsUnits(x()),
        Refusal::EndNotMeant { word: x() },
        Refusal::EndTagWrong { says: x(), right: x() },
        Refusal::DiesWithItsData { at: moment() },
        Refusal::EndedAndRuns,
        Refusal::NoAddress,
        Refusal::Version { version: x(), why: closed() },
    ]
}

pub fn problems() -> Vec<Problem> {
    vec![
        Problem::Unreadable { source: x(), why: x() },
        Problem::NameUnreadable(x()),
        Problem::NameMisspelt { tag: x() },
        Problem::NameTrimmed(X.into()),
        Problem::PausedMisspelt { tag: x() },
        Problem::Defaulted { source: x(), why: x(), default: x() },
        Problem::UnknownTag { tag: x(), nearest: x() },
    ]
}
