//! Which etcd may join, and which may be promoted (design, section 7, "Versions").
//!
//! Nobody tells a joiner's version before it has its env, so the env names the minors that the boot script lets
//! start: a learner that never starts costs nothing and is removed again. A learner that runs is asked itself.

use crate::decision::{Refusal, Wait};
use crate::env::Minors;
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::MemberId;
use crate::ledger::{ConditionKey, Edit, Source};
use crate::version::{
    Closed, ENTRIES_UNTIL_SNAPSHOT, Minor, NEEDS_PERSISTED_PROMOTIONS, PERSISTS_PROMOTIONS,
    READS_NO_OLD_ENTRIES, Version, WRITES_NEW_ENTRIES,
};
use crate::view::View;

/// The version that this member told just now.
fn version(v: View<'_>, member: &Member) -> Option<Version> {
    Version::parse(&v.status(member)?.version)
}

/// The members beside this one, each with its version where it is known.
fn others(v: View<'_>, joiner: Option<MemberId>) -> Vec<(MemberId, Option<Version>)> {
    let members = v.list().into_iter().flat_map(|l| &l.members).filter(|m| Some(m.id) != joiner);
    members.map(|m| (m.id, version(v, m))).collect()
}

/// What stands against an etcd of this minor beside the other members, if anything does. Where one of them already
/// runs it, one more does no new harm; the first of a minor needs every member's version.
fn against(v: View<'_>, joiner: Option<MemberId>, minor: Minor) -> Option<Closed> {
    let others = others(v, joiner);
    let known: Vec<(MemberId, Version)> =
        others.iter().filter_map(|(m, version)| Some((*m, (*version)?))).collect();
    let cluster = known.iter().map(|(_, version)| version.minor).min()?;
    if minor == cluster {
        return None;
    }
    if !v.hold(Guard::OneMinorAtATime, minor == cluster.next()) {
        return Some(Closed::OutOfReach { cluster });
    }
    if minor == NEEDS_PERSISTED_PROMOTIONS
        && let Some((member, old)) = known.iter().find(|(_, version)| *version < PERSISTS_PROMOTIONS)
        && !v.hold(Guard::PromotionsPersist, false)
    {
        return Some(Closed::TooOld(*member, *old));
    }
    if minor == READS_NO_OLD_ENTRIES
        && let Some(moved) = moved(v)
        && !v.hold(Guard::OldEntriesGone, moved > ENTRIES_UNTIL_SNAPSHOT)
    {
        return Some(Closed::OldEntries { moved });
    }
    let first = known.iter().all(|(_, version)| version.minor != minor);
    let unknown = others.iter().find(|(_, version)| version.is_none()).filter(|_| first);
    unknown.filter(|_| !v.hold(Guard::VersionsKnown, false)).map(|(member, _)| Closed::Unknown(*member))
}

/// How far the log has moved since the last 3.5 member left; none where there never was one.
fn moved(v: View<'_>) -> Option<u64> {
    if born_new(v) {
        return None;
    }
    let then = v
        .ledger
        .conditions
        .get(&ConditionKey::Version(WRITES_NEW_ENTRIES))
        .and_then(|condition| condition.applied);
    let now = v.leader_status().map(|status| status.applied);
    Some(then.zip(now).map_or(0, |(then, now)| now.saturating_sub(then)))
}

/// Founded here, by an etcd whose entries every later one reads: none older was ever let in.
fn born_new(v: View<'_>) -> bool {
    let generation = &v.ledger.generation;
    let founder = generation.identity.as_ref().and_then(|i| Version::parse(&i.version));
    generation.source == Source::New && founder.is_some_and(|f| f.minor >= WRITES_NEW_ENTRIES)
}

/// Who may join now. `None` where no member tells its version: then nobody.
pub fn open(v: View<'_>, joiner: Option<MemberId>) -> Option<Open> {
    let minor = others(v, joiner).into_iter().filter_map(|(_, version)| Some(version?.minor)).min()?;
    Some(Open { minor, next: against(v, joiner, minor.next()) })
}

/// The lowest minor of the members, which may always join, and what stands against the next.
pub struct Open {
    minor: Minor,
    next: Option<Closed>,
}

impl Open {
    /// For the env of a joiner.
    pub fn minors(&self) -> Minors {
        let next = self.minor.next();
        match self.next {
            None => Minors { open: vec![self.minor, next], held: None },
            Some(_) => Minors { open: vec![self.minor], held: Some(next) },
        }
    }
}

/// Why this running learner may not vote, if its version forbids it.
pub fn forbids_vote(v: View<'_>, learner: &Member) -> Option<Refusal> {
    let status = v.status(learner)?;
    let why = match Version::parse(&status.version) {
        Some(version) => against(v, Some(learner.id), version.minor),
        None => Some(Closed::Unknown(learner.id)),
    };
    why.map(|why| Refusal::Version { version: status.version.clone(), why })
}

/// Whether the learner's version can never be let in while the others stay as they are.
pub fn hopeless(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Version { why: Closed::OutOfReach { .. }, .. })
}

/// Remembers where the log stood when every member was first seen at a minor whose entries 3.7 reads. The index is
/// read in a later look than the one that saw the last older member gone: within a look the servers are asked before
/// the list, and that member may have written in between.
pub fn condition(v: View<'_>, edits: &mut Vec<Edit>) {
    let key = ConditionKey::Version(WRITES_NEW_ENTRIES);
    let stands = v.ledger.conditions.get(&key);
    let started = v.list().into_iter().flat_map(|l| &l.members).filter(|m| m.started());
    let versions = started.map(|m| version(v, m).map(|version| version.minor));
    let known: Vec<Minor> = versions.clone().flatten().collect();
    let lowest = known.iter().min().copied();
    let all_known = known.len() == versions.count();
    let index = v.leader_status().map(|status| status.applied);
    let wanted = !born_new(v) && all_known && lowest == Some(WRITES_NEW_ENTRIES);
    match stands {
        None if wanted => {
            let at_once = v.hold(Guard::IndexAfterTheLastLeft, false);
            edits.push(Edit::AllAtMinor(WRITES_NEW_ENTRIES, index.filter(|_| at_once)));
        }
        Some(condition) if wanted && condition.applied.is_none() => {
            edits.push(Edit::AllAtMinor(WRITES_NEW_ENTRIES, index))
        }
        Some(_) if lowest.is_some_and(|m| m < WRITES_NEW_ENTRIES || all_known && m > WRITES_NEW_ENTRIES) => {
            edits.push(Edit::ConditionEnded(key));
        }
        Some(_) | None => {}
    }
}

/// What is waited for of a joiner that has not started.
pub fn start(v: View<'_>, joiner: &Member) -> Wait {
    match open(v, Some(joiner.id)) {
        None => Wait::Fact("the version of any member".to_owned()),
        Some(Open { next: None, .. }) => Wait::Start,
        Some(Open { minor, next: Some(why) }) => Wait::StartBelow(minor.next(), why),
    }
}
