//! The protocol of one invocation as a state machine: claim, look again wholly, act, close.
//!
//! It is fed what was seen and what came of the last call, and says what to do next. Its driver (the controller with
//! the real clients, a test with a simulated world) has no decision of its own to make.

mod answer;
mod map_timestamps;
mod outcome;

use std::mem;
use std::time::Duration;

pub use self::answer::{Answer, Performed, Retry, Written};
use self::outcome::{decided_instead, done, ended, lands_late, unanswered};
use crate::change::{Change, Effect, Proposal};
use crate::decide::{Added, decide_with, joiner_env_after_add};
use crate::decision::{Decision, Refusal, Subject};
use crate::etcd::MemberList;
use crate::guard::{Guard, Guards};
use crate::ids::{MemberId, Nonce, RequestId, Timestamp};
use crate::ledger::{Claim, Edit, EnvState, Ledger, Writer, apply};
use crate::observation::{Observation, Seen};
use crate::recent::Recent;

/// Clocks differ by less than this, so the claimant of an expired claim is certainly dead.
pub const CLOCK_SLACK: Duration = Duration::from_secs(5);
/// No claim is taken with less time than this left: it could not be closed.
pub const TIME_FOR_A_CLAIM: Duration = Duration::from_secs(6);
/// With less time than this left, a claim is closed whatever became of it.
pub const TIME_TO_CLOSE: Duration = Duration::from_secs(2);
/// etcd refuses changes for some 5 s after a connection began. It is asked again under the same claim, this often.
const PATIENCE_WITH_ETCD: u32 = 10;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Write this ledger, if the ledger that was read still stands, or if there still is no ledger.
    Write(Box<Ledger>),
    /// Make these calls, each of which is right however late it comes. Then look again.
    Perform(Vec<Effect>),
    /// Make this call, under the claim. Its answer decides what comes next.
    Ask(Effect),
    /// Look again, at once.
    Look,
    /// Look again after a while: nothing can be done now.
    Rest,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Free,
    /// A claim was written, or may have been.
    Claimed(Held),
    /// The learner was added, and its env is being created.
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

/// A claim, and how far its change has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    claim: Claim,
    /// The env of the learner that is to be promoted was sealed under this claim.
    sealed: bool,
    /// How often etcd has refused the call.
    refusals: u32,
}

/// The time of a call, and a nonce that no write has used.
struct Moment {
    now: Timestamp,
    nonce: Nonce,
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
    /// What came of calls since the last look, for the ledger.
    news: Vec<Edit>,
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
            news: Vec::new(),
        }
    }

    /// Whether it holds, or may hold, the claim.
    pub fn holds_claim(&self) -> bool {
        self.state != State::Free
    }

    /// Looks at what was seen. `nonce` is fresh for every call.
    pub fn look(&mut self, obs: &Observation, now: Timestamp, nonce: Nonce) -> (Decision, Next) {
        self.seen = obs.ledger.known().cloned().flatten();
        self.drop_a_lost_claim(obs);
        let mut decision = decide_with(obs, now, self.nonce(), self.guards);
        self.tell_news(&mut decision);
        let at = Moment { now, nonce };
        let next = match mem::replace(&mut self.state, State::Free) {
            State::Free => self.act_freely(obs, &decision, at),
            State::Claimed(held) => self.act_claimed(&decision, held, at),
            State::CreatingEnv { claim, recorded } => self.close_added(claim, recorded, at),
            State::Closing { claim, outcome } => self.close(claim, outcome, at),
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
        if let Some(call) = self.mutant_call_without_a_look(obs, now) {
            return Next::Ask(call);
        }
        if self.pending.is_empty() { Next::Look } else { self.perform(now) }
    }

    /// The call of a claim that was written just now, without another look.
    fn mutant_call_without_a_look(&self, obs: &Observation, now: Timestamp) -> Option<Effect> {
        let State::Claimed(held) = &self.state else { return None };
        if self.guards.enforces(Guard::LookAgain) {
            return None;
        }
        decide_with(obs, now, Some(&held.claim.nonce), self.guards).calls.next(held.sealed)
    }

    /// A call that needs no claim came to this.
    pub fn performed(&mut self, effect: &Effect, came_to: Performed, now: Timestamp) {
        match came_to {
            Performed::Done => self.call_done(effect.call()),
            Performed::Failed => {}
            Performed::Gone => self.recent.in_vain(effect, now),
            Performed::Refused(why) => self.news.push(Edit::CallRefused(effect.call(), why)),
        }
    }

    fn call_done(&mut self, call: String) {
        let refused = self.seen.as_ref().is_some_and(|ledger| ledger.refused.0.contains_key(&call));
        let done = Edit::CallNotRefused(call, "it was done");
        if refused && !self.news.contains(&done) {
            self.news.push(done);
        }
    }

    /// What came of the calls goes into the ledger. Where there is no ledger, a refusal is told in this look alone.
    fn tell_news(&mut self, decision: &mut Decision) {
        if self.holds_claim() {
            return;
        }
        let mut news = mem::take(&mut self.news);
        if let Some(ledger) = &self.seen {
            // A call that was done is not made again, so its news is kept until it stands in the ledger.
            let stands = |call: &String| !ledger.refused.0.contains_key(call);
            news.retain(|edit| !matches!(edit, Edit::CallNotRefused(call, _) if stands(call)));
            let lasts = |edit: &&Edit| matches!(edit, Edit::CallNotRefused(..));
            self.news = news.iter().filter(lasts).cloned().collect();
            decision.edits.splice(0..0, news);
            return;
        }
        for edit in news {
            if let Edit::CallRefused(call, why) = edit {
                decision.refuse(Subject::Cluster, Refusal::CallRefused { call, why });
            }
        }
    }

    /// The call under the claim came to this.
    pub fn answered(&mut self, answer: Answer, obs: &Observation, now: Timestamp, nonce: Nonce) -> Next {
        let at = Moment { now, nonce };
        match mem::replace(&mut self.state, State::Free) {
            State::Claimed(held) => self.claimed_answer(answer, obs, held, at),
            State::CreatingEnv { claim, recorded } => self.close_added(claim, recorded, at),
            other @ (State::Free | State::Closing { .. }) => {
                self.state = other;
                Next::Look
            }
        }
    }

    fn perform(&mut self, now: Timestamp) -> Next {
        let effects = mem::take(&mut self.pending);
        self.recent.made(&effects, now);
        Next::Perform(effects)
    }

    fn nonce(&self) -> Option<&Nonce> {
        match &self.state {
            State::Free => None,
            State::Claimed(Held { claim, .. })
            | State::CreatingEnv { claim, .. }
            | State::Closing { claim, .. } => Some(&claim.nonce),
        }
    }

    /// A claim whose write failed, or that another invocation closed after it expired, is not ours.
    fn drop_a_lost_claim(&mut self, obs: &Observation) {
        let (Some(ours), Seen::Known(ledger)) = (self.nonce(), &obs.ledger) else {
            return;
        };
        let stands = ledger.as_ref().and_then(|l| l.claim.as_ref()).map(|c| &c.nonce);
        if self.guards.enforces(Guard::ClaimStands) && stands != Some(ours) {
            self.state = State::Free;
        }
    }

    fn act_freely(&mut self, obs: &Observation, d: &Decision, at: Moment) -> Next {
        self.pending = self.recent.without(&d.effects, at.now);
        let in_time = self.guards.allows(Guard::TimeForAClaim, at.now.plus(TIME_FOR_A_CLAIM) < self.deadline);
        match &d.proposal {
            Some(proposal) if in_time => {
                let claim = self.claim(obs, proposal, at.nonce.clone());
                let mut edits = d.edits.clone();
                edits.push(Edit::Claim(claim.clone()));
                self.state = State::Claimed(Held { claim, sealed: false, refusals: 0 });
                self.write(&edits, at)
            }
            _ if d.has_urgent_edits() => self.write(&d.edits, at),
            _ if self.pending.is_empty() => Next::Rest,
            _ => self.perform(at.now),
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

    /// The claim stands. Its change is asked only if the decision, made anew on everything, is still the same.
    fn act_claimed(&mut self, d: &Decision, held: Held, at: Moment) -> Next {
        let same = d.proposal.as_ref() == Some(&held.claim.proposal);
        let in_time = at.now.plus(TIME_TO_CLOSE) < self.deadline;
        let why = match (same, in_time, d.calls.clone().next(held.sealed)) {
            (true, true, Some(call)) => {
                self.state = State::Claimed(held);
                return Next::Ask(call);
            }
            (false, _, _) => decided_instead(&held.claim.proposal, d.proposal.as_ref()),
            (true, false, _) => "no time is left".to_owned(),
            (true, true, None) => "a fact that the call needs is missing".to_owned(),
        };
        let mut edits = d.edits.clone();
        edits.push(ended(&held.claim.proposal.change, &format!("withdrawn: {why}")));
        self.close(held.claim, edits, at)
    }

    fn claimed_answer(&mut self, answer: Answer, obs: &Observation, held: Held, at: Moment) -> Next {
        let change = &held.claim.proposal.change;
        if answer == Answer::Done
            && let Some(call) = change.call()
        {
            self.call_done(call);
        }
        let sealing = matches!(change, Change::Promote { .. }) && !self.was_sealed(&held);
        match answer {
            Answer::Done if sealing => {
                self.state = State::Claimed(Held { sealed: true, ..held });
                Next::Look
            }
            Answer::Done => {
                let outcome = done(change);
                self.close(held.claim, outcome, at)
            }
            Answer::Added(member, list) => self.create_env(obs, held, member, &list, at),
            Answer::Refused { retry: Retry::Soon, .. } if self.asks_again(&held, at.now) => {
                let refusals = held.refusals + 1;
                self.state = State::Claimed(Held { refusals, ..held });
                Next::Rest
            }
            Answer::Refused { why, retry: Retry::OnceMended } => {
                let call = change.call().unwrap_or_else(|| change.to_string());
                self.close(held.claim, vec![Edit::ClaimedCallRefused(call, why)], at)
            }
            Answer::Refused { why, .. } => {
                let outcome = vec![ended(change, &format!("refused: {why}"))];
                self.close(held.claim, outcome, at)
            }
            // An overwrite or a kill that may still land must not meet another change: the claim stands until it
            // expires.
            Answer::Unanswered { .. }
                if lands_late(change) && self.guards.enforces(Guard::LateLandingKeepsClaim) =>
            {
                Next::Rest
            }
            Answer::Unanswered { why, deadline } => {
                let outcome = unanswered(&held.claim, &why, deadline, sealing, self.guards);
                self.close(held.claim, outcome, at)
            }
        }
    }

    fn asks_again(&self, held: &Held, now: Timestamp) -> bool {
        held.refusals < PATIENCE_WITH_ETCD && now.plus(TIME_FOR_A_CLAIM) < self.deadline
    }

    /// Whether the env of the claim's instance is sealed, under this claim or before it.
    fn was_sealed(&self, held: &Held) -> bool {
        let instance = held.claim.proposal.change.instance();
        let record = instance.and_then(|id| self.seen.as_ref()?.instances.get(id));
        let before = record.is_some_and(|r| r.env != EnvState::Open);
        self.guards.allows(Guard::SealedBeforePromote, held.sealed || before)
    }

    fn create_env(
        &mut self,
        obs: &Observation,
        held: Held,
        member: MemberId,
        list: &MemberList,
        at: Moment,
    ) -> Next {
        let Change::AddLearner { instance, peer_url } = &held.claim.proposal.change else {
            self.state = State::Claimed(held);
            return Next::Look;
        };
        let claim = &held.claim;
        let added = Added { instance, member, peer_url, list };
        let env = joiner_env_after_add(obs, at.now, &claim.nonce, &added);
        let recorded = Edit::RecordMember { instance: instance.clone(), member, peer_url: peer_url.clone() };
        match env {
            Some(env) => {
                let call = Effect::CreateEnv { instance: instance.clone(), env };
                self.state = State::CreatingEnv { claim: held.claim, recorded };
                Next::Ask(call)
            }
            None => {
                let outcome = ended(&claim.proposal.change, "added; its env has still to be created");
                self.close(held.claim, vec![recorded, outcome], at)
            }
        }
    }

    /// Whether or not the env was created: the next look of any invocation creates an env that is missing.
    fn close_added(&mut self, claim: Claim, recorded: Edit, at: Moment) -> Next {
        let outcome = ended(&claim.proposal.change, "done");
        self.close(claim, vec![recorded, outcome], at)
    }

    fn close(&mut self, claim: Claim, outcome: Vec<Edit>, at: Moment) -> Next {
        self.pending.clear();
        let next = self.write(&outcome, at);
        self.state = State::Closing { claim, outcome };
        next
    }

    fn write(&self, edits: &[Edit], at: Moment) -> Next {
        let writer = Writer { request: self.request.clone(), nonce: at.nonce };
        match apply(self.seen.clone(), edits, &writer, at.now) {
            Some(ledger) => Next::Write(Box::new(ledger.stamped(&writer, at.now))),
            // The ledger could not be read. It is not read again at once.
            None => Next::Rest,
        }
    }
}
