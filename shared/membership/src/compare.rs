//! When the copies of the voters are compared, and what the comparison says.
//!
//! etcd hashes the keys of one member up to a revision (`HashKV`). Two members that have applied the same revision and
//! have compacted to the same revision have the same keys, so a difference means that one of the two copies is wrong.
//! Which of them is wrong the hashes do not tell: a majority may agree on the wrong one, because a joiner's copy comes
//! from the leader.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use crate::alarm::AlarmKind;
use crate::decide::bring_up_to_date;
use crate::etcd::{KeysHash, Member};
use crate::guard::{Guard, Guards};
use crate::ids::{MemberId, Timestamp};
use crate::ledger::{ConditionKey, Phase};
use crate::observation::{Observation, Seen};
use crate::view::View;

/// A hash reads all keys of a member: some seconds a gigabyte. So equal copies are compared again after a day.
pub const AGAIN: Duration = Duration::from_secs(24 * 3600);
/// Where a comparison told nothing, because a member did not answer or was compacting, it is made again after this.
pub const RETRY: Duration = Duration::from_secs(3600);

/// A comparison that is due: whom to ask, and at which revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// A revision that every voter has applied.
    pub revision: u64,
    /// The client URLs of the voters that told their status.
    pub urls: BTreeSet<String>,
}

/// The comparison that is due, if any: after each promotion, once a day, when a voter has fallen silent, is back, or is to
/// leave, and in each invocation while the copies are in doubt.
pub fn due(obs: &Observation, now: Timestamp) -> Option<Comparison> {
    let (Seen::Known(group), Seen::Known(Some(ledger))) = (&obs.group, &obs.ledger) else { return None };
    if group.settings.paused {
        return None;
    }
    // The first vote of a new voter is seen in this very look, and makes its copy an uncompared copy.
    let read = View { obs, group, ledger, now, guards: Guards::all() };
    let (_, ledger) = bring_up_to_date(read, None);
    let v = View { ledger: &ledger, ..read };
    if v.phase() != Phase::Formed || !(in_doubt(v) || is_due(v)) {
        return None;
    }
    let list = v.list()?;
    let asked: Vec<(String, u64)> =
        list.voters().filter_map(|m| Some((v.probe_url(m)?, v.status(m)?.revision))).collect();
    let voters = list.voters().count();
    let waits = v.ledger.conditions.keys().any(|key| matches!(key, ConditionKey::Unproven(_)));
    if asked.len() < voters && !waits && !in_doubt(v) {
        return None;
    }
    let revision = asked.iter().map(|(_, revision)| *revision).min()?;
    (asked.len() > 1).then(|| Comparison { revision, urls: asked.into_iter().map(|(url, _)| url).collect() })
}

/// Whether the alarm CORRUPT stands, or the copies differed when they were compared last.
pub(crate) fn in_doubt(v: View<'_>) -> bool {
    v.holds(&ConditionKey::HashesDiffer) || corrupt_alarm(v)
}

/// Whether a server of ours tells the alarm CORRUPT. Every member has it, so one that tells it is enough.
pub(crate) fn corrupt_alarm(v: View<'_>) -> bool {
    v.alarms().iter().any(|alarm| alarm.kind == AlarmKind::Corrupt)
}

/// Whether the copies of a cluster that nobody doubts are to be compared now.
pub(crate) fn is_due(v: View<'_>) -> bool {
    let Some(last) = v.ledger.conditions.get(&ConditionKey::Compared) else { return true };
    let span = if last.applied.is_some() { AGAIN } else { RETRY };
    // The voters that are left are compared before the silent voter is replaced from their copies, and all voters before
    // a leaving voter takes its copy away: a scale-in promotes nobody.
    let begun = v.ledger.conditions.iter().any(|(key, condition)| {
        let goes = matches!(key, ConditionKey::Unproven(_) | ConditionKey::TerminateWaiting(_));
        goes && condition.since > last.since
    });
    v.now.since(last.since) >= span || begun
}

/// What a comparison says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// All voters have the same keys at this revision.
    Agree(u64),
    /// Two voters have different keys at one revision.
    Differ,
    /// Too few hashes can be compared.
    Nothing,
}

/// The hash of each voter. `None` where no comparison of just these voters was made in this invocation.
pub(crate) fn hashes<'a>(v: View<'a>) -> Option<Vec<(&'a Member, &'a Seen<KeysHash>)>> {
    let all = &v.obs.etcd.hashes;
    let with_status = v.list()?.voters().filter(|m| v.status(m).is_some());
    let asked: Option<Vec<_>> = with_status.map(|m| Some((m, all.get(&v.probe_url(m)?)?))).collect();
    asked.filter(|asked| asked.len() > 1)
}

/// What the hashes say. They compare only at one revision and one compacted revision. Patch releases of etcd before and
/// after etcd#18274 hash differently what a compaction at a deletion left behind, so copies of different versions agree
/// or tell nothing.
pub(crate) fn said(v: View<'_>, hashes: &[(&Member, &Seen<KeysHash>)]) -> Said {
    let ours = |m: &Member, h: &KeysHash| h.member == m.id && Some(h.cluster) == v.ledger.cluster_id();
    let known: Vec<(&str, &KeysHash)> = hashes
        .iter()
        .filter_map(|(m, hash)| {
            let hash = hash.known().filter(|h| ours(m, h))?;
            Some((v.status(m)?.version.as_str(), hash))
        })
        .collect();
    let at = |h: &KeysHash| match v.enforces(Guard::ComparedAtOneRevision) {
        true => (h.revision, h.compacted),
        false => (0, 0),
    };
    let mut comparable: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
    for (version, hash) in &known {
        comparable.entry((*version, at(hash))).or_default().insert(hash.hash);
    }
    if comparable.values().any(|different| different.len() > 1) {
        return Said::Differ;
    }
    let voters = v.list().map_or(0, |l| l.voters().count());
    match known.first() {
        Some((_, first))
            if known.len() == voters
                && known.iter().all(|(_, h)| at(h) == at(first) && h.hash == first.hash) =>
        {
            Said::Agree(first.revision)
        }
        _ => Said::Nothing,
    }
}

/// Each voter with its hash, for an operator, with the numbers of `etcdctl endpoint hashkv`.
pub(crate) fn told(v: View<'_>) -> String {
    let leader: Option<MemberId> = v.leader_status().map(|s| s.member);
    let Some(hashes) = hashes(v) else { return "the hashes of the voters' keys are not known".to_owned() };
    let mut text = String::new();
    for (member, hash) in hashes {
        let leads = if leader == Some(member.id) { " (leader)" } else { "" };
        let on = v.owner(member).map(|id| format!(" on {id}")).unwrap_or_default();
        let between = if text.is_empty() { "" } else { "; " };
        let _ = match hash {
            Seen::Known(h) => write!(
                text,
                "{between}member {}{leads}{on} has the hash {} at revision {}, {}",
                member.id,
                h.hash,
                h.revision,
                compacted(h)
            ),
            Seen::Unknown(why) => write!(text, "{between}member {}{leads}{on} tells none ({why})", member.id),
        };
    }
    text
}

fn compacted(hash: &KeysHash) -> String {
    if hash.compacted > 0 { format!("compacted to {}", hash.compacted) } else { "never compacted".to_owned() }
}
