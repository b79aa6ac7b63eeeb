//! Which etcd may join, and which may be promoted.
//!
//! A joiner's version is not known before it has its env. So the env names the minors that the boot script lets
//! start: a learner that never starts costs nothing and is removed again. A learner that runs is asked itself.

use super::View;
use crate::decision::{Refusal, Wait};
use crate::env::Minors;
use crate::etcd::Member;
use crate::guard::Guard;
use crate::ids::MemberId;
use crate::ledger::{ConditionKey, Source};
use crate::version::{
    Closed, ENTRIES_UNTIL_SNAPSHOT, Minor, NEEDS_PERSISTED_PROMOTIONS, PERSISTS_PROMOTIONS,
    READS_NO_OLD_ENTRIES, Version, WRITES_NEW_ENTRIES,
};

/// The version that this member's server told just now.
pub fn version(v: View<'_>, member: &Member) -> Option<Version> {
    Version::parse(&v.status(member)?.version)
}

/// The members beside this one, each with its version where it is known.
fn others(v: View<'_>, joiner: Option<MemberId>) -> Vec<(MemberId, Option<Version>)> {
    let members = v.list().into_iter().flat_map(|l| &l.members).filter(|m| Some(m.id) != joiner);
    members.map(|m| (m.id, version(v, m))).collect()
}

/// What stands against an etcd of this minor beside the other members. Where another member already runs the minor,
/// one more does no new harm. The first member of a minor needs every member's version to be known.
fn may_run_beside(v: View<'_>, joiner: Option<MemberId>, minor: Minor) -> Result<(), Closed> {
    let others = others(v, joiner);
    let known: Vec<(MemberId, Version)> =
        others.iter().filter_map(|(m, version)| Some((*m, (*version)?))).collect();
    let Some(cluster) = known.iter().map(|(_, version)| version.minor).min().filter(|m| *m != minor) else {
        return Ok(());
    };
    v.require(Guard::OneMinorAtATime, minor == cluster.next(), || Closed::OutOfReach { cluster })?;
    if minor == NEEDS_PERSISTED_PROMOTIONS
        && let Some((member, old)) = known.iter().find(|(_, version)| *version < PERSISTS_PROMOTIONS)
    {
        v.require(Guard::PromotionsPersist, false, || Closed::TooOld(*member, *old))?;
    }
    if minor == READS_NO_OLD_ENTRIES
        && let Some(grown) = log_growth(v)
    {
        let adopted = v.ledger.generation.source == Source::Adopted;
        let gone = grown > ENTRIES_UNTIL_SNAPSHOT;
        v.require(Guard::OldEntriesGone, gone, || Closed::OldEntries { grown, adopted })?;
    }
    let first = known.iter().all(|(_, version)| version.minor != minor);
    match others.iter().find(|(_, version)| version.is_none()).filter(|_| first) {
        Some((member, _)) => v.require(Guard::VersionsKnown, false, || Closed::Unknown(*member)),
        None => Ok(()),
    }
}

/// By how many entries the log has grown since the last 3.5 member left. `None` where there never was a 3.5 member.
fn log_growth(v: View<'_>) -> Option<u64> {
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

/// Whether the cluster was founded here by an etcd whose entries every later etcd reads. No older etcd was ever let
/// in.
pub fn born_new(v: View<'_>) -> bool {
    let generation = &v.ledger.generation;
    let founder = generation.identity.as_ref().and_then(|i| Version::parse(&i.version));
    generation.source == Source::New && founder.is_some_and(|f| f.minor >= WRITES_NEW_ENTRIES)
}

/// Which minors may join now. `None` where no member tells its version: then nobody may join.
pub fn open(v: View<'_>, joiner: Option<MemberId>) -> Option<Open> {
    let minor = others(v, joiner).into_iter().filter_map(|(_, version)| Some(version?.minor)).min()?;
    Some(Open { minor, next: may_run_beside(v, joiner, minor.next()).err() })
}

/// The lowest minor of the members, which may always join, and what stands against the next.
pub struct Open {
    minor: Minor,
    next: Option<Closed>,
}

impl Open {
    /// The minors for the env of a joiner.
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
        Some(version) => may_run_beside(v, Some(learner.id), version.minor).err(),
        None => Some(Closed::Unknown(learner.id)),
    };
    why.map(|why| Refusal::Version { version: status.version.clone(), why })
}

/// Whether the learner's version can never be let in while the others stay as they are.
pub fn hopeless(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Version { why: Closed::OutOfReach { .. }, .. })
}

/// What is waited for of a joiner that has not started.
pub fn start(v: View<'_>, joiner: &Member) -> Wait {
    match open(v, Some(joiner.id)) {
        None => Wait::NoVersionKnown,
        Some(Open { next: None, .. }) => Wait::Start,
        Some(Open { minor, next: Some(why) }) => Wait::StartBelow(minor.next(), why),
    }
}
