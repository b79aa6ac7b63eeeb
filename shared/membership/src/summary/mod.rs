//! One cluster on one screen: who is a member, who votes, who leads, what is waited for, and what comes next.
//!
//! The functions answer a dry run with it, and the operator's tool only prints it. Whatever an operator is to read
//! off the observation, the ledger and the decision is derived here and nowhere else.

mod members;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::members::{MemberRow, QuorumRow, Role};
use crate::decision::{Decision, Graded, Note, Subject};
use crate::ids::{ClusterName, RequestId, Timestamp};
use crate::ledger::{Claim, ConditionKey, HistoryEntry, Ledger, Phase};
use crate::observation::{Group, Observation, Seen};

/// The version of the format. A tool that knows another version refuses the summary.
pub const VERSION: u32 = 1;
/// How many entries of the ledger's history are shown.
const HISTORY: usize = 3;

/// What an operator wants to know of a cluster at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Always [`VERSION`].
    pub version: u32,
    /// The cluster's name.
    pub cluster: ClusterName,
    /// When the look was made, by the function's clock.
    pub at: Timestamp,
    /// The name of the Auto Scaling group. `None` where neither the group nor the ledger was seen.
    pub group: Option<String>,
    /// The group's desired capacity.
    pub desired: Option<usize>,
    /// The group's maximum size.
    pub max: Option<usize>,
    /// The number of the generation. `None` where there is no ledger, or it was not seen.
    pub generation: Option<u32>,
    /// Where the generation's life stands.
    pub phase: Option<Phase>,
    /// Every instance of the group or of the ledger, and every member that belongs to no known instance.
    pub members: Vec<MemberRow>,
    /// Whether a linearizable member list was had.
    pub listed: bool,
    /// How many voters are proven. `None` without a member list.
    pub quorum: Option<QuorumRow>,
    /// What was not seen (`group`, `ledger`, `parameters`), and why.
    pub unknown: BTreeMap<String, String>,
    /// The client URLs that the parameter `endpoints` names. `None` where it does not exist or was not seen.
    pub endpoints: Option<Vec<String>>,
    /// The change that an invocation has claimed.
    pub in_flight: Option<InFlight>,
    /// The changes that got no answer and may still happen, as sentences.
    pub unanswered: Vec<String>,
    /// What is waited for and what is refused.
    pub notes: Vec<NoteRow>,
    /// The change that would be claimed next, as a sentence.
    pub next_step: Option<String>,
    /// The calls that would be made at once, without a claim, as sentences.
    pub calls: Vec<String>,
    /// The last entries of the ledger's history, oldest first.
    pub history: Vec<HistoryEntry>,
}

/// A claimed change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InFlight {
    /// The change, as a sentence.
    pub change: String,
    /// The Lambda request that holds the claim.
    pub request: RequestId,
    /// The latest moment at which the claim ends.
    pub expires: Timestamp,
}

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
    /// By kind of condition, as the ledger names it: when the condition began.
    pub since: BTreeMap<String, Timestamp>,
}

impl Summary {
    /// Sums up what was seen and decided at this moment.
    pub fn of(obs: &Observation, decision: &Decision, now: Timestamp) -> Summary {
        let group = obs.group.known();
        let ledger = obs.ledger.known().and_then(Option::as_ref);
        let parameters = obs.parameters.known();
        let members = members::table(obs, group, ledger);
        Summary {
            version: VERSION,
            cluster: obs.cluster.clone(),
            at: now,
            group: group_name(group, ledger),
            desired: group.map(|g| g.desired),
            max: group.map(|g| g.max),
            generation: ledger.map(|l| l.generation.number),
            phase: ledger.map(|l| l.generation.phase),
            listed: members.quorum.is_some(),
            members: members.rows,
            quorum: members.quorum,
            unknown: unknown(obs),
            endpoints: parameters.and_then(|p| p.endpoints.clone()),
            in_flight: ledger.and_then(|l| l.claim.as_ref()).map(in_flight),
            unanswered: ledger
                .into_iter()
                .flat_map(|l| &l.unanswered)
                .map(|u| u.change.to_string())
                .collect(),
            notes: decision.notes.iter().map(|note| note_row(note, ledger)).collect(),
            next_step: decision.proposal.as_ref().map(|p| p.change.to_string()),
            calls: decision.effects.iter().map(ToString::to_string).collect(),
            history: ledger.map(last_entries).unwrap_or_default(),
        }
    }
}

fn group_name(group: Option<&Group>, ledger: Option<&Ledger>) -> Option<String> {
    let identity = group.map(|g| &g.identity).or(ledger.map(|l| &l.group))?;
    Some(identity.name.clone())
}

fn unknown(obs: &Observation) -> BTreeMap<String, String> {
    fn why<T>(seen: &Seen<T>) -> Option<&String> {
        match seen {
            Seen::Known(_) => None,
            Seen::Unknown(why) => Some(why),
        }
    }
    let parts =
        [("group", why(&obs.group)), ("ledger", why(&obs.ledger)), ("parameters", why(&obs.parameters))];
    parts.into_iter().filter_map(|(part, why)| Some((part.to_owned(), why?.clone()))).collect()
}

fn in_flight(claim: &Claim) -> InFlight {
    InFlight {
        change: claim.proposal.change.to_string(),
        request: claim.request.clone(),
        expires: claim.expires,
    }
}

fn note_row(note: &Note, ledger: Option<&Ledger>) -> NoteRow {
    let conditions = ledger.into_iter().flat_map(|l| &l.conditions);
    let since = conditions.filter(|(key, _)| concerns(key, &note.about)).map(|(key, condition)| {
        let key = key.to_string();
        let kind = key.split_once('/').map_or(key.as_str(), |(kind, _)| kind);
        (kind.to_owned(), condition.since)
    });
    NoteRow {
        about: note.about.to_string(),
        verdict: note.verdict.name().to_owned(),
        code: note.verdict.code().to_owned(),
        level: note.verdict.severity().as_str().to_owned(),
        text: note.verdict.to_string(),
        since: since.collect(),
    }
}

fn concerns(key: &ConditionKey, subject: &Subject) -> bool {
    match subject {
        Subject::Cluster => {
            matches!(key, ConditionKey::Silent | ConditionKey::Stalled | ConditionKey::Removed)
        }
        Subject::Instance(id) => key.instance() == Some(id),
        Subject::Member(_) => false,
    }
}

fn last_entries(ledger: &Ledger) -> Vec<HistoryEntry> {
    let skipped = ledger.history.len().saturating_sub(HISTORY);
    ledger.history.iter().skip(skipped).cloned().collect()
}
