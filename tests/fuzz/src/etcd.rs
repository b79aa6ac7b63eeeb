//! The answers of etcd's gateway.

use membership::alarm::Alarm;
use membership::etcd::{MemberList, Status};
use membership::ids::MemberId;
use serde::de::DeserializeOwned;

use answer::{Added, Failure, HashAnswer, Members, Ranged, StatusAnswer};
use message::{Meaning, Operation, meaning};

#[path = "../../../shared/src/adapters/etcd/answer.rs"]
mod answer;
#[path = "../../../shared/src/adapters/etcd/message.rs"]
#[allow(dead_code, reason = "the paths are the client's")]
mod message;

const OPERATIONS: [Operation; 9] = [
    Operation::Status,
    Operation::Range,
    Operation::List,
    Operation::HashKeys,
    Operation::Add,
    Operation::Promote,
    Operation::Remove,
    Operation::MoveLeader,
    Operation::GrantLease,
];

/// Any call may get any answer.
pub fn answers(data: &[u8]) {
    if let Some(answer) = read::<StatusAnswer>(data) {
        let status = Status::from(answer);
        assert_ne!(status.leader, Some(MemberId(0)), "no leader is read as a leader");
        assert!(status.troubles.iter().all(|words| Alarm::parse(words).is_none()), "{:?}", status.troubles);
    }
    if let Some(answer) = read::<Members>(data) {
        well_formed(&MemberList::from(answer));
    }
    if let Some(answer) = read::<Added>(data) {
        let (_, list): (MemberId, MemberList) = answer.into();
        well_formed(&list);
        assert!(read::<Members>(data).is_some(), "an addition's answer holds a list");
    }
    if let Some(answer) = read::<Ranged>(data) {
        let _ = answer.served_by();
    }
    if let Some(answer) = read::<HashAnswer>(data) {
        assert_eq!(answer.at(7).revision, 7);
    }
    if let Some(failure) = Failure::parse(data) {
        OPERATIONS.iter().for_each(|operation| understood(*operation, &failure));
    }
}

fn read<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    serde_json::from_slice(data).ok()
}

fn well_formed(list: &MemberList) {
    let (voters, learners) = (list.voters().count(), list.learners().count());
    assert_eq!(voters + learners, list.members.len());
    list.members.iter().for_each(|m| assert!(list.get(m.id).is_some(), "{} is listed and not found", m.id));
}

/// A message that is not known leaves a change open. Only a removal and a promotion can be done already.
fn understood(operation: Operation, failure: &Failure) {
    let found = meaning(operation, &failure.message, failure.code);
    let known = failure.message.is_ascii() && failure.message.len() < 100;
    let unread = matches!(failure.code, Some(3 | 12));
    if !known && !unread {
        assert_eq!(found, Meaning::Unanswered, "{:?} counts as a message of etcd", failure.message);
    }
    if found == Meaning::AlreadyDone {
        assert!(matches!(operation, Operation::Remove | Operation::Promote), "{operation:?}");
    }
}
