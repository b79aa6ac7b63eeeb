//! Applies edits, and keeps the document consistent.

use super::conditions::{Condition, ConditionKey, Conditions};
use super::document::{
    CleanRound, EnvState, FORMAT, Generation, GroupIdentity, HistoryEntry, HookNames, Identity,
    InstanceRecord, Ledger, Phase, Seed, Source, Writer,
};
use super::edit::{Adoption, Edit};
use super::failures::Failures;
use super::refused::RefusedCalls;
use crate::change::Change;
use crate::ids::{ClusterName, InstanceId, MemberId, Timestamp};
use crate::instance::Transition;

/// The history keeps this many entries.
const HISTORY: usize = 50;

/// Applies edits to the ledger as read. Where there is no ledger, only the opening of a generation and an adoption
/// make one.
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
    // The waits are about instances and hooks, not about a generation, so they go on.
    let mut conditions: Conditions = before
        .iter()
        .flat_map(|l| l.conditions.clone())
        .filter(|(k, _)| matches!(k, ConditionKey::LaunchWaiting(_) | ConditionKey::TerminateWaiting(_)))
        .collect();
    conditions.insert(ConditionKey::Joining(seed.instance.clone()), Condition::began(now));
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
        instances: [(seed.instance.clone(), InstanceRecord::open(None, &seed.peer_url))].into(),
        claim: None,
        unanswered: Vec::new(),
        conditions,
        failures: before.as_ref().and_then(|l| l.failures.clone()),
        hooks: before.as_ref().map(|l| l.hooks.clone()).unwrap_or_default(),
        refused: before.as_ref().map(|l| l.refused.clone()).unwrap_or_default(),
        history: before.map(|l| l.history).unwrap_or_default(),
        moved_to: None,
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
        failures: None,
        history: Vec::new(),
        hooks: HookNames::default(),
        refused: RefusedCalls::default(),
        moved_to: None,
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
                self.conditions.remove(&ConditionKey::Receiving(instance.clone()));
                self.failures = self.failures.take().filter(|f| !f.end_with_a_vote());
                // A voter more, with a copy that nobody has compared.
                self.conditions.remove(&ConditionKey::Compared);
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
                self.conditions.insert(key.clone(), Condition::began(now));
            }
            Edit::Progress(instance, applied) => {
                self.conditions.insert(
                    ConditionKey::Joining(instance.clone()),
                    Condition { since: now, applied: *applied },
                );
            }
            Edit::GiveUp(instance, why) => {
                self.conditions.insert(ConditionKey::GivenUp(instance.clone()), Condition::began(now));
                self.remember(now, format!("{instance} is given up as a joiner: {why}"));
            }
            Edit::NoneIsMissing => self.failures = None,
            Edit::Failed { cause, origin, said } => {
                self.failures =
                    Some(Failures::after(self.failures.take(), *cause, origin, said.as_ref(), now));
            }
            Edit::AllAtMinor(minor, applied) => {
                let condition =
                    self.conditions.entry(ConditionKey::Version(*minor)).or_insert(Condition::began(now));
                condition.applied = *applied;
            }
            Edit::Compared(revision) => {
                let condition = Condition { since: now, applied: *revision };
                self.conditions.insert(ConditionKey::Compared, condition);
                if let Some(revision) = revision
                    && self.conditions.remove(&ConditionKey::HashesDiffer).is_some()
                {
                    self.remember(
                        now,
                        format!("the copies of all voters are equal again, at revision {revision}"),
                    );
                }
            }
            Edit::HashesDiffer(hashes) => {
                self.conditions.insert(ConditionKey::HashesDiffer, Condition::began(now));
                self.remember(now, format!("the voters' copies differ: {hashes}"));
            }
            Edit::ConditionEnded(key) => {
                self.conditions.remove(key);
                // The copy of a voter that is back after a silence was not compared with the others.
                if matches!(key, ConditionKey::Unproven(_)) {
                    self.conditions.remove(&ConditionKey::Compared);
                }
            }
            Edit::CallRefused(call, why) => self.call_refused(call, why, now),
            Edit::ClaimedCallRefused(call, why) => {
                self.claim = None;
                self.call_refused(call, why, now);
            }
            Edit::CallNotRefused(call, how) => {
                if self.refused.0.remove(call).is_some() {
                    self.remember(now, format!("AWS no longer refuses to {call}: {how}"));
                }
            }
            Edit::RememberHook(transition, name) => self.remember_hook(*transition, name, now),
            Edit::Forget(instance) => {
                self.instances.remove(instance);
                self.conditions.retain(|key, _| key.instance() != Some(instance));
            }
        }
    }

    /// The history tells a refusal that is repeated in the same words only once.
    fn call_refused(&mut self, call: &str, why: &str, now: Timestamp) {
        if self.refused.refused(call, why, now) {
            self.remember(now, format!("AWS refuses to {call}: {why}"));
        }
    }

    /// A hook that is replaced is told in the history. The first hook on record is not news.
    fn remember_hook(&mut self, transition: Transition, name: &str, now: Timestamp) {
        let slot = match transition {
            Transition::Launch => &mut self.hooks.launch,
            Transition::Terminate => &mut self.hooks.terminate,
        };
        if let Some(before) = slot.replace(name.to_owned()).filter(|before| before != name) {
            self.remember(now, format!("the {} hook is {name} now; it was {before}", transition.name()));
        }
    }

    fn record_identity(&mut self, identity: &Identity, now: Timestamp) {
        self.generation.identity = Some(identity.clone());
        self.failures = self.failures.take().filter(|f| !f.end_with_a_seed());
        let (Some(seed), Some(member)) = (self.seed().cloned(), identity.seed_member) else { return };
        if let Some(recorded) = self.instances.get_mut(&seed) {
            recorded.member = Some(member);
            recorded.voted = true;
        }
        self.conditions.remove(&ConditionKey::Joining(seed.clone()));
        self.remember(now, format!("cluster {} founded by {seed}, member {member}", identity.cluster));
    }

    fn record_member(&mut self, instance: &InstanceId, member: MemberId, peer_url: &str, now: Timestamp) {
        self.instances.insert(instance.clone(), InstanceRecord::open(Some(member), peer_url));
        self.conditions.insert(ConditionKey::Joining(instance.clone()), Condition::began(now));
    }

    /// When a generation is abandoned, a change in flight may have given an instance an env. Such an instance counts
    /// as given an env: all instances that might be members must be gone before the next generation opens.
    fn set_phase(&mut self, phase: Phase, now: Timestamp) {
        self.generation.phase = phase;
        self.remember(now, format!("generation {} {phase:?}", self.generation.number).to_lowercase());
        if phase != Phase::Abandoned {
            self.failures = None;
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
            self.instances.entry(instance).or_insert_with(|| InstanceRecord::open(None, &peer_url));
        }
        self.unanswered.clear();
    }
}
