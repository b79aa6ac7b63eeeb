//! The ledger as a document, and what edits leave unchanged.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::scene::{NOW, Scene};
use membership::change::Change;
use membership::decide::decide;
use membership::ids::{InstanceId, MemberId, Nonce, RequestId, Timestamp};
use membership::invocation::{Invocation, Next};
use membership::ledger::{
    CleanRound, ConditionKey, Edit, Ledger, LedgerError, Seed, UnansweredChange, Writer, apply,
};
use membership::map_timestamps::MapTimestamps;
use membership::observation::Seen;

const SCENE: &str = "
i-1 InService voter=1 leader
i-2 InService voter=2
i-3 Terminating:Wait voter=3
condition gone/i-2 ago=60
condition gone/i-3 ago=60
claim remove i-3 asked=1 expires=9
unanswered remove i-2 asked=1 voters=1,2,3 deadline=5
unanswered remove i-3 asked=1 voters=1,2,3 deadline=5";

fn known(scene: Scene) -> Ledger {
    match scene.obs.ledger {
        Seen::Known(Some(ledger)) => ledger,
        other => panic!("no ledger in this scene: {other:?}"),
    }
}

fn ledger() -> Ledger {
    known(Scene::parse(SCENE.trim()))
}

fn edited(ledger: Ledger, edits: &[Edit]) -> Ledger {
    let writer = Writer { request: RequestId::from("r9"), nonce: Nonce::from("n9") };
    apply(Some(ledger), edits, &writer, NOW).unwrap()
}

fn unanswered(ledger: &Ledger, member: u64) -> &UnansweredChange {
    let about = |m: &&UnansweredChange| matches!(m.change, Change::Remove { member: id, .. } if id == MemberId(member));
    ledger.unanswered.iter().find(about).unwrap()
}

#[test]
fn a_ledger_reads_back_as_written_under_names_that_an_operator_knows() {
    let ledger = ledger();
    let text = ledger.to_json().unwrap();
    assert_eq!(Ledger::from_json(&text).unwrap(), ledger);
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\"gone/i-2\": {"), "{text}");
}

#[test]
fn an_unknown_format_is_refused() {
    let text = String::from_utf8(ledger().to_json().unwrap()).unwrap();
    let other = text.replace("\"format\": 1", "\"format\": 2");
    assert!(matches!(Ledger::from_json(other.as_bytes()), Err(LedgerError::UnknownFormat(2))));
}

#[test]
fn the_next_generation_is_numbered_one_higher() {
    let before = ledger();
    let (number, group) = (before.generation.number, before.group.clone());
    let cluster = Scene::parse(SCENE.trim()).obs.cluster;
    let seed = Seed { instance: InstanceId::from("i-7"), peer_url: "http://10.0.0.7:2380".to_owned() };
    let after = edited(before, &[Edit::OpenGeneration { cluster, group, seed }]);
    assert_eq!(after.generation.number, number + 1);
}

#[test]
fn an_edit_of_one_entry_leaves_the_others_unchanged() {
    let again =
        UnansweredChange { deadline: NOW.plus(Duration::from_secs(70)), ..unanswered(&ledger(), 2).clone() };
    let after = edited(ledger(), &[Edit::NoteUnanswered(again.clone())]);
    assert_eq!(
        (after.unanswered.len(), unanswered(&after, 2), unanswered(&after, 3)),
        (2, &again, unanswered(&ledger(), 3))
    );

    let change = unanswered(&ledger(), 2).change.clone();
    let after = edited(ledger(), &[Edit::NoteCleanRound { change, leader: MemberId(1), term: 5 }]);
    assert_eq!(unanswered(&after, 2).clean, Some(CleanRound { at: NOW, leader: MemberId(1), term: 5 }));
    assert_eq!(unanswered(&after, 3).clean, None);

    let after = edited(ledger(), &[Edit::Forget(InstanceId::from("i-2"))]);
    assert!(!after.conditions.contains_key(&ConditionKey::Gone(InstanceId::from("i-2"))));
    assert!(after.conditions.contains_key(&ConditionKey::Gone(InstanceId::from("i-3"))));
}

#[test]
fn an_adopted_learner_has_no_vote() {
    let scene =
        Scene::parse("no-ledger\ni-1 InService voter=1 name=a leader\ni-2 InService learner=2 name=b");
    let decision = decide(&scene.obs, NOW, None);
    let [Edit::Adopt(adoption), ..] = decision.edits.as_slice() else { panic!("{:?}", decision.edits) };
    let voted = |id| adoption.members[&InstanceId::from(id)].voted;
    assert!(voted("i-1") && !voted("i-2"));
}

#[test]
fn a_claim_names_the_voters_that_the_member_it_asks_lists() {
    let mut text = vec!["group desired=2", "i-1 InService voter=1 leader", "i-2 InService voter=2"];
    text.extend(["i-3 Terminating:Wait voter=3", "list 2 without=1", "list 3 without=1"]);
    let scene = Scene::parse(&text.join("\n"));
    let mut invocation = Invocation::new(RequestId::from("r1"), NOW.plus(Duration::from_secs(60)));
    assert!(!invocation.holds_claim());
    let (_, next) = invocation.look(&scene.obs, NOW, Nonce::from("n1"));
    let Next::Write(ledger) = next else { panic!("{next:?}") };
    let claim = ledger.claim.unwrap();
    assert_eq!(claim.voters, [1, 2, 3].map(MemberId).into());
    assert!(invocation.holds_claim());
}

/// The ledger has each kind of timestamp, so a timestamp that is not mapped is noticed.
#[test]
fn every_timestamp_of_a_ledger_is_mapped() {
    let mut ledger = ledger();
    ledger.unanswered[0].clean = Some(CleanRound { at: NOW, leader: MemberId(1), term: 5 });
    let ledger = edited(ledger, &[Edit::GiveUp(InstanceId::from("i-3"), "no progress".to_owned())]);
    let later = |t: Timestamp| t.plus(Duration::from_secs(3_600));
    let moved = ledger.map_timestamps(&later);
    assert_eq!(
        (moved.at, moved.generation.opened_at),
        (later(ledger.at), later(ledger.generation.opened_at))
    );
    let expires = |l: &Ledger| l.claim.as_ref().unwrap().expires;
    assert_eq!(expires(&moved), later(expires(&ledger)));
    assert_eq!(moved.unanswered.len(), 2);
    for (now, then) in moved.unanswered.iter().zip(&ledger.unanswered) {
        assert_eq!(now.deadline, later(then.deadline));
        assert_eq!(now.clean.map(|c| c.at), then.clean.map(|c| later(c.at)));
    }
    assert!(
        moved
            .conditions
            .iter()
            .all(|(key, condition)| condition.since == later(ledger.conditions[key].since))
    );
    assert!(moved.history.iter().zip(&ledger.history).all(|(now, then)| now.at == later(then.at)));
    assert_eq!(moved.map_timestamps(&|t| t.minus(Duration::from_secs(3_600))), ledger);
}

/// An invocation's fields are private, so its timestamps are found in its debug output.
#[test]
fn every_timestamp_of_an_invocation_is_mapped() {
    let scene = Scene::parse("i-1 InService voter=1 leader\ni-4 Pending:Wait\ninitial-cluster stale");
    let mut claimed = Invocation::new(RequestId::from("r1"), NOW.plus(Duration::from_secs(60)));
    let mut resting = claimed.clone();
    claimed.look(&scene.obs, NOW, Nonce::from("n1"));
    let settled = Scene::parse("i-1 InService voter=1 leader\ninitial-cluster stale");
    let (_, next) = resting.look(&settled.obs, NOW, Nonce::from("n1"));
    assert!(matches!(next, Next::Perform(_)), "{next:?}");
    for invocation in [claimed, resting] {
        let timestamps = |i: &Invocation| format!("{i:?}").matches("Timestamp(").count();
        let moved = invocation.map_timestamps(&|_| Timestamp(7));
        assert!(timestamps(&moved) > 3, "{moved:?}");
        assert_eq!(timestamps(&moved), timestamps(&invocation));
        assert_eq!(timestamps(&moved), format!("{moved:?}").matches("Timestamp(7)").count(), "{moved:?}");
        assert_eq!(moved.holds_claim(), invocation.holds_claim());
    }
}
