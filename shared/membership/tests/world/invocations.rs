//! Invocations as the controller drives them: observe in pieces, decide, write, perform or ask. Each call arrives
//! early, late or never, and each invocation may die anywhere.

use membership::change::{Change, Effect};
use membership::decision::Decision;
use membership::etcd::{EtcdView, KeysHash};
use membership::ids::{InstanceId, Nonce, RequestId, Timestamp};
use membership::invocation::{Answer, Invocation, Next, Written};
use membership::ledger::{ConditionKey, Ledger};
use membership::observation::{Observation, Seen};
use membership::owner::Ownership;
use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use super::in_flight::{Basis, Call, Place};

/// Lambda ends an invocation after this long.
const TIMEOUT: u64 = 60_000;
/// An invocation waits for the answer to a change for `LONGEST_CHANGE`; `CLOCKS_APART` later the change is over by
/// every clock. The functions use the same spans.
pub const LONGEST_CHANGE: Duration = Duration::from_secs(4);
pub const CLOCKS_APART: Duration = Duration::from_secs(3);

#[derive(Clone, Debug)]
pub struct Run {
    pub invocation: Invocation,
    pub deadline: u64,
    pub wake: u64,
    stage: Stage,
    pub obs: Observation,
    pub misses: BTreeMap<String, u32>,
    pub began: u64,
    /// By how many milliseconds this invocation's clock differs.
    pub clock: i64,
    nonces: u32,
    awaiting: Option<u64>,
    /// Which deployment's function it is.
    pub deployment: usize,
    /// The record of the owner, once it has settled.
    pub owner: Option<Ownership>,
    /// The hashes that were asked for last, by client URL.
    pub hashes: BTreeMap<String, Seen<KeysHash>>,
    /// Since when the copies were known to differ when the hashes were asked.
    pub doubted: Option<Timestamp>,
}

#[derive(Clone, Debug)]
enum Stage {
    Group,
    Store,
    EtcdFirst,
    EtcdRest(Vec<String>, Vec<String>),
    Decide,
    AwaitWrite,
    AwaitAnswer,
    Written(Written),
    Answered(Answer),
}

/// A write or a call on its way.
#[derive(Clone, Debug)]
pub struct Landing {
    pub run: u64,
    pub what: What,
    pub basis: Basis,
}

#[derive(Clone, Debug)]
pub enum What {
    Write { ledger: Box<Ledger>, over: Option<Box<Ledger>>, deployment: usize },
    Effect { effect: Effect, call: Option<u64>, asked: bool },
}

impl World {
    /// An event of an instance starts a function, in a world with events; a few events come twice or never.
    pub fn event(&mut self) {
        if self.events {
            let times = if self.rng.chance(50) { self.rng.between(0, 1) * 2 } else { 1 };
            (0..times).for_each(|_| self.invoke());
        }
    }

    pub fn invoke(&mut self) {
        self.invoke_of(0);
    }

    pub fn invoke_of(&mut self, deployment: usize) {
        if self.now < self.outage.functions {
            return;
        }
        self.tally.invocations += 1;
        self.ids += 1;
        let (id, now) = (self.ids, self.now);
        let request = RequestId(format!("r{id}"));
        let clock = self.rng.between(0, 1_000) as i64 - 500;
        let deadline = Timestamp((now + TIMEOUT).saturating_add_signed(clock));
        let run = Run {
            invocation: Invocation::with_guards(request, deadline, self.guards),
            deadline: now + TIMEOUT,
            wake: now,
            stage: Stage::Group,
            obs: self.blank(),
            misses: BTreeMap::new(),
            began: now,
            clock,
            nonces: 0,
            awaiting: None,
            deployment,
            owner: None,
            hashes: BTreeMap::new(),
            doubted: None,
        };
        self.runs.insert(id, run);
    }

    fn blank(&self) -> Observation {
        let nothing = || "not looked at yet".to_owned();
        Observation {
            cluster: "c".into(),
            group: Seen::unseen(nothing()),
            owner: Seen::unseen(nothing()),
            ledger: Seen::unseen(nothing()),
            parameters: Seen::unseen(nothing()),
            etcd: EtcdView::default(),
            names: BTreeMap::new(),
            reports: BTreeMap::new(),
        }
    }

    /// One stage of one invocation.
    pub fn run(&mut self, id: u64) {
        let Some(mut run) = self.runs.remove(&id) else { return };
        let killed = self.now >= run.deadline
            || (self.hostile() && self.rng.chance(3))
            || (self.now < self.outage.crashes && self.rng.chance(40));
        if killed {
            if run.invocation.holds_claim() {
                self.tell(format!("r{id} dies with its claim"));
            }
            return;
        }
        let goes_on = self.stage(id, &mut run);
        let held_up = if self.sluggish { 40 } else { 4 };
        if self.hostile() && self.rng.chance(held_up) {
            run.wake += self.rng.between(1_000, 25_000);
        }
        if goes_on {
            self.runs.insert(id, run);
        }
    }

    fn stage(&mut self, id: u64, run: &mut Run) -> bool {
        let (quick, silence) = (self.rng.between(5, 120), self.rng.between(800, 2_000));
        match std::mem::replace(&mut run.stage, Stage::Group) {
            Stage::Group => {
                if self.now + 3_000 > run.deadline && !run.invocation.holds_claim() {
                    return false;
                }
                run.began = self.now;
                run.obs.group = self.see_group();
                (run.stage, run.wake) = (Stage::Store, self.now + quick);
            }
            Stage::Store => {
                self.see_store(run);
                (run.stage, run.wake) = (Stage::EtcdFirst, self.now + quick);
            }
            Stage::EtcdFirst => {
                let (probes, lists) = self.split_urls(&run.obs);
                let ledger = run.obs.ledger.known().and_then(Option::as_ref);
                let doubted = ledger.and_then(|l| l.since(&ConditionKey::HashesDiffer));
                // What was told before another invocation found a difference does not end that doubt.
                if doubted > run.doubted {
                    (run.doubted, run.hashes) = (doubted, BTreeMap::new());
                }
                let (list_misses, hashes) = (run.obs.etcd.list_misses, run.hashes.clone());
                run.obs.etcd = EtcdView { list_misses, hashes, ..EtcdView::default() };
                let silent = self.see_etcd(run, &probes.first, &lists.first);
                run.stage = Stage::EtcdRest(probes.second, lists.second);
                run.wake = self.now + if silent { silence } else { quick };
            }
            Stage::EtcdRest(probes, lists) => {
                let silent = self.see_etcd(run, &probes, &lists);
                let none = run.obs.etcd.lists.values().all(|l| l.known().is_none());
                run.obs.etcd.list_misses = if none { run.obs.etcd.list_misses + 1 } else { 0 };
                run.stage = Stage::Decide;
                run.wake = self.now + if silent { silence } else { quick };
            }
            Stage::Decide if self.compares(run) => {
                (run.stage, run.wake) = (Stage::Group, self.now + silence);
            }
            Stage::Decide => return self.decide(id, run),
            Stage::AwaitWrite | Stage::Written(Written::Unclear) => {
                let next = run.invocation.wrote(Written::Unclear, &run.obs, self.clock(run));
                self.follow(id, run, next);
            }
            Stage::Written(written) => {
                let next = run.invocation.wrote(written, &run.obs, self.clock(run));
                self.follow(id, run, next);
            }
            Stage::AwaitAnswer => {
                let (why, deadline) = ("timed out".to_owned(), self.clock(run).plus(CLOCKS_APART));
                self.answered(id, run, Answer::Unanswered { why, deadline });
            }
            Stage::Answered(answer) => self.answered(id, run, answer),
        }
        true
    }

    pub fn clock(&self, run: &Run) -> Timestamp {
        Timestamp(self.now.saturating_add_signed(run.clock))
    }

    fn nonce(&mut self, id: u64, run: &mut Run) -> Nonce {
        run.nonces += 1;
        Nonce(format!("r{id}-{}", run.nonces))
    }

    fn decide(&mut self, id: u64, run: &mut Run) -> bool {
        let (now, nonce) = (self.clock(run), self.nonce(id, run));
        let mut twin = run.nonces.is_multiple_of(4).then(|| run.invocation.clone());
        let (decision, next) = run.invocation.look(&run.obs, now, nonce.clone());
        if let Some(twin) = twin.as_mut()
            && twin.look(&run.obs, now, nonce) != (decision.clone(), next.clone())
        {
            self.broken("I11", "the same observation led to two decisions".to_owned());
        }
        self.keep_alive(&decision);
        if let Some(p) = &decision.proposal
            && !matches!(next, Next::Rest | Next::Look)
        {
            self.tell(format!("r{id} decides: {}", p.change));
        }
        if self.last_words {
            let notes: Vec<String> = decision.notes.iter().map(ToString::to_string).collect();
            self.tell(format!("r{id} sees: {}", notes.join("; ")));
        }
        let refused = self.is_refused(&decision);
        if !refused {
            self.settled = decision.is_settled();
        }
        if (refused || decision.is_settled()) && !run.invocation.holds_claim() {
            return false;
        }
        self.follow(id, run, next);
        true
    }

    fn keep_alive(&mut self, decision: &Decision) {
        let (now, heartbeat) = (self.now, self.heartbeat);
        if now < self.outage.group {
            return;
        }
        for kept in &decision.keep_alive {
            if !self.hostile() || self.rng.chance(950) {
                self.edit(&kept.instance, |h| h.hook_deadline = h.hook_deadline.max(now + heartbeat));
            }
        }
    }

    fn answered(&mut self, id: u64, run: &mut Run, answer: Answer) {
        let nonce = self.nonce(id, run);
        let next = run.invocation.answered(answer, &run.obs, self.clock(run), nonce);
        self.follow(id, run, next);
    }

    fn follow(&mut self, id: u64, run: &mut Run, next: Next) {
        run.awaiting = None;
        (run.stage, run.wake) = (Stage::Group, self.now + 10);
        match next {
            Next::Look => {}
            Next::Rest => run.wake = self.now + self.rng.between(800, 2_500),
            Next::Write(ledger) => {
                let over = run.obs.ledger.known().cloned().flatten().map(Box::new);
                let what = What::Write { ledger, over, deployment: run.deployment };
                run.awaiting = self.send(id, what, Basis::default());
                (run.stage, run.wake) = (Stage::AwaitWrite, self.now + 4_000);
            }
            Next::Perform(effects) => {
                for effect in effects {
                    let basis = self.basis(run, None);
                    self.send(id, What::Effect { effect, call: None, asked: false }, basis);
                }
                run.wake = self.now + 300;
            }
            Next::Ask(effect) => {
                let change = self.intended.get(&id).cloned();
                let basis = self.basis(run, change.as_ref().and_then(Change::instance));
                let call = self.register(id, run, &effect, &basis);
                run.awaiting = self.send(id, What::Effect { effect, call, asked: true }, basis);
                (run.stage, run.wake) = (Stage::AwaitAnswer, self.now + LONGEST_CHANGE.as_millis() as u64);
            }
        }
    }

    fn basis(&self, run: &Run, leaving: Option<&InstanceId>) -> Basis {
        let group = run.obs.group.known();
        let ledger = run.obs.ledger.known().and_then(Option::as_ref);
        let since = leaving.and_then(|id| ledger?.since(&ConditionKey::TerminateWaiting(id.clone())));
        let patience = group.map(|g| g.settings.leave_patience).unwrap_or_default();
        Basis {
            since: run.began.max(self.claim_at.min(self.now)),
            desired: group.map_or(0, |g| g.desired),
            forced: since.map_or(patience.is_zero(), |at| self.clock(run).since(at) >= patience),
        }
    }

    /// Notes a change of the membership as sent.
    fn register(&mut self, id: u64, run: &Run, effect: &Effect, basis: &Basis) -> Option<u64> {
        let ledger = run.obs.ledger.known().and_then(Option::as_ref)?;
        let change = match effect {
            Effect::AddLearner { .. } | Effect::Promote { .. } | Effect::RemoveMember { .. } => {
                self.intended.get(&id).cloned()?
            }
            _ => return None,
        };
        let cluster = ledger.cluster_id().map_or(0, |c| c.0);
        self.ids += 1;
        let call = Call { change, cluster, basis: basis.clone(), place: Place::Flying };
        self.check_one_at_a_time(&call, id);
        self.calls.insert(self.ids, call);
        Some(self.ids)
    }

    fn send(&mut self, run: u64, what: What, basis: Basis) -> Option<u64> {
        let slow = self.hostile() && self.rng.chance(30);
        let delay = if slow { self.rng.between(500, 3_400) } else { self.rng.between(5, 120) };
        self.ids += 1;
        let id = self.ids;
        if self.hostile() && self.rng.chance(8) {
            if let What::Effect { call: Some(call), .. } = what {
                self.calls.remove(&call);
            }
            return Some(id);
        }
        self.landings.insert((self.now + delay, id), Landing { run, what, basis });
        Some(id)
    }

    /// A call lands. Its answer reaches the invocation if the invocation still waits for it.
    pub fn land(&mut self, id: u64, landing: Landing) {
        let run = landing.run;
        let swallowed = match &landing.what {
            What::Write { .. } => self.now < self.outage.store,
            What::Effect { effect, .. } => self.outage.swallows(effect, self.now),
        };
        if swallowed {
            return;
        }
        let stage = match landing.what {
            What::Write { ledger, over, deployment } => {
                Stage::Written(self.compare_and_swap(run, deployment, *ledger, over.as_deref()))
            }
            What::Effect { effect, call, asked } => {
                let answer = self.execute(run, &effect, call, &landing.basis);
                if !asked {
                    return;
                }
                match answer {
                    Some(answer) => Stage::Answered(answer),
                    None => return,
                }
            }
        };
        let lost = self.hostile() && self.rng.chance(25);
        let wake = self.now + self.rng.between(5, 100);
        if let Some(run) = self.runs.get_mut(&run).filter(|r| r.awaiting == Some(id) && !lost) {
            (run.stage, run.wake) = (stage, wake);
        }
    }

    fn compare_and_swap(
        &mut self,
        run: u64,
        deployment: usize,
        ledger: Ledger,
        over: Option<&Ledger>,
    ) -> Written {
        if self.deployments.ledger_of(deployment) != over {
            return Written::Unclear;
        }
        self.check_one_ledger(deployment);
        self.check_ledger(&ledger);
        let before = self.store().and_then(|l| l.claim.as_ref()).map(|c| c.nonce.clone());
        if let Some(claim) = &ledger.claim
            && before.as_ref() != Some(&claim.nonce)
        {
            self.claim_at = self.now;
            self.intended.insert(run, claim.proposal.change.clone());
        }
        if let Some(outcome) = ledger.history.last()
            && over.and_then(|l| l.history.last()) != Some(outcome)
        {
            self.tell(format!("r{run} writes: {}", outcome.text));
        }
        self.set_store(deployment, ledger);
        Written::Yes
    }
}
