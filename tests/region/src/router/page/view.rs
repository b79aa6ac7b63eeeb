//! The data that the page shows: the present state, and the new entries of the timeline.

use serde_json::{Map, Value, json};

use super::members::Asker;
use super::story;
use super::verdict::verdicts;
use crate::router::state;
use crate::services::parts::Parts;

/// All data, with the timeline's entries after the given number; all entries for `None`.
pub async fn view(parts: &Parts, asker: &Asker, after: Option<u64>) -> Value {
    let (mut shown, members) = tokio::join!(state::present(parts), asker.ask(parts));
    shown["clusters"] = verdicts(parts, &members).into();
    shown["members"] = json!(members);
    shown["stories"] = stories(parts).into();
    shown["invocations"] = parts.faults.invocation_summaries();
    shown["timeline"] = json!(parts.site.timeline.entries_after(after));
    shown
}

fn stories(parts: &Parts) -> Map<String, Value> {
    let keys = parts.storage.keys().into_iter();
    keys.map(|key| {
        let told = parts.storage.look(&key, story::of);
        (key, told)
    })
    .collect()
}
