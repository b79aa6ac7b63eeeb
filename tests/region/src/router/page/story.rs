//! The story that a ledger's versions tell: claims, outcomes, and how each instance became a voter.
//!
//! The document is read without the functions' own types, as an operator would read it. Unexpected parts are
//! left out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::services::s3::Written;

/// The story of one document; empty where the document is not a ledger.
pub fn of(versions: &[Written]) -> Value {
    let mut story = Story::default();
    for version in versions {
        story.go_on(version);
    }
    json!({ "claims": story.claims, "outcomes": story.outcomes, "instances": story.instances })
}

#[derive(Default)]
struct Story {
    claims: Vec<Value>,
    outcomes: Vec<Value>,
    /// For each instance its record in the ledger, at each change.
    instances: BTreeMap<String, Vec<Value>>,
}

impl Story {
    fn go_on(&mut self, version: &Written) {
        let outcomes = new_outcomes(&version.body);
        self.claim(version, &outcomes);
        for text in outcomes {
            self.outcomes.push(json!({ "at": version.at, "version": version.number, "text": text }));
        }
        self.instances(version);
    }

    /// A claim lasts from the first version that has it to the first version without it.
    fn claim(&mut self, version: &Written, outcomes: &[&str]) {
        let claim = version.body.get("claim").filter(|claim| claim.is_object());
        let nonce = claim.and_then(|claim| claim.get("nonce"));
        if let Some(open) = self.claims.last_mut().filter(|open| open["until"].is_null()) {
            if open.get("nonce") == nonce {
                return;
            }
            open["until"] = version.at.clone().into();
            open["outcome"] = outcomes.join("; ").into();
        }
        if let Some(claim) = claim {
            self.claims.push(json!({
                "nonce": nonce, "request": claim.get("request"), "caller": version.caller,
                "proposal": claim.get("proposal"), "from": version.at, "until": null, "outcome": null,
            }));
        }
    }

    fn instances(&mut self, version: &Written) {
        let Some(recorded) = version.body.get("instances").and_then(Value::as_object) else { return };
        for (instance, record) in recorded {
            let told = self.instances.entry(instance.clone()).or_default();
            if told.last().is_none_or(|last| last["record"] != *record) {
                told.push(json!({ "at": version.at, "record": record }));
            }
        }
        let dropped = self.instances.iter_mut().filter(|(instance, _)| !recorded.contains_key(*instance));
        for (_, told) in dropped {
            if told.last().is_some_and(|last| !last["record"].is_null()) {
                told.push(json!({ "at": version.at, "record": null }));
            }
        }
    }
}

/// The history entries that this version added: those with the version's own time.
fn new_outcomes(body: &Value) -> Vec<&str> {
    let history = body.get("history").and_then(Value::as_array);
    let entries = history.into_iter().flatten();
    let own = entries.filter(|entry| body.get("at").is_some() && entry.get("at") == body.get("at"));
    own.filter_map(|entry| entry.get("text").and_then(Value::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: usize, body: Value) -> Written {
        Written { number, at: format!("at {number}"), caller: "reconcile/1".to_owned(), body }
    }

    #[test]
    fn a_claim_stands_until_a_version_without_it_and_ends_with_its_outcome() {
        let claim =
            json!({"nonce": "n", "request": "r", "proposal": {"change": "promote", "instance": "i-1"}});
        let versions = [
            written(1, json!({"at": 1, "claim": claim, "history": []})),
            written(2, json!({"at": 2, "claim": claim, "history": []})),
            written(3, json!({"at": 3, "claim": null, "history": [{"at": 3, "text": "done"}]})),
            written(4, json!({"at": 4, "claim": null, "history": [{"at": 3, "text": "done"}]})),
        ];
        let told = of(&versions);
        assert_eq!(told["claims"].as_array().map(Vec::len), Some(1));
        let claim = &told["claims"][0];
        assert_eq!((&claim["from"], &claim["until"]), (&json!("at 1"), &json!("at 3")));
        assert_eq!((&claim["outcome"], &claim["proposal"]["instance"]), (&json!("done"), &json!("i-1")));
        assert_eq!(told["outcomes"], json!([{"at": "at 3", "version": 3, "text": "done"}]));
    }

    #[test]
    fn one_claim_after_another_without_a_version_between_is_two() {
        let version = |number, nonce: &str| written(number, json!({"at": number, "claim": {"nonce": nonce}}));
        let told = of(&[version(1, "a"), version(2, "b")]);
        assert_eq!(told["claims"][0]["until"], "at 2");
        assert_eq!(told["claims"][1]["until"], Value::Null);
    }

    #[test]
    fn an_instance_is_told_of_when_something_changes_and_when_it_is_dropped() {
        let version =
            |number, instances: Value| written(number, json!({"at": number, "instances": instances}));
        let told = of(&[
            version(1, json!({"i-1": {"env": "open"}})),
            version(2, json!({"i-1": {"env": "open"}})),
            version(3, json!({"i-1": {"env": "sealed"}})),
            version(4, json!({})),
            version(5, json!({})),
        ]);
        let expected = json!([
            {"at": "at 1", "record": {"env": "open"}},
            {"at": "at 3", "record": {"env": "sealed"}},
            {"at": "at 4", "record": null},
        ]);
        assert_eq!(told["instances"]["i-1"], expected);
    }

    #[test]
    fn a_document_that_is_not_a_ledger_has_no_story() {
        let told = of(&[written(1, json!("not a ledger")), written(2, json!([1]))]);
        assert_eq!(told, json!({"claims": [], "outcomes": [], "instances": {}}));
    }
}
