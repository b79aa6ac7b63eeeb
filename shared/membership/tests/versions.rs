//! Every cluster of up to three versions, and every joiner: the minors that the env lets start, and the learners that
//! are promoted, checked against each fact about versions on its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod common;

use common::scene::{NOW, Scene};
use membership::change::{Change, Effect};
use membership::decide::decide;
use membership::env;
use membership::version::{Minor, Version};

const MEMBERS: [&str; 7] = ["3.4.23", "3.5.31", "3.5.32", "3.6.16", "3.7.3", "3.8.0", "?"];
const JOINERS: [&str; 6] = ["3.4.23", "3.5.31", "3.5.32", "3.6.16", "3.7.3", "3.8.0"];
/// How many entries the log has moved on since the last 3.5 member left; `None` if that is not known.
const MOVED: [Option<u64>; 3] = [None, Some(200), Some(201)];

fn scene(members: &[&str], joiner: &str, moved: Option<u64>) -> Scene {
    let mut text = vec!["group desired=9".to_owned(), "cluster founded=3.5.31".to_owned()];
    for (n, version) in (1..).zip(members) {
        let lead = if n == 1 { " leader" } else { "" };
        let says = if *version == "?" { "silent".to_owned() } else { format!("version={version}") };
        text.push(format!("i-{n} InService voter={n}{lead} {says}"));
    }
    text.push(format!("i-9 Pending:Wait learner=9 {joiner}"));
    text.extend(moved.map(|n| format!("condition version/3.6 ago=60 applied={}", 5000 - n)));
    Scene::parse(&text.join("\n"))
}

/// The minors that the env of a joiner lets start, and the minor that it holds back.
fn open(members: &[&str], moved: Option<u64>) -> (Vec<Minor>, Option<Minor>) {
    let decision = decide(&scene(members, "unstarted unpublished", moved).obs, NOW, None);
    let created = decision.effects.iter().find_map(|e| match e {
        Effect::CreateEnv { env, .. } => Some(env.clone()),
        _ => None,
    });
    let env = created.unwrap_or_else(|| panic!("{members:?}: no env is created"));
    let minors = env::value(&env, "ETCD_ASG_MINORS").unwrap().split(' ');
    let held = env::value(&env, "ETCD_ASG_MINOR_HELD").map(|m| Minor::parse(m).unwrap());
    (minors.map(|m| Minor::parse(m).unwrap()).collect(), held)
}

fn promoted(members: &[&str], joiner: &str, moved: Option<u64>) -> bool {
    let decision = decide(&scene(members, &format!("version={joiner}"), moved).obs, NOW, None);
    decision.proposal.is_some_and(|p| matches!(p.change, Change::Promote { .. }))
}

/// A leader of a known version, alone or with two other members.
fn clusters() -> Vec<Vec<&'static str>> {
    let leaders = MEMBERS.into_iter().filter(|m| *m != "?");
    let two = |leader: &'static str| {
        let pairs = MEMBERS.iter().flat_map(move |a| MEMBERS.iter().map(move |b| vec![leader, *a, *b]));
        pairs.chain([vec![leader]]).collect::<Vec<_>>()
    };
    leaders.flat_map(two).collect()
}

#[test]
fn what_may_start_is_safe_beside_every_member() {
    for (members, moved) in clusters().iter().flat_map(|c| MOVED.map(|moved| (c, moved))) {
        let known: Vec<Version> = members.iter().filter_map(|m| Version::parse(m)).collect();
        let lowest = known.iter().map(|v| v.minor).min().unwrap();
        let (open, held) = open(members, moved);
        let about = format!("{members:?}, moved {moved:?}: {open:?}, held {held:?}");
        assert!(open.contains(&lowest), "the lowest minor may always join: {about}");
        assert!(open.iter().all(|m| *m == lowest || *m == lowest.next()), "one minor at a time: {about}");
        assert_eq!(
            held.is_some(),
            !open.contains(&lowest.next()),
            "the next minor may start or is held: {about}"
        );
        for minor in open.iter().filter(|m| **m != lowest) {
            if *minor == Minor(3, 6) {
                let good = |v: &Version| v.minor > Minor(3, 5) || v.patch >= Some(32);
                assert!(known.iter().all(good), "a member is a 3.5 below 3.5.32: {about}");
            }
            if *minor == Minor(3, 7) {
                assert_eq!(moved, Some(201), "a joiner may be sent entries of a 3.5: {about}");
            }
            let runs = known.iter().any(|v| v.minor == *minor);
            assert!(runs || !members.contains(&"?"), "first of its minor beside an unknown version: {about}");
        }
    }
}

#[test]
fn a_learner_is_promoted_exactly_if_its_version_may_start() {
    for (members, moved) in clusters().iter().flat_map(|c| MOVED.map(|moved| (c, moved))) {
        // All members answer, so only the version can stand against a promotion.
        if members.iter().filter(|m| **m == "?").count() > 0 {
            continue;
        }
        let (open, _) = open(members, moved);
        for joiner in JOINERS {
            let minor = Version::parse(joiner).unwrap().minor;
            let (may, does) = (open.contains(&minor), promoted(members, joiner, moved));
            assert_eq!(does, may, "{joiner} beside {members:?}, moved {moved:?}, where {open:?} may start");
        }
    }
}
