//! The operator's summary of a cluster as goldens: a scene, and the summary of what was seen and decided.
//!
//! `REWRITE=1 cargo test -p membership --test summary` writes the summaries anew; read the difference.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod common;

use common::scene::{NOW, Scene};
use membership::decide::decide;
use membership::ledger::HistoryEntry;
use membership::observation::Seen;
use membership::summary::{MemberRow, Summary};
use serde_json::Value;

#[test]
fn summaries() {
    datadriven::walk("tests/summaries", |file| {
        file.run(|case| {
            assert_eq!(case.directive, "summary");
            let scene = Scene::parse(&case.input);
            let summary = Summary::of(&scene.obs, &decide(&scene.obs, NOW, scene.me.as_ref()), NOW);
            let json = serde_json::to_string(&summary).unwrap();
            assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary, "it reads back as written");
            render(&summary)
        });
    });
}

/// The verdict, one line for each member, and one line for each other field that is not empty.
fn render(summary: &Summary) -> String {
    let mut text = format!("{}\n", summary.health.text);
    text.extend(summary.members.iter().map(|row| format!("{}\n", line(row))));
    let Value::Object(fields) = serde_json::to_value(summary).unwrap() else { panic!("no object") };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "members" && *name != "at") {
        match value {
            Value::Null => {}
            Value::Array(items) if name == "notes" || name == "calls" || name == "history" => {
                items.iter().for_each(|item| text.push_str(&format!("{name}: {item}\n")));
            }
            other => text.push_str(&format!("{name}: {other}\n")),
        }
    }
    text
}

fn line(row: &MemberRow) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let role = row.role.map_or_else(|| "no member".to_owned(), |role| format!("{role:?}").to_lowercase());
    let instance = row.instance.as_ref().map_or("no instance", |id| id.as_str());
    let said = match (row.answers, row.proven) {
        _ if row.gone => "gone".to_owned(),
        (true, true) => "proven".to_owned(),
        (true, false) => "answers".to_owned(),
        (false, _) => format!("silent ({})", word(&row.silence)),
    };
    let (lifecycle, address, member) = (word(&row.lifecycle), word(&row.address), word(&row.member));
    let (name, version) = (word(&row.name), word(&row.version));
    format!(
        "{instance} {lifecycle} {address}: {role} {member} {name}, {said}, etcd {version}, {:?}",
        row.alarms
    )
}

/// Member IDs above 9 tell hexadecimal from decimal. Only the ledger's own document keeps decimals.
#[test]
fn what_people_read_has_ids_as_etcdctl_takes_them() {
    let scene = "i-1 InService voter=171 leader alarm=memberID:171_alarm:NOSPACE\ni-2 InService voter=172\n\
                 i-3 InService voter=173 silent\ni-4 Pending:Wait learner=174\nsetting unproven-grace 10s\n\
                 unanswered promote i-4 asked=171 voters=171,172,173\nsending 174";
    let scene = Scene::parse(scene);
    let decision = decide(&scene.obs, NOW, None);
    let summary = serde_json::to_string(&Summary::of(&scene.obs, &decision, NOW)).unwrap();
    let decision = serde_json::to_string(&decision).unwrap();
    let etcd = serde_json::to_string(&scene.obs.etcd).unwrap();
    for (text, what) in [(&summary, "summary"), (&decision, "decision"), (&etcd, "observation")] {
        for decimal in ["171", "172", "173", "174"] {
            assert!(!text.contains(decimal), "{what} has {decimal}: {text}");
        }
    }
    assert!(etcd.contains("\"id\":\"ab\"") && etcd.contains("\"leader\":\"ab\""), "{etcd}");
    assert!(etcd.contains("\"sending\":[\"ae\"]"), "{etcd}");
    assert!(summary.contains("NOSPACE of member ab"), "{summary}");
}

/// A change that was withdrawn says something only while nothing came of it.
#[test]
fn a_withdrawn_change_that_was_tried_again_is_not_told() {
    let mut scene = Scene::parse("i-1 InService voter=1 leader");
    let ledger = match &mut scene.obs.ledger {
        Seen::Known(Some(ledger)) => ledger,
        other => panic!("{other:?}"),
    };
    let texts = [
        "promote i-1, member 1: withdrawn: no time is left",
        "promote i-1, member 1: done",
        "seal the env of i-1: withdrawn: no time is left",
    ];
    ledger.history = texts.map(|text| HistoryEntry { at: NOW, text: text.to_owned() }).to_vec();
    let summary = Summary::of(&scene.obs, &decide(&scene.obs, NOW, None), NOW);
    let told: Vec<&str> = summary.history.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(told, texts[1..]);
}
