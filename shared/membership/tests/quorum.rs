//! The quorum arithmetic, compared with a slow and obvious twin in every small case; and the cases that it is for.
#![allow(missing_docs)]

use std::collections::BTreeSet;

use membership::ids::MemberId;
use membership::quorum::{Electorate, VoterChange, majority};

/// The twin keeps the voters as a list of plain numbers, and spells out each rule of the arithmetic.
mod twin {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Change {
        Add(u64),
        Remove(u64),
    }

    pub struct Cluster {
        pub voters: Vec<u64>,
        pub proven: Vec<u64>,
        pub unanswered: Vec<Change>,
    }

    fn after(voters: &[u64], change: Change) -> Vec<u64> {
        let mut left: Vec<u64> = voters.to_vec();
        match change {
            Change::Add(who) if !left.contains(&who) => left.push(who),
            Change::Add(_) => {}
            Change::Remove(who) => left.retain(|v| *v != who),
        }
        left
    }

    /// Proven voters minus the majority: how many proven voters may still fail; negative if the majority is lost.
    fn spare(voters: &[u64], proven: &[u64]) -> isize {
        let up = voters.iter().filter(|v| proven.contains(v)).count();
        let fewer = (0..=voters.len()).take_while(|n| 2 * n <= voters.len()).count();
        up as isize - fewer as isize
    }

    /// The voters of each possible world: each unanswered change was applied or not, in the order of sending.
    fn worlds(cluster: &Cluster) -> Vec<Vec<u64>> {
        (0..1u32 << cluster.unanswered.len())
            .map(|landed| {
                let chosen = cluster.unanswered.iter().enumerate().filter(|(i, _)| landed >> i & 1 == 1);
                chosen.fold(cluster.voters.clone(), |voters, (_, unanswered)| after(&voters, *unanswered))
            })
            .collect()
    }

    /// A change is made only if the proven voters are a majority before and after it, in every possible world. In a
    /// world whose majority is lost by the unanswered changes alone, the change may not lower proven − majority.
    pub fn may_change(cluster: &Cluster, change: Change) -> bool {
        let fine = |voters: &[u64]| spare(voters, &cluster.proven) >= 0;
        if !fine(&cluster.voters) || !fine(&after(&cluster.voters, change)) {
            return false;
        }
        worlds(cluster).iter().all(|world| {
            let changed = after(world, change);
            if fine(world) {
                fine(&changed)
            } else {
                spare(&changed, &cluster.proven) >= spare(world, &cluster.proven)
            }
        })
    }

    /// An instance may be ended, by an ABANDON or by the end of its terminate hook, only if the other proven voters
    /// are a majority in every possible world.
    pub fn may_lose(cluster: &Cluster, who: u64) -> bool {
        let others: Vec<u64> = cluster.proven.iter().copied().filter(|p| *p != who).collect();
        worlds(cluster).iter().all(|world| spare(world, &others) >= 0)
    }
}

fn electorate(cluster: &twin::Cluster) -> Electorate {
    let set = |ids: &[u64]| ids.iter().copied().map(MemberId).collect::<BTreeSet<_>>();
    let unanswered = cluster.unanswered.iter().map(|m| change(*m)).collect();
    Electorate { voters: set(&cluster.voters), proven: set(&cluster.proven), unanswered }
}

fn change(of: twin::Change) -> VoterChange {
    match of {
        twin::Change::Add(who) => VoterChange::Add(MemberId(who)),
        twin::Change::Remove(who) => VoterChange::Remove(MemberId(who)),
    }
}

/// Every change of the members 1 to `size` and of a newcomer.
fn changes(size: u64) -> Vec<twin::Change> {
    (1..=size + 1).flat_map(|who| [twin::Change::Add(who), twin::Change::Remove(who)]).collect()
}

fn up_to_two(changes: &[twin::Change]) -> Vec<Vec<twin::Change>> {
    let one = changes.iter().map(|c| vec![*c]);
    let two = changes.iter().flat_map(|a| changes.iter().map(|b| vec![*a, *b]));
    std::iter::once(Vec::new()).chain(one).chain(two).collect()
}

fn subset(size: u64, bits: u32) -> Vec<u64> {
    (1..=size).filter(|who| bits >> (who - 1) & 1 == 1).collect()
}

#[test]
fn the_twin_agrees_on_everything_up_to_five_voters() {
    let mut compared = 0;
    for size in 0..=5 {
        let changes = changes(size);
        for unanswered in up_to_two(&changes) {
            for proven in 0..1 << (size + 1) {
                let voters = subset(size, u32::MAX);
                let cluster = twin::Cluster {
                    voters,
                    proven: subset(size + 1, proven),
                    unanswered: unanswered.clone(),
                };
                let electorate = electorate(&cluster);
                for asked in &changes {
                    let (ours, theirs) =
                        (electorate.may_change(change(*asked)), twin::may_change(&cluster, *asked));
                    assert_eq!(ours, theirs, "{asked:?} of {electorate:?}");
                    compared += 1;
                }
                for who in 1..=size + 1 {
                    let (ours, theirs) = (electorate.may_lose(MemberId(who)), twin::may_lose(&cluster, who));
                    assert_eq!(ours, theirs, "loss of {who} of {electorate:?}");
                    compared += 1;
                }
            }
        }
    }
    // 5 voters and a newcomer: 12 changes, 157 lists of unanswered changes, 64 proven sets, 18 questions.
    assert!(compared > 157 * 64 * 18, "{compared} comparisons are not exhaustive");
}

fn of(voters: &[u64], proven: &[u64], unanswered: &[VoterChange]) -> Electorate {
    let set = |ids: &[u64]| ids.iter().copied().map(MemberId).collect();
    Electorate { voters: set(voters), proven: set(proven), unanswered: unanswered.to_vec() }
}

fn add(who: u64) -> VoterChange {
    VoterChange::Add(MemberId(who))
}

fn remove(who: u64) -> VoterChange {
    VoterChange::Remove(MemberId(who))
}

#[test]
fn majorities() {
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(majority), [1, 1, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn one_to_two_needs_the_second_proven() {
    assert!(of(&[1], &[1, 2], &[]).may_change(add(2)));
    assert!(!of(&[1], &[1], &[]).may_change(add(2)), "etcd allows it, and loses the quorum at once");
}

#[test]
fn two_to_one_needs_both_proven() {
    assert!(of(&[1, 2], &[1, 2], &[]).may_change(remove(2)));
    assert!(
        !of(&[1, 2], &[1], &[]).may_change(remove(2)),
        "one voter of two is no quorum and cannot remove the other"
    );
}

#[test]
fn of_three_voters_with_a_frozen_one_only_the_frozen_voter_may_go() {
    let three = of(&[1, 2, 3], &[1, 2], &[]);
    assert!(!three.may_change(remove(2)), "etcd from 3.5 on accepts it, and loses the quorum");
    assert!(three.may_change(remove(3)));
    assert!(!three.may_lose(MemberId(2)));
    assert!(three.may_lose(MemberId(3)));
}

#[test]
fn the_last_voter_is_never_removed() {
    assert!(!of(&[1], &[1], &[]).may_change(remove(1)));
    assert!(!of(&[1], &[1], &[]).may_lose(MemberId(1)));
}

#[test]
fn without_voters_there_is_no_quorum_and_no_change() {
    assert!(!Electorate::default().has_quorum());
    assert!(!Electorate::default().may_change(add(1)));
}

#[test]
fn the_frozen_messenger_is_not_killed() {
    let three = of(&[1, 2, 3], &[1, 2], &[remove(1)]);
    assert!(
        !three.may_lose(MemberId(3)),
        "story 9, healing the messenger: it may hand the removal of 1 on and then die: one of two voters is left"
    );
}

#[test]
fn a_change_may_only_help_if_an_unanswered_change_alone_would_lose_the_majority() {
    let three = of(&[1, 2, 3], &[1, 2, 4], &[remove(2)]);
    assert!(three.may_change(add(4)));
    assert!(three.may_change(remove(3)));
    assert!(!three.may_change(remove(1)));
    assert!(!of(&[1, 2, 3], &[1, 2], &[remove(2)]).may_change(add(5)), "an unproven newcomer makes it worse");
}

#[test]
fn how_many_more_voters_may_be_lost_is_what_every_loss_of_so_many_leaves() {
    let after = |electorate: &Electorate, lost: u32| {
        let left = electorate.proven.iter().filter(|m| lost >> (m.0 - 1) & 1 == 0).copied().collect();
        Electorate { proven: left, ..electorate.clone() }.may_lose_more().is_some()
    };
    for size in 1..=5_u64 {
        for unanswered in up_to_two(&changes(size)) {
            let cluster = twin::Cluster {
                voters: subset(size, u32::MAX),
                proven: subset(size + 1, u32::MAX),
                unanswered: unanswered.clone(),
            };
            let electorate = electorate(&cluster);
            let Some(count) = electorate.may_lose_more() else { continue };
            let losses = |count: usize| (0..1_u32 << size).filter(move |l| l.count_ones() as usize == count);
            assert!(losses(count).all(|lost| after(&electorate, lost)), "{count} of {electorate:?}");
            assert!(!losses(count + 1).all(|lost| after(&electorate, lost)), "{count} of {electorate:?}");
        }
    }
    assert_eq!(of(&[1, 2, 3], &[1, 2], &[]).may_lose_more(), Some(0));
    assert_eq!(of(&[1, 2, 3], &[1], &[]).may_lose_more(), None);
    assert_eq!(Electorate::default().may_lose_more(), None);
}
