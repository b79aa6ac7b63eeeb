//! Changes that were sent and got no answer: made after all, lapsed, or still possible.

use std::time::Duration;

use crate::change::Change;
use crate::env::listed_under;
use crate::etcd::{Member, MemberList};
use crate::guard::Guard;
use crate::ids::MemberId;
use crate::ledger::{CleanRound, ConditionKey, Edit, UnansweredChange};
use crate::view::View;

/// The two rounds in which every voter answers without the change are further apart than this.
const ROUNDS_APART: Duration = Duration::from_secs(3);

/// Settles every unanswered change of which a linearizable list tells what became of it.
pub fn settle(v: View<'_>) -> Vec<Edit> {
    let Some(list) = v.list() else {
        return Vec::new();
    };
    v.ledger.unanswered.iter().flat_map(|unanswered| settle_one(v, list, unanswered)).collect()
}

fn settle_one(v: View<'_>, list: &MemberList, unanswered: &UnansweredChange) -> Vec<Edit> {
    let settled = |how: &str| Edit::SettleUnanswered(unanswered.change.clone(), how.to_owned());
    match &unanswered.change {
        Change::AddLearner { instance, peer_url } => {
            let ours = |m: &&Member| {
                let named = !m.started() || m.name == instance.as_str();
                m.learner && named && v.ledger.instance_of(m.id).is_none()
            };
            if let Some(member) = listed_under(list, peer_url).filter(ours) {
                let (instance, peer_url) = (instance.clone(), peer_url.clone());
                return vec![
                    Edit::RecordMember { instance, member: member.id, peer_url },
                    settled("made after all"),
                ];
            }
        }
        Change::Promote { member, .. } => match list.get(*member) {
            Some(listed) if !listed.learner => return vec![settled("made after all")],
            None => return vec![settled("impossible: the member is out")],
            Some(_) => {}
        },
        Change::Remove { member, .. } if list.get(*member).is_none() => {
            return vec![Edit::ConditionBegan(ConditionKey::Removed), settled("made after all")];
        }
        _ => {}
    }
    lapse(v, list, unanswered)
}

/// The change has lapsed when every voter of then and of now has answered a linearizable read without it, or is out
/// of the list, or its instance is gone; and that in two rounds more than 3 s apart, both after the request's own
/// deadline.
///
/// A thawed member may hand the change on to a leader that was promoted since: hence the voters of now. That leader
/// may freeze with the change in turn, and another leader is elected: hence both rounds under one leader in one
/// term.
fn lapse(v: View<'_>, list: &MemberList, unanswered: &UnansweredChange) -> Vec<Edit> {
    let now_voting = list.voters().map(|m| m.id);
    let mut everyone = unanswered.voters.iter().copied().chain(now_voting);
    let all_clean = everyone.all(|voter| answered_without(v, list, voter));
    let over = v.allows(Guard::LapsedAfterDeadline, v.now > unanswered.deadline);
    if !over || !v.allows(Guard::LapsedByAll, all_clean) {
        return Vec::new();
    }
    let Some((leader, term)) = v.leader_status().map(|s| (s.member, s.term)) else {
        return Vec::new();
    };
    let under_one =
        |c: &CleanRound| v.allows(Guard::LapsedUnderOneLeader, c.leader == leader && c.term == term);
    let first = unanswered.clean.filter(under_one);
    let apart = first.is_some_and(|c| v.now.since(c.at) > ROUNDS_APART);
    if v.allows(Guard::LapsedTwice, apart) {
        vec![Edit::SettleUnanswered(unanswered.change.clone(), "lapsed".to_owned())]
    } else if first.is_none() {
        vec![Edit::NoteCleanRound { change: unanswered.change.clone(), leader, term }]
    } else {
        Vec::new()
    }
}

/// Whether the list that the voter itself served in this round shows the membership as `list` does, so without the
/// change.
fn answered_without(v: View<'_>, list: &MemberList, voter: MemberId) -> bool {
    let gone = || v.ledger.instance_of(voter).is_some_and(|id| v.gone(id));
    let same = |own: &MemberList| {
        let kinds = |l: &MemberList| {
            let mut all: Vec<_> = l.members.iter().map(|m| (m.id, m.learner)).collect();
            all.sort_unstable();
            all
        };
        kinds(own) == kinds(list)
    };
    list.get(voter).is_none() || gone() || v.served_list(voter).is_some_and(same)
}
