//! Quorum arithmetic over proven voters, with every unanswered change both made and not made.
//!
//! etcd's strict reconfiguration check counts connections, and from 3.5 on it does not see a frozen voter: with one
//! frozen voter of three it lets a live one be removed, and the quorum is lost (tried on 3.5 to 3.7). So this
//! arithmetic is ours. A voter that did not answer just now counts as down, and an etcd that accepts a change proves
//! nothing.

use std::collections::BTreeSet;

use crate::ids::MemberId;

/// How many of `voters` voters are a majority (the raft paper, "The Raft consensus algorithm").
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// A change of the electorate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoterChange {
    /// One more voter.
    Add(MemberId),
    /// One voter less.
    Remove(MemberId),
}

/// With more unanswered changes than this, every change is refused. Each unanswered change doubles the number of
/// worlds in which the arithmetic has to hold. With one change in flight at a time the number is never reached.
pub const MAX_UNANSWERED: usize = 8;

/// Who votes, who has just answered, and what may still happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Electorate {
    /// The voters of the member list.
    pub voters: BTreeSet<MemberId>,
    /// The members that have just proven themselves, voters and learners.
    pub proven: BTreeSet<MemberId>,
    /// The changes of the electorate that were sent and got no answer.
    pub unanswered: Vec<VoterChange>,
}

/// How many voters have just proven themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumCount {
    /// The proven voters.
    pub proven: usize,
    /// All voters of the member list.
    pub voters: usize,
}

impl Electorate {
    /// How many of the voters are proven.
    pub fn count(&self) -> QuorumCount {
        let proven = self.voters.intersection(&self.proven).count();
        QuorumCount { proven, voters: self.voters.len() }
    }

    /// Whether the proven voters are a majority, by the list as it stands.
    pub fn has_quorum(&self) -> bool {
        margin(&self.voters, &self.proven) >= 0
    }

    /// Whether a majority is proven before and after the change, whatever becomes of the unanswered changes. Where an
    /// unanswered change alone would cost the majority, the change must not make it worse.
    pub fn may_change(&self, change: VoterChange) -> bool {
        let keeps = |world: &BTreeSet<MemberId>| {
            let before = margin(world, &self.proven);
            let after = margin(&changed(world, change), &self.proven);
            after >= 0 || (before < 0 && after >= before)
        };
        self.unanswered.len() <= MAX_UNANSWERED
            && self.has_quorum()
            && margin(&changed(&self.voters, change), &self.proven) >= 0
            && self.worlds().iter().all(keeps)
    }

    /// Whether a proven majority is left when this member's instance is killed, whatever becomes of the unanswered
    /// changes.
    pub fn may_lose(&self, member: MemberId) -> bool {
        let mut left = self.proven.clone();
        left.remove(&member);
        self.unanswered.len() <= MAX_UNANSWERED && self.worlds().iter().all(|world| margin(world, &left) >= 0)
    }

    /// How many of the proven voters may be lost without losing the majority, whatever becomes of the unanswered
    /// changes. `None` where a majority is not proven now.
    pub fn may_lose_more(&self) -> Option<usize> {
        if self.unanswered.len() > MAX_UNANSWERED {
            return None;
        }
        let least = self.worlds().iter().map(|world| margin(world, &self.proven)).min();
        least.and_then(|margin| usize::try_from(margin).ok())
    }

    fn worlds(&self) -> Vec<BTreeSet<MemberId>> {
        let mut worlds = vec![self.voters.clone()];
        for unanswered in &self.unanswered {
            let applied: Vec<_> = worlds.iter().map(|world| changed(world, *unanswered)).collect();
            worlds.extend(applied);
        }
        worlds
    }
}

fn changed(voters: &BTreeSet<MemberId>, change: VoterChange) -> BTreeSet<MemberId> {
    let mut voters = voters.clone();
    match change {
        VoterChange::Add(member) => voters.insert(member),
        VoterChange::Remove(member) => voters.remove(&member),
    };
    voters
}

/// Proven voters minus the majority; no voters at all is never enough.
fn margin(voters: &BTreeSet<MemberId>, proven: &BTreeSet<MemberId>) -> i64 {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    count(voters.intersection(proven).count()) - count(majority(voters.len()))
}
