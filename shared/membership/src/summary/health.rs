//! The verdict on a cluster: whether it serves, and how much more it can lose.
//!
//! `make status`, its exit status and the region's page show this verdict. It needs no decision, so a paused cluster
//! has a verdict like any other.

use serde::{Deserialize, Serialize};

use super::look::Look;
use super::members::{MemberRow, Role};
use super::reasons::reasons;
use crate::etcd::MemberList;
use crate::instance::Instance;
use crate::ledger::Phase;
use crate::quorum::{Electorate, majority};
use crate::settings::{Problem, Settings};
use crate::view::{QuorumGone, Servers};

/// How a cluster stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has formed, every voter is proven, there are as many voters as desired, and no alarm is raised.
    Healthy,
    /// It serves, and something is missing.
    Degraded,
    /// It has not formed yet. Clients have been told nothing of it.
    Forming,
    /// It has formed and has no leader that a majority follows: it serves neither writes nor linearizable reads.
    Lost,
    /// There is no cluster, or the operator ended it.
    Nothing,
    /// What was seen does not tell.
    Unknown,
}

/// The verdict on a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The verdict, for programs.
    pub standing: Standing,
    /// The verdict in one sentence, for people.
    pub text: String,
    /// How many proven voters may be lost before the quorum is lost, whatever becomes of the unanswered changes.
    /// `None` where no majority is proven.
    pub survives: Option<usize>,
    /// The voters that still answer, while the quorum is lost: their instances, or their member IDs.
    pub survivors: Vec<String>,
    /// What is missing, a phrase for each.
    pub reasons: Vec<String>,
}

/// How many voters there are, and how many of them have just proven themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuorumRow {
    /// The proven voters.
    pub proven: usize,
    /// All voters: of the member list, or of the ledger where no list could be had.
    pub voters: usize,
    /// How many of them are a majority.
    pub needed: usize,
    /// Whether they are counted from the member list.
    pub listed: bool,
}

/// The voters among the rows. `None` where nothing tells who votes.
pub fn quorum(rows: &[MemberRow], listed: bool) -> Option<QuorumRow> {
    let (voters, proven) = (voters(rows).count(), voters(rows).filter(|row| row.proven).count());
    (listed || voters > 0).then_some(QuorumRow { proven, voters, needed: majority(voters), listed })
}

pub(super) fn voters(rows: &[MemberRow]) -> impl Iterator<Item = &MemberRow> {
    rows.iter().filter(|row| matches!(row.role, Some(Role::Leader | Role::Voter)))
}

/// Judges what was seen.
pub fn health(
    look: Look<'_>,
    servers: Servers<'_, '_>,
    list: Option<&MemberList>,
    rows: &[MemberRow],
) -> Health {
    let mut health = match without_a_cluster(look, rows, list.is_some()) {
        Some((standing, text)) => {
            Health { standing, text, survives: None, survivors: Vec::new(), reasons: Vec::new() }
        }
        None => match list {
            None if phase(look) == Some(Phase::Formed) => without_a_list(look, rows),
            _ => as_counted(look, servers, list, rows),
        },
    };
    if let Some(said) = look.group.and_then(|group| of_settings(&group.settings)) {
        health.text.push_str(&format!("; {said}"));
    }
    health
}

/// What the settings add to the verdict. The notes have the sentence on each.
fn of_settings(settings: &Settings) -> Option<&'static str> {
    if settings.hands_off() {
        Some("a tag or setting is not understood: etcd-asg changes nothing")
    } else if settings.paused {
        Some("paused: etcd-asg changes nothing")
    } else if settings.problems.iter().any(|p| matches!(p, Problem::Defaulted { .. })) {
        Some("a setting is not understood: its default counts")
    } else {
        None
    }
}

fn phase(look: Look<'_>) -> Option<Phase> {
    look.ledger.map(|ledger| ledger.generation.phase)
}

fn as_counted(
    look: Look<'_>,
    servers: Servers<'_, '_>,
    list: Option<&MemberList>,
    rows: &[MemberRow],
) -> Health {
    let survives = list.and_then(|list| electorate(look, servers, list).may_lose_more());
    let mut reasons = reasons(look, rows);
    match list {
        None => reasons.insert(0, "no member list could be had".to_owned()),
        Some(_) if survives.is_none() => reasons.insert(0, "no majority is proven".to_owned()),
        Some(_) => {}
    }
    let (standing, name) = match (phase(look), reasons.is_empty()) {
        (Some(Phase::Opened), _) => (Standing::Forming, "forming"),
        (_, true) => (Standing::Healthy, "healthy"),
        (_, false) => (Standing::Degraded, "degraded"),
    };
    let count = quorum(rows, list.is_some()).map(|q| {
        let voters = if q.voters == 1 { "voter" } else { "voters" };
        format!("{} of {} {voters} proven", q.proven, q.voters)
    });
    let spare = survives.filter(|_| standing != Standing::Forming).map(losses);
    let parts: Vec<String> = count.into_iter().chain(spare).chain(reasons.iter().cloned()).collect();
    Health {
        standing,
        text: format!("{name}: {}", parts.join("; ")),
        survives,
        survivors: Vec::new(),
        reasons,
    }
}

/// The arithmetic of the rules. Before the ledger has the cluster's identity, nothing can be unanswered.
fn electorate(look: Look<'_>, servers: Servers<'_, '_>, list: &MemberList) -> Electorate {
    let proven = || list.members.iter().filter(|m| servers.proven(m)).map(|m| m.id).collect();
    let voters = || list.voters().map(|m| m.id).collect();
    look.view().filter(|view| view.list().is_some()).map_or_else(
        || Electorate { voters: voters(), proven: proven(), unanswered: Vec::new() },
        |view| view.electorate(),
    )
}

/// The verdict where there is no cluster to judge, or too little was seen.
fn without_a_cluster(look: Look<'_>, rows: &[MemberRow], listed: bool) -> Option<(Standing, String)> {
    let unseen = [("ledger", look.obs.ledger.unknown()), ("group", look.obs.group.unknown())];
    let unseen = unseen.into_iter().find_map(|(part, why)| Some((part, why?))).filter(|_| !listed);
    if let Some((part, why)) = unseen {
        return Some((Standing::Unknown, format!("UNKNOWN: the {part} could not be seen: {why}")));
    }
    let (standing, text) = match phase(look) {
        None if listed => return None,
        None => without_a_ledger(look, rows),
        Some(Phase::Ended) => (Standing::Nothing, "ended: the operator ended the cluster"),
        Some(Phase::Abandoned) => {
            (Standing::Forming, "forming again: the last generation never formed and was abandoned")
        }
        Some(Phase::Opened | Phase::Formed) => return None,
    };
    Some((standing, text.to_owned()))
}

/// Neither a ledger nor a member list. An instance that has been in service may hold a cluster's data.
fn without_a_ledger(look: Look<'_>, rows: &[MemberRow]) -> (Standing, &'static str) {
    let launches = |i: &Instance| i.state().launches();
    if rows.iter().any(|row| row.answers) {
        (Standing::Unknown, "UNKNOWN: an etcd answers, and there is neither a ledger nor a member list")
    } else if rows.iter().any(|row| row.unreadable) {
        (Standing::Unknown, "UNKNOWN: an etcd is there that cannot be read, and there is no ledger")
    } else if rows.is_empty() {
        (Standing::Nothing, "nothing there: no ledger, and no instance in the group")
    } else if look.group.is_some_and(|group| group.instances.iter().all(launches)) {
        (Standing::Forming, "forming: instances launch, and there is no ledger yet")
    } else {
        (Standing::Unknown, "UNKNOWN: no ledger, and no etcd answers on instances that may hold data")
    }
}

/// A cluster that has formed and gives no member list. Voters that cannot be read may well be a quorum.
fn without_a_list(look: Look<'_>, rows: &[MemberRow]) -> Health {
    let survivors: Vec<String> = voters(rows).filter(|row| row.answers).map(name).collect();
    let unreadable = voters(rows).filter(|row| row.unreadable).count();
    let (all, answer) = (voters(rows).count(), survivors.len());
    let (needed, told) = (majority(all), told_of(&survivors));
    let verb = if answer == 1 { "answers" } else { "answer" };
    let gone = look.view().and_then(|view| view.quorum_gone());
    let (standing, text) = if let Some(QuorumGone { gone, voters }) = gone {
        let text = format!(
            "QUORUM LOST for good: {gone} of {voters} voters are gone; {told}; an operator has to recover the cluster"
        );
        (Standing::Lost, text)
    } else if unreadable > 0 && unreadable + answer >= needed {
        (Standing::Unknown, format!("UNKNOWN: {unreadable} of {all} voters cannot be read"))
    } else if answer == 0 {
        let who = match all {
            1 => "the only voter does not answer them".to_owned(),
            _ => format!("none of {all} voters answers them, {needed} are needed"),
        };
        (Standing::Lost, format!("QUORUM LOST, as far as the functions see: {who}"))
    } else if answer < needed {
        let text = format!(
            "QUORUM LOST: {answer} of {all} voters {verb}, {needed} are needed; {told}; it goes on when enough voters are back"
        );
        (Standing::Lost, text)
    } else {
        let count = format!("{answer} of {all} {} {verb}", if all == 1 { "voter" } else { "voters" });
        (Standing::Lost, format!("QUORUM LOST: {count}, and no leader has a majority; {told}"))
    };
    Health { standing, text, survives: None, survivors, reasons: reasons(look, rows) }
}

fn told_of(survivors: &[String]) -> String {
    match survivors {
        [] => "no voter answers".to_owned(),
        [one] => format!("the survivor is {one}"),
        more => format!("the survivors are {}", more.join(", ")),
    }
}

/// How an operator finds the member.
pub(super) fn name(row: &MemberRow) -> String {
    match (&row.instance, &row.member) {
        (Some(instance), _) => instance.0.clone(),
        (None, Some(member)) => format!("member {member}"),
        (None, None) => "an unknown member".to_owned(),
    }
}

fn losses(survives: usize) -> String {
    match survives {
        0 => "survives no loss".to_owned(),
        1 => "survives 1 more loss".to_owned(),
        more => format!("survives {more} more losses"),
    }
}
