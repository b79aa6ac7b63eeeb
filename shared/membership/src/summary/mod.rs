//! One cluster on one screen: who is a member, who votes, who leads, what is waited for, and what comes next.
//!
//! The functions answer a dry run with it, and the operator's tool only prints it. Whatever an operator is to read
//! off the observation, the ledger and the decision is derived here and nowhere else.

mod health;
mod look;
mod members;
mod notes;
mod reasons;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::health::{Health, QuorumRow, Standing};
use self::look::Look;
pub use self::members::{MemberRow, Role};
pub use self::notes::{NoteRow, Since};
use crate::decision::Decision;
use crate::etcd::Member;
use crate::ids::{ClusterName, RequestId, Timestamp};
use crate::ledger::{Claim, HistoryEntry, Ledger, Phase};
use crate::observation::{Group, Observation};

/// The version of the format. A tool that knows another version refuses the summary.
pub const VERSION: u32 = 2;
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
    /// Whether the cluster serves, and how much more it can lose.
    pub health: Health,
    /// Whether the group is paused. `None` where the group was not seen.
    pub paused: Option<bool>,
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
    /// Every instance of the group or of the ledger, and every member that belongs to no known instance. An instance
    /// that is gone and runs no member is left out.
    pub members: Vec<MemberRow>,
    /// Whether a linearizable member list was had.
    pub listed: bool,
    /// How many voters are proven. `None` where neither a member list, nor the ledger, nor a server tells who votes.
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

impl Summary {
    /// Sums up what was seen and decided at this moment.
    pub fn of(obs: &Observation, decision: &Decision, now: Timestamp) -> Summary {
        let look = Look::of(obs, now);
        let (group, ledger) = (look.group, look.ledger);
        let url_of = |member: &Member| look.url_of(member);
        let servers = look.servers(&url_of);
        let list = servers.list();
        let members = members::rows(look, servers, &look.members(list));
        Summary {
            version: VERSION,
            cluster: obs.cluster.clone(),
            at: now,
            health: health::health(look, servers, list, &members),
            paused: group.map(|g| g.settings.paused),
            group: group_name(group, ledger),
            desired: group.map(|g| g.desired),
            max: group.map(|g| g.max),
            generation: ledger.map(|l| l.generation.number),
            phase: ledger.map(|l| l.generation.phase),
            listed: list.is_some(),
            quorum: health::quorum(&members, list.is_some()),
            members,
            unknown: unknown(obs),
            endpoints: obs.parameters.known().and_then(|p| p.endpoints.clone()),
            in_flight: ledger.and_then(|l| l.claim.as_ref()).map(in_flight),
            unanswered: ledger
                .into_iter()
                .flat_map(|l| &l.unanswered)
                .map(|u| u.change.to_string())
                .collect(),
            notes: decision.notes.iter().map(|note| notes::row(note, look)).collect(),
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
    let parts = [
        ("group", obs.group.unknown()),
        ("ledger", obs.ledger.unknown()),
        ("parameters", obs.parameters.unknown()),
    ];
    parts.into_iter().filter_map(|(part, why)| Some((part.to_owned(), why?.to_owned()))).collect()
}

fn in_flight(claim: &Claim) -> InFlight {
    InFlight {
        change: claim.proposal.change.to_string(),
        request: claim.request.clone(),
        expires: claim.expires,
    }
}

/// A change that was withdrawn and then tried again says nothing: nobody was asked for it in between.
fn last_entries(ledger: &Ledger) -> Vec<HistoryEntry> {
    let withdrawn =
        |entry: &HistoryEntry| entry.text.split_once(": withdrawn: ").map(|(change, _)| change.to_owned());
    let tried_again =
        |at: usize, change: &str| ledger.history.iter().skip(at + 1).any(|e| e.text.starts_with(change));
    let entries = ledger.history.iter().enumerate();
    let told = entries.filter(|(at, entry)| withdrawn(entry).is_none_or(|change| !tried_again(*at, &change)));
    let told: Vec<&HistoryEntry> = told.map(|(_, entry)| entry).collect();
    told.iter().skip(told.len().saturating_sub(HISTORY)).map(|entry| (*entry).clone()).collect()
}
