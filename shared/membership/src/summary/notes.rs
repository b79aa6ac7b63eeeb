//! The notes of a summary, each with what holds of its subject and since when.

use serde::{Deserialize, Serialize};

use super::look::Look;
use crate::decision::{Coded, Graded, Note, Subject, Wait};
use crate::ids::{InstanceId, Timestamp};
use crate::instance::InstanceState;
use crate::ledger::{Condition, ConditionKey, Ledger, Phase};

/// A note of the decision, and since when the conditions of its subject hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoteRow {
    /// `cluster`, an instance ID, or `member` and an ID.
    pub about: String,
    /// `waiting` or `refused`.
    pub verdict: String,
    /// The code, under which `docs/OPERATIONS.md` explains it.
    pub code: String,
    /// How loudly the log says it: `INFO`, `WARN` or `ERROR`.
    pub level: String,
    /// The sentence.
    pub text: String,
    /// What holds of its subject in this look, and since when.
    pub since: Vec<Since>,
}

/// Something that holds in this look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// What holds, in words.
    pub what: String,
    /// Since when it holds, by the ledger.
    pub at: Timestamp,
}

/// The note as a row.
pub fn row(note: &Note, look: Look<'_>) -> NoteRow {
    let code = note.verdict.code();
    let conditions = look.ledger.into_iter().flat_map(|l| &l.conditions);
    let since = conditions.filter(|(key, _)| holds(look, key, &note.about, code));
    NoteRow {
        about: note.about.to_string(),
        verdict: note.verdict.name().to_owned(),
        code: code.to_owned(),
        level: note.verdict.severity().as_str().to_owned(),
        text: note.verdict.to_string(),
        since: since.map(in_words).collect(),
    }
}

fn in_words((key, condition): (&ConditionKey, &Condition)) -> Since {
    let what = match key {
        ConditionKey::LaunchWaiting(_) => "its launch hook waits",
        ConditionKey::TerminateWaiting(_) => "its terminate hook waits",
        ConditionKey::Unproven(_) => "its voter has not proven itself",
        ConditionKey::Gone(_) => "its machine is gone",
        ConditionKey::Joining(_) => "its joining has made no progress",
        ConditionKey::Receiving(_) => "the leader is sending it a snapshot",
        ConditionKey::GivenUp(_) => "it was given up",
        ConditionKey::Pooled(_) => "its member was removed while it was in the warm pool",
        ConditionKey::Silent => "there is no member list",
        ConditionKey::Stalled => "nothing more launches",
        ConditionKey::Held => "the group has wanted no instance",
        ConditionKey::Removed => "a member was removed",
        ConditionKey::Version(_) => "every member has its version",
        ConditionKey::Compared => "the copies were compared",
        ConditionKey::HashesDiffer => "the copies differ",
    };
    Since { what: what.to_owned(), at: condition.since }
}

/// Whether the condition concerns the subject and still holds in this look. The ledger keeps a condition that has
/// ended until it is written for another reason, and the last removal for good.
fn holds(look: Look<'_>, key: &ConditionKey, subject: &Subject, code: &str) -> bool {
    let about = |id: &InstanceId| *subject == Subject::Instance(id.clone());
    let instance = |id: &InstanceId| look.instance(id);
    match key {
        ConditionKey::LaunchWaiting(id) => about(id) && instance(id).is_some_and(|i| i.launch_hook_waits()),
        ConditionKey::TerminateWaiting(id) => {
            about(id) && instance(id).is_some_and(|i| i.terminate_hook_waits())
        }
        ConditionKey::Gone(id) => about(id) && look.missing(id),
        ConditionKey::Unproven(id) => about(id) && look.view().is_some_and(|v| !v.votes(id)),
        ConditionKey::Joining(id) => {
            let voted = look.ledger.and_then(|l| l.instances.get(id)).is_some_and(|r| r.voted);
            about(id) && !voted && !look.missing(id)
        }
        ConditionKey::Receiving(id) => about(id) && code == Wait::Snapshot.code(),
        ConditionKey::GivenUp(id) => {
            about(id) && instance(id).is_some_and(|i| i.state() != InstanceState::Missing)
        }
        ConditionKey::Pooled(id) => about(id) && instance(id).is_some(),
        ConditionKey::Silent => *subject == Subject::Cluster && code == Wait::List.code(),
        ConditionKey::Stalled => *subject == Subject::Cluster && phase(look.ledger) == Some(Phase::Opened),
        ConditionKey::Held => {
            *subject == Subject::Cluster && look.group.is_some_and(|group| group.desired == 0)
        }
        ConditionKey::Removed => code == Wait::Second.code(),
        ConditionKey::HashesDiffer => code == "hashes-differ" || code == "corrupt",
        ConditionKey::Version(_) | ConditionKey::Compared => false,
    }
}

fn phase(ledger: Option<&Ledger>) -> Option<Phase> {
    ledger.map(|l| l.generation.phase)
}
