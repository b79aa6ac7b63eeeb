//! The protocol of one invocation: claim, look again wholly, act, close (design, section 3), as a state machine.
//!
//! It is fed what was seen and what came of the last call, and says what to do next. Whoever drives it (the
//! controller with the real clients, a test with a simulated world) has no decision of its own to make.

mod map_timestamps;

use std::time::Duration;

use crate::change::{Change, Effect, Proposal};
use crate::decide::{decide_with, joiner_env_after_add, under_claim};
use crate::decision::Decision;
use crate::etcd::MemberList;
use crate::guard::{Guard, Guards};
use crate::ids::{MemberId, Nonce, RequestId, Timestamp};
use crate::ledger::{Claim, ConditionKey, Edit, Ledger, UnansweredChange, Writer, apply};
use crate::observation::{Observation, Seen};
use crate::recent::Recent;

/// Clocks differ by less than this: an expired claimant is certainly dead.
pub const CLOCK_SLACK: Duration = Duration::from_secs(5);
/// No claim is taken with less time than this left: it could not be closed.
pub const TIME_FOR_A_CLAIM: Duration = Duration::from_secs(6);
/// With less than this left, a claim is closed whatever became of it.
pub const TIME_TO_CLOSE: Duration = Duration::from_secs(2);
/// etcd refuses changes for some 5 s after a connection began: asked again under the same claim, this often.
const PATIENCE_WITH_ETCD: u32 = 10;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Write this ledger, if the one that was read still stands (or there still is none).
    Write(Box<Ledger>),
    /// Make these calls, each right however late it comes; then look again.
    Perform(Vec<Effect>),
    /// Make this one call, under the claim; its answer decides.
    Ask(Effect),
    /// Look again, at once.
    Look,
    /// Look again after a while: nothing can be done now.
    Rest,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    /// It is there.
    Yes,
    /// Someone else wrote first, or nobody knows: look.
    Unclear,
}

/// What came of a call under the claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It was done.
    Done,
    /// A learner was added; the list is etcd's own answer.
    Added(MemberId, MemberList),
    /// It was certainly not done.
    Refused {
        /// In whose words.
        why: String,
        /// The same call may succeed in a few seconds.
        again: bool,
    },
    /// It may or may not have been done.
    Unanswered {
        /// What happened instead.
        why: String,
        /// Until when the request itself may live.
        deadline: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Free,
    /// A claim was written, or may have been.
    Claimed {
        claim: Claim,
        sealed: bool,
        refusals: u32,
    },
    /// The learner was added and its env is being published.
    CreatingEnv {
        claim: Claim,
        recorded: Edit,
    },
    /// The claim's outcome is known and has to be written.
    Closing {
        claim: Claim,
        outcome: Vec<Edit>,
    },
}

/// One invocation on one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Invocation {
    request: RequestId,
    deadline: Timestamp,
    guards: Guards,
    state: State,
    seen: Option<Ledger>,
    pending: Vec<Effect>,
    recent: Recent,
}

impl Invocation {
    /// `deadline` is the moment at which the platform kills the invocation.
    pub fn new(request: RequestId, deadline: Timestamp) -> Self {
        Self::with_guards(request, deadline, Guards::all())
    }

    /// [`Invocation::new`], with one guard taken away: for tests.
    pub fn with_guards(request: RequestId, deadline: Timestamp, guards: Guards) -> Self {
        Self {
            request,
            deadline,
            guards,
            state: State::Free,
            seen: None,
            pending: Vec::new(),
            recent: Recent::default(),
        }
    }

    /// Whether it holds, or may hold, the claim.
    pub fn holds_claim(&self) -> bool {
        self.state != State::Free
    }

    /// Looks at what was seen. `nonce` is fresh for every call.
    pub fn look(&mut self, obs: &Observation, now: Timestamp, nonce: Nonce) -> (Decision, Next) {
        self.seen = obs.ledger.known().cloned().flatten();
        self.lose_what_was_lost(obs);
        let decision = decide_with(obs, now, self.nonce(), self.guards);
        let next = match self.state.clone() {
            State::Free => self.act_freely(obs, &decision, now, nonce),
            State::Claimed { claim, sealed, .. } => {
                self.act_claimed(obs, &decision, now, nonce, claim, sealed)
            }
            State::CreatingEnv { claim, recorded } => {
                self.close(claim, vec![recorded, Edit::Unclaim("added".to_owned())], now, nonce)
            }
            State::Closing { claim, outcome } => self.close(claim, outcome, now, nonce),
        };
        (decision, next)
    }

    /// The write came to this.
    pub fn wrote(&mut self, written: Written, obs: &Observation, now: Timestamp) -> Next {
        if written == Written::Unclear {
            self.pending.clear();
            return Next::Look;
        }
        if let State::Closing { .. } = self.state {
            self.state = State::Free;
            return Next::Look;
        }
        if let State::Claimed { claim, sealed, .. } = self.state.clone()
            && self.guards.hold(Guard::LookAgain, false)
            && let Some(effect) =
                under_claim(obs, now, &claim.nonce, self.guards, &claim.proposal.change, sealed)
        {
            return Next::Ask(effect);
        }
        if self.pending.is_empty() { Next::Look } else { self.perform(now) }
    }

    fn perform(&mut self, now: Timestamp) -> Next {
        let effects = std::mem::take(&mut self.pending);
        self.recent.made(&effects, now);
        Next::Perform(effects)
    }

    /// The call under the claim came to this.
    pub fn answered(&mut self, answer: Answer, obs: &Observation, now: Timestamp, nonce: Nonce) -> Next {
        match self.state.clone() {
            State::Claimed { claim, sealed, refusals } => {
                self.claimed_answer(answer, obs, now, nonce, claim, (sealed, refusals))
            }
            // Published or not: an env that is missing is published by whoever looks next.
            State::CreatingEnv { claim, recorded } => {
                let outcome = format!("{}: done", claim.proposal.change);
                self.close(claim, vec![recorded, Edit::Unclaim(outcome)], now, nonce)
            }
            State::Free | State::Closing { .. } => Next::Look,
        }
    }

    fn nonce(&self) -> Option<&Nonce> {
        match &self.state {
            State::Free => None,
            State::Claimed { claim, .. }
            | State::CreatingEnv { claim, .. }
            | State::Closing { claim, .. } => Some(&claim.nonce),
        }
    }

    /// A claim whose write failed, or that another closed after it expired, is not ours.
    fn lose_what_was_lost(&mut self, obs: &Observation) {
        let (Some(ours), Seen::Known(ledger)) = (self.nonce(), &obs.ledger) else {
            return;
        };
        let standing = ledger.as_ref().and_then(|l| l.claim.as_ref()).map(|c| &c.nonce);
        if !self.guards.hold(Guard::ClaimStands, standing == Some(ours)) {
            self.state = State::Free;
        }
    }

    fn act_freely(&mut self, obs: &Observation, d: &Decision, now: Timestamp, nonce: Nonce) -> Next {
        self.pending = self.recent.without(&d.effects, now);
        let in_time = self.guards.hold(Guard::TimeForAClaim, now.plus(TIME_FOR_A_CLAIM) < self.deadline);
        match &d.proposal {
            Some(proposal) if in_time => {
                let claim = self.claim(obs, proposal, nonce.clone());
                let mut edits = d.edits.clone();
                edits.push(Edit::Claim(claim.clone()));
                self.state = State::Claimed { claim, sealed: false, refusals: 0 };
                self.write(&edits, now, nonce)
            }
            _ if d.has_urgent_edits() => self.write(&d.edits, now, nonce),
            _ if self.pending.is_empty() => Next::Rest,
            _ => self.perform(now),
        }
    }

    fn claim(&self, obs: &Observation, proposal: &Proposal, nonce: Nonce) -> Claim {
        let cluster = self.seen.as_ref().and_then(Ledger::cluster_id);
        let lists = obs.etcd.lists.values().filter_map(Seen::known);
        let list =
            lists.filter(|l| Some(l.cluster) == cluster).max_by_key(|l| Some(l.served_by) == proposal.asked);
        Claim {
            nonce,
            request: self.request.clone(),
            generation: self.seen.as_ref().map_or(1, |l| l.generation.number),
            proposal: proposal.clone(),
            voters: list.into_iter().flat_map(MemberList::voters).map(|m| m.id).collect(),
            expires: self.deadline.plus(CLOCK_SLACK),
        }
    }

    /// The claim stands. Only if the decision, made anew on everything, is still the same is it carried out.
    fn act_claimed(
        &mut self,
        obs: &Observation,
        d: &Decision,
        now: Timestamp,
        nonce: Nonce,
        claim: Claim,
        sealed: bool,
    ) -> Next {
        let same = d.proposal.as_ref() == Some(&claim.proposal);
        let in_time = now.plus(TIME_TO_CLOSE) < self.deadline;
        let effect = under_claim(obs, now, &claim.nonce, self.guards, &claim.proposal.change, sealed);
        match effect {
            Some(effect) if same && in_time => Next::Ask(effect),
            _ => {
                let why = match (same, in_time) {
                    (false, _) => "the second look came to something else",
                    (true, false) => "no time is left",
                    (true, true) => "a fact that it needs is missing",
                };
                let outcome = format!("{}: withdrawn, {why}", claim.proposal.change);
                let mut edits = d.edits.clone();
                edits.push(Edit::Unclaim(outcome));
                self.close(claim, edits, now, nonce)
            }
        }
    }

    fn claimed_answer(
        &mut self,
        answer: Answer,
        obs: &Observation,
        now: Timestamp,
        nonce: Nonce,
        claim: Claim,
        (sealed, refusals): (bool, u32),
    ) -> Next {
        let change = claim.proposal.change.clone();
        match answer {
            Answer::Done if matches!(change, Change::Promote { .. }) && !self.was_sealed(&change, sealed) => {
                self.state = State::Claimed { claim, sealed: true, refusals };
                Next::Look
            }
            Answer::Done => self.close(claim, done(&change), now, nonce),
            Answer::Added(member, list) => self.publish(obs, now, nonce, claim, member, &list),
            Answer::Refused { again: true, .. }
                if refusals < PATIENCE_WITH_ETCD && now.plus(TIME_FOR_A_CLAIM) < self.deadline =>
            {
                self.state = State::Claimed { claim, sealed, refusals: refusals + 1 };
                Next::Rest
            }
            Answer::Refused { why, .. } => {
                self.close(claim, vec![Edit::Unclaim(format!("{change}: refused: {why}"))], now, nonce)
            }
            // An overwrite or a kill that may still land must not meet another's: the claim stands until it expires.
            Answer::Unanswered { .. }
                if lands_late(&change) && !self.guards.hold(Guard::LateLandingKeepsClaim, false) =>
            {
                self.state = State::Free;
                Next::Rest
            }
            Answer::Unanswered { why, deadline } => {
                let outcome = Edit::Unclaim(format!("{change}: unanswered: {why}"));
                let unanswered = UnansweredChange {
                    change: change.clone(),
                    asked: claim.proposal.asked,
                    voters: claim.voters.clone(),
                    deadline,
                    clean: None,
                };
                // The seal of a promotion may be repeated; the promotion itself was not sent yet.
                let sealing = matches!(change, Change::Promote { .. }) && !self.was_sealed(&change, sealed);
                let may_happen = change.changes_membership() && !sealing;
                let noted = may_happen && !self.guards.hold(Guard::UnansweredIsNoted, false);
                let edits =
                    if noted { vec![Edit::NoteUnanswered(unanswered), outcome] } else { vec![outcome] };
                self.close(claim, edits, now, nonce)
            }
        }
    }

    fn was_sealed(&self, change: &Change, sealed: bool) -> bool {
        let recorded = change.instance().and_then(|id| self.seen.as_ref()?.instances.get(id));
        let before = recorded.is_some_and(|r| r.env != crate::ledger::EnvState::Open);
        self.guards.hold(Guard::SealedBeforePromote, sealed || before)
    }

    fn publish(
        &mut self,
        obs: &Observation,
        now: Timestamp,
        nonce: Nonce,
        claim: Claim,
        member: MemberId,
        list: &MemberList,
    ) -> Next {
        let Change::AddLearner { instance, peer_url } = claim.proposal.change.clone() else {
            return Next::Look;
        };
        let env = joiner_env_after_add(obs, now, &claim.nonce, &instance, (member, &peer_url, list));
        let recorded = Edit::RecordMember { instance: instance.clone(), member, peer_url };
        match env {
            Some(env) => {
                self.state = State::CreatingEnv { claim, recorded };
                Next::Ask(Effect::CreateEnv { instance, env })
            }
            None => {
                let outcome = Edit::Unclaim(format!(
                    "{}: added, its env is still to be published",
                    claim.proposal.change
                ));
                self.close(claim, vec![recorded, outcome], now, nonce)
            }
        }
    }

    fn close(&mut self, claim: Claim, outcome: Vec<Edit>, now: Timestamp, nonce: Nonce) -> Next {
        self.pending.clear();
        self.state = State::Closing { claim, outcome: outcome.clone() };
        self.write(&outcome, now, nonce)
    }

    fn write(&self, edits: &[Edit], now: Timestamp, nonce: Nonce) -> Next {
        let writer = Writer { request: self.request.clone(), nonce };
        match apply(self.seen.clone(), edits, &writer, now) {
            Some(ledger) => Next::Write(Box::new(ledger.stamped(&writer, now))),
            // It could not be read: not at once again.
            None => Next::Rest,
        }
    }
}

/// Whether the change, landing late, could undo or kill what a later one made. (A late seal only seals again.)
fn lands_late(change: &Change) -> bool {
    match change {
        Change::RepairEnv { .. }
        | Change::AbandonLaunch { .. }
        | Change::RetainLeaving { .. }
        | Change::SetUnhealthy { .. } => true,
        Change::AddLearner { .. } | Change::Promote { .. } | Change::Remove { .. } | Change::Seal { .. } => {
            false
        }
    }
}

/// What is true once a change was made.
fn done(change: &Change) -> Vec<Edit> {
    let mut edits = match change {
        Change::Promote { instance, .. } | Change::Seal { instance } => {
            vec![Edit::RecordSealed(instance.clone())]
        }
        Change::Remove { .. } => vec![Edit::ConditionBegan(ConditionKey::Removed)],
        Change::AddLearner { .. }
        | Change::RepairEnv { .. }
        | Change::AbandonLaunch { .. }
        | Change::RetainLeaving { .. }
        | Change::SetUnhealthy { .. } => Vec::new(),
    };
    edits.push(Edit::Unclaim(format!("{change}: done")));
    edits
}
