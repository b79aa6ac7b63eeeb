//! The edits of the ledger: each says what has become known, and keeps the document consistent.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::conditions::{Condition, ConditionKey, Conditions};
use super::document::{
    Claim, CleanRound, EnvState, FORMAT, Generation, GroupIdentity, HistoryEntry, Identity, InstanceRecord,
    Ledger, Phase, Seed, Source, UnansweredChange, Writer,
};
use crate::change::Change;
use crate::ids::{ClusterName, InstanceId, MemberId, Timestamp};
use crate::version::Minor;

/// One edit. Applied in order to a copy of the ledger as read, then written by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Edit {
    /// Opens the next generation (the first, where there is no ledger) with this seed.
    OpenGeneration {
        /// The cluster, for the token.
        cluster: ClusterName,
        /// The group.
        group: GroupIdentity,
        /// The seed.
        seed: Seed,
    },
    /// Records a running cluster that something else created.
    Adopt(Adoption),
    /// Records what the generation turned out to be.
    RecordIdentity(Identity),
    /// Moves the generation on.
    SetPhase(Phase),
    /// Records an instance's member, for which an env is given.
    RecordMember {
        /// The instance.
        instance: InstanceId,
        /// Its member.
        member: MemberId,
        /// Its peer URL.
        peer_url: String,
    },
    /// Records an instance whose server answers as a member that is recorded for nobody: something else starts it.
    RecordForeign {
        /// The instance.
        instance: InstanceId,
        /// Its member.
        member: MemberId,
        /// Its peer URL.
        peer_url: String,
        /// Whether it votes.
        voter: bool,
    },
    /// Its member has answered a linearizable read as a voter.
    RecordVoted(InstanceId),
    /// Its env was sealed.
    RecordSealed(InstanceId),
    /// Takes the one change in flight.
    Claim(Claim),
    /// Clears the claim, with what came of it.
    Unclaim(String),
    /// Notes a change that may still happen.
    NoteUnanswered(UnansweredChange),
    /// An unanswered change's every voter answered without it, for the first time.
    NoteCleanRound {
        /// The change.
        change: Change,
        /// Who led.
        leader: MemberId,
        /// In which term.
        term: u64,
    },
    /// An unanswered change is settled, with how.
    SettleUnanswered(Change, String),
    /// Something holds from now on.
    ConditionBegan(ConditionKey),
    /// A joiner made progress.
    Progress(InstanceId, Option<u64>),
    /// A joiner is given up, and why.
    GiveUp(InstanceId, String),
    /// Every member was seen at this minor or a newer one; with the leader's applied index, read in a later look.
    AllAtMinor(Minor, Option<u64>),
    /// Something no longer holds.
    ConditionEnded(ConditionKey),
    /// The instance is gone and left nothing behind.
    Forget(InstanceId),
}

impl Edit {
    /// It can wait for a write that is needed anyway.
    pub fn tidies(&self) -> bool {
        match self {
            Edit::Forget(_) => true,
            Edit::ConditionEnded(key) => !matches!(
                key,
                ConditionKey::Unproven(_)
                    | ConditionKey::Gone(_)
                    | ConditionKey::Silent
                    | ConditionKey::Stalled
                    | ConditionKey::Joining(_)
                    | ConditionKey::Version(_)
            ),
            _ => false,
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Edit::OpenGeneration { seed, .. } => {
                write!(f, "open the next generation with seed {}", seed.instance)
            }
            Edit::Adopt(adoption) => {
                write!(
                    f,
                    "adopt cluster {} as generation {}",
                    adoption.identity.cluster, adoption.generation
                )?;
                adoption.members.iter().try_for_each(|(id, r)| match r.member {
                    Some(member) => write!(f, ", member {member} on {id}, {:?}", r.env),
                    None => Ok(()),
                })
            }
            Edit::RecordIdentity(Identity { cluster, seed_member: Some(founder), .. }) => {
                write!(f, "record cluster {cluster}, founded by member {founder}")
            }
            Edit::RecordIdentity(Identity { cluster, .. }) => write!(f, "record cluster {cluster}"),
            Edit::SetPhase(phase) => write!(f, "phase {}", format!("{phase:?}").to_lowercase()),
            Edit::RecordMember { instance, member, .. } => write!(f, "record {instance} as member {member}"),
            Edit::RecordForeign { instance, member, .. } => {
                write!(f, "record {instance}, whose server answers as member {member}")
            }
            Edit::RecordVoted(instance) => write!(f, "record that {instance} has voted"),
            Edit::RecordSealed(instance) => write!(f, "record that {instance} is sealed"),
            Edit::Claim(claim) => write!(f, "claim: {}", claim.proposal.change),
            Edit::Unclaim(outcome) => write!(f, "unclaim: {outcome}"),
            Edit::NoteUnanswered(unanswered) => write!(f, "unanswered: {}", unanswered.change),
            Edit::NoteCleanRound { change, leader, term } => {
                write!(f, "clean once, under member {leader} in term {term}: {change}")
            }
            Edit::SettleUnanswered(change, how) => write!(f, "settled, {how}: {change}"),
            Edit::ConditionBegan(key) => write!(f, "condition {key}"),
            Edit::Progress(instance, Some(applied)) => write!(f, "progress of {instance} at index {applied}"),
            Edit::Progress(instance, None) => write!(f, "progress of {instance}"),
            Edit::GiveUp(instance, why) => write!(f, "give up {instance}: {why}"),
            Edit::AllAtMinor(minor, None) => write!(f, "every member is {minor} or newer"),
            Edit::AllAtMinor(minor, Some(index)) => {
                write!(f, "every member is {minor} or newer, at index {index}")
            }
            Edit::ConditionEnded(key) => write!(f, "clear {key}"),
            Edit::Forget(instance) => write!(f, "forget {instance}"),
        }
    }
}

/// A running cluster, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Adoption {
    /// Its name.
    pub cluster: ClusterName,
    /// The group.
    pub group: GroupIdentity,
    /// What it says of itself.
    pub identity: Identity,
    /// 1, or the generation that its members' envs still tell of.
    pub generation: u32,
    /// The members that answered on an instance of the group.
    pub members: BTreeMap<InstanceId, InstanceRecord>,
}

/// The most outcomes that are kept.
const HISTORY: usize = 50;

/// Applies edits to the ledger as read. `None` stays `None` until a generation is opened.
pub fn apply(ledger: Option<Ledger>, edits: &[Edit], writer: &Writer, now: Timestamp) -> Option<Ledger> {
    let mut ledger = ledger;
    for edit in edits {
        ledger = match (ledger, edit) {
            (before, Edit::OpenGeneration { cluster, group, seed }) => {
                Some(open(before, cluster, group, seed, writer, now))
            }
            (None, Edit::Adopt(adoption)) => Some(adopt(adoption, writer, now)),
            (None, _) => None,
            (Some(mut ledger), edit) => {
                ledger.edit(edit, now);
                Some(ledger)
            }
        };
    }
    ledger
}

fn open(
    before: Option<Ledger>,
    cluster: &ClusterName,
    group: &GroupIdentity,
    seed: &Seed,
    writer: &Writer,
    now: Timestamp,
) -> Ledger {
    let number = before.as_ref().map_or(1, |l| l.generation.number + 1);
    let recorded =
        InstanceRecord { member: None, peer_url: seed.peer_url.clone(), env: EnvState::Open, voted: false };
    // The waits are about instances and hooks, not about a generation: they go on.
    let mut conditions: Conditions = before
        .iter()
        .flat_map(|l| l.conditions.clone())
        .filter(|(k, _)| matches!(k, ConditionKey::LaunchWaiting(_) | ConditionKey::TerminateWaiting(_)))
        .collect();
    conditions.insert(ConditionKey::Joining(seed.instance.clone()), Condition { since: now, applied: None });
    let mut ledger = Ledger {
        format: FORMAT,
        revision: before.as_ref().map_or(0, |l| l.revision),
        writer: writer.clone(),
        at: now,
        group: group.clone(),
        generation: Generation {
            number,
            token: format!("{cluster}-{number}"),
            seed: Some(seed.clone()),
            source: Source::New,
            opened_at: now,
            opened_by: writer.request.to_string(),
            phase: Phase::Opened,
            identity: None,
        },
        instances: [(seed.instance.clone(), recorded)].into(),
        claim: None,
        unanswered: Vec::new(),
        conditions,
        history: before.map(|l| l.history).unwrap_or_default(),
    };
    ledger.remember(now, format!("generation {number} opened with seed {}", seed.instance));
    ledger
}

/// The first ledger of a cluster that was running before.
fn adopt(adoption: &Adoption, writer: &Writer, now: Timestamp) -> Ledger {
    let (cluster, number) = (&adoption.cluster, adoption.generation);
    let mut ledger = Ledger {
        format: FORMAT,
        revision: 0,
        writer: writer.clone(),
        at: now,
        group: adoption.group.clone(),
        generation: Generation {
            number,
            token: format!("{cluster}-{number}"),
            seed: None,
            source: Source::Adopted,
            opened_at: now,
            opened_by: writer.request.to_string(),
            phase: Phase::Formed,
            identity: Some(adoption.identity.clone()),
        },
        instances: adoption.members.clone(),
        claim: None,
        unanswered: Vec::new(),
        conditions: Conditions::new(),
        history: Vec::new(),
    };
    ledger.remember(now, format!("cluster {} adopted as generation {number}", adoption.identity.cluster));
    ledger
}

impl Ledger {
    /// The document as the next write stores it.
    pub fn stamped(mut self, writer: &Writer, now: Timestamp) -> Ledger {
        self.revision += 1;
        self.writer = writer.clone();
        self.at = now;
        self
    }

    /// A copy with these edits applied.
    pub fn edited(&self, edits: &[Edit], now: Timestamp) -> Ledger {
        let mut ledger = self.clone();
        for edit in edits {
            ledger.edit(edit, now);
        }
        ledger
    }

    fn remember(&mut self, at: Timestamp, text: String) {
        self.history.push(HistoryEntry { at, text });
        let excess = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..excess);
    }

    fn edit(&mut self, edit: &Edit, now: Timestamp) {
        match edit {
            Edit::OpenGeneration { .. } | Edit::Adopt(_) => {}
            Edit::RecordIdentity(identity) => self.record_identity(identity, now),
            Edit::SetPhase(phase) => self.set_phase(*phase, now),
            Edit::RecordMember { instance, member, peer_url } => {
                self.record_member(instance, *member, peer_url, now);
            }
            Edit::RecordForeign { instance, member, peer_url, voter } => {
                let (member, peer_url) = (Some(*member), peer_url.clone());
                let recorded = InstanceRecord { member, peer_url, env: EnvState::Foreign, voted: *voter };
                self.instances.insert(instance.clone(), recorded);
            }
            Edit::RecordVoted(instance) => {
                if let Some(recorded) = self.instances.get_mut(instance) {
                    recorded.voted = true;
                }
                self.conditions.remove(&ConditionKey::Joining(instance.clone()));
            }
            Edit::RecordSealed(instance) => {
                if let Some(recorded) = self.instances.get_mut(instance) {
                    recorded.env = EnvState::Sealed;
                }
            }
            Edit::Claim(claim) => self.claim = Some(claim.clone()),
            Edit::Unclaim(outcome) => {
                self.claim = None;
                self.remember(now, outcome.clone());
            }
            Edit::NoteUnanswered(unanswered) => {
                self.unanswered.retain(|m| m.change != unanswered.change);
                self.unanswered.push(unanswered.clone());
            }
            Edit::NoteCleanRound { change, leader, term } => {
                for unanswered in self.unanswered.iter_mut().filter(|m| m.change == *change) {
                    unanswered.clean = Some(CleanRound { at: now, leader: *leader, term: *term });
                }
            }
            Edit::SettleUnanswered(change, how) => {
                self.unanswered.retain(|m| m.change != *change);
                self.remember(now, format!("{change}: {how}"));
            }
            Edit::ConditionBegan(key) => {
                self.conditions.insert(key.clone(), Condition { since: now, applied: None });
            }
            Edit::Progress(instance, applied) => {
                self.conditions.insert(
                    ConditionKey::Joining(instance.clone()),
                    Condition { since: now, applied: *applied },
                );
            }
            Edit::GiveUp(instance, why) => {
                self.conditions
                    .insert(ConditionKey::GivenUp(instance.clone()), Condition { since: now, applied: None });
                self.remember(now, format!("{instance} is given up as a joiner: {why}"));
            }
            Edit::AllAtMinor(minor, applied) => {
                let condition = self
                    .conditions
                    .entry(ConditionKey::Version(*minor))
                    .or_insert(Condition { since: now, applied: None });
                condition.applied = *applied;
            }
            Edit::ConditionEnded(key) => {
                self.conditions.remove(key);
            }
            Edit::Forget(instance) => {
                self.instances.remove(instance);
                self.conditions.retain(|key, _| key.instance() != Some(instance));
            }
        }
    }

    fn record_identity(&mut self, identity: &Identity, now: Timestamp) {
        self.generation.identity = Some(identity.clone());
        let (Some(seed), Some(member)) = (self.seed().cloned(), identity.seed_member) else { return };
        if let Some(recorded) = self.instances.get_mut(&seed) {
            recorded.member = Some(member);
            recorded.voted = true;
        }
        self.conditions.remove(&ConditionKey::Joining(seed.clone()));
        self.remember(now, format!("cluster {} founded by {seed}, member {member}", identity.cluster));
    }

    fn record_member(&mut self, instance: &InstanceId, member: MemberId, peer_url: &str, now: Timestamp) {
        let recorded = InstanceRecord {
            member: Some(member),
            peer_url: peer_url.to_owned(),
            env: EnvState::Open,
            voted: false,
        };
        self.instances.insert(instance.clone(), recorded);
        self.conditions
            .insert(ConditionKey::Joining(instance.clone()), Condition { since: now, applied: None });
    }

    /// Under `abandoned`, an instance that may have been given an env by a change still in flight counts as one
    /// that was: all who might be members must be gone before the next generation opens.
    fn set_phase(&mut self, phase: Phase, now: Timestamp) {
        self.generation.phase = phase;
        self.remember(now, format!("generation {} {phase:?}", self.generation.number).to_lowercase());
        if phase != Phase::Abandoned {
            return;
        }
        let in_flight =
            self.unanswered.iter().map(|m| &m.change).chain(self.claim.as_ref().map(|c| &c.proposal.change));
        let joiners: Vec<_> = in_flight
            .filter_map(|change| match change {
                Change::AddLearner { instance, peer_url } => Some((instance.clone(), peer_url.clone())),
                _ => None,
            })
            .collect();
        for (instance, peer_url) in joiners {
            self.instances.entry(instance).or_insert(InstanceRecord {
                member: None,
                peer_url,
                env: EnvState::Open,
                voted: false,
            });
        }
        self.unanswered.clear();
    }
}
