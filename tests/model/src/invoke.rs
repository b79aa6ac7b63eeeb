//! Invocations: the real protocol, a call at a time.
//!
//! An invocation that holds no claim and has nothing more to do at once ends here. Going on, it would do what a new
//! invocation does, except that it would be older and would not repeat a call within three seconds; other invocations
//! repeat calls anyway.

use membership::change::{Change, Effect};
use membership::decision::{Refusal, Verdict};
use membership::ids::{Nonce, RequestId};
use membership::invocation::{Answer, Invocation, Next, Written};
use membership::ledger::Ledger;
use membership::map_timestamps::MapTimestamps;
use membership::observation::{Observation, Seen};

use crate::clock::{LIFETIME, NOW, a_step_later, essential};
use crate::etcd::{Reply, unanswered};
use crate::state::{Basis, Host, InFlight, Place, Run, Stage};
use crate::step::Step;
use crate::world::Second;

/// What an invocation does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// It ends: a new invocation would do the same.
    End,
    Go(Stage),
}

/// Whether an invocation hears the answer to its write or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    Heard,
    Lost,
}

impl Step<'_> {
    /// An invocation begins, and looks.
    pub fn begin(&mut self, run: usize, hidden: Option<u8>) -> bool {
        let first_free = self.s.runs.iter().position(|r| r.stage.is_none());
        let free = match self.world.second {
            Second::None => first_free == Some(run),
            _ => self.s.runs[run].stage.is_none(),
        };
        if !free || run >= self.world.runs {
            return false;
        }
        let nonce = self.fresh_nonce();
        let request = RequestId(format!("n{nonce}"));
        let invocation = Invocation::with_guards(request, NOW.plus(LIFETIME), self.world.guards);
        let invocation = self.t.invocations.number(invocation);
        self.s.runs[run] = Run { invocation, nonce, ..Run::default() };
        self.look(run, hidden);
        true
    }

    /// The lowest nonce that neither the ledger nor another invocation has.
    fn fresh_nonce(&self) -> u8 {
        let ledger = self.ledger();
        let claim = (*ledger).as_ref().and_then(|l| l.claim.as_ref()).map(|c| c.nonce.as_str());
        let taken = |n: u8| {
            let here = self.s.runs.iter().any(|r| r.stage.is_some() && r.nonce == n);
            here || claim == Some(format!("n{n}").as_str())
        };
        (1..u8::MAX).find(|n| !taken(*n)).unwrap_or(0)
    }

    /// An invocation that holds a claim, or may hold one, looks again.
    pub fn look_again(&mut self, run: usize, hidden: Option<u8>) -> bool {
        let due = self.s.runs[run].stage == Some(Stage::Look);
        if due {
            self.look(run, hidden);
        }
        due
    }

    fn look(&mut self, run: usize, hidden: Option<u8>) {
        let seen = self.observe(self.deployment(run), hidden);
        let (invocation, nonce) = (self.s.runs[run].invocation, self.s.runs[run].nonce);
        let known = self.t.looks.get(&(invocation, seen, nonce)).copied();
        let (after, then) = match known.filter(|_| self.story.is_none()) {
            Some(known) => known,
            None => self.look_anew(run, seen),
        };
        self.s.runs[run].invocation = after;
        self.s.runs[run].seen = seen;
        self.s.runs[run].basis = Basis {
            well: self.s.mask(Host::well),
            answered: self.s.mask(Host::answers),
            desired: self.s.desired,
            corrupt: self.s.corrupt,
            owns: self.owns(self.deployment(run)),
            late: false,
        };
        self.goes_on(run, then);
    }

    fn look_anew(&mut self, run: usize, seen: u32) -> (u32, Then) {
        let Run { invocation: before, nonce, .. } = self.s.runs[run];
        let mut invocation = (*self.t.invocations.get(before)).clone();
        let obs = self.t.observations.get(seen);
        let (decision, next) = invocation.look(&obs, NOW, Nonce(format!("n{nonce}")));
        if let Some(proposal) = &decision.proposal {
            self.tell(|| format!("it decides: {}", proposal.change));
        }
        for edit in &decision.edits {
            self.tell(|| format!("it notes: {edit}"));
        }
        let then = self.then(&invocation, next);
        let after = self.t.invocations.number(invocation);
        self.t.looks.insert((before, seen, nonce), (after, then));
        (after, then)
    }

    /// Whether a look finds nothing to do and nothing to wait for.
    pub fn looks_settled(&mut self) -> bool {
        let seen = self.observe(self.s.holder, None);
        if let Some(settled) = self.t.settled.get(&seen) {
            return *settled;
        }
        let obs = self.t.observations.get(seen);
        let mut decision = membership::decide::decide(&obs, NOW, None);
        // It stands for as long as the group's pool takes back, and keeps nothing from settling.
        let pool = Verdict::Refused(Refusal::PoolTakesBack);
        decision.notes.retain(|note| note.verdict != pool);
        let settled = decision.is_settled();
        self.t.settled.insert(seen, settled);
        settled
    }

    fn then(&mut self, invocation: &Invocation, next: Next) -> Then {
        match next {
            Next::Look | Next::Rest if invocation.holds_claim() => Then::Go(Stage::Look),
            Next::Look | Next::Rest => Then::End,
            Next::Write(ledger) => {
                let ledger = self.t.ledgers.number(Some(essential(&ledger)));
                Then::Go(Stage::Write { ledger, fresh: true })
            }
            Next::Perform(effects) => Then::Go(Stage::Perform(self.t.effects.number(effects))),
            Next::Ask(effect) => Then::Go(Stage::Ask(self.t.effects.number(vec![effect]))),
        }
    }

    fn goes_on(&mut self, run: usize, then: Then) {
        match then {
            Then::End => self.s.runs[run] = Run::default(),
            Then::Go(stage) => self.s.runs[run].stage = Some(stage),
        }
    }

    /// The write or the call that an invocation is about to make happens.
    pub fn land(&mut self, run: usize, reception: Reception) -> bool {
        let heard = reception == Reception::Heard;
        match self.s.runs[run].stage {
            None | Some(Stage::Look) => return false,
            Some(Stage::Write { ledger, fresh }) => {
                let there = fresh && self.write(run, ledger);
                let written = if there && heard { Written::Yes } else { Written::Unclear };
                self.hears(run, |invocation, obs, _| invocation.wrote(written, obs, NOW));
            }
            Some(Stage::Perform(effects)) => {
                for effect in self.t.effects.get(effects).iter() {
                    self.execute(effect, self.s.runs[run].basis);
                }
                let holds = self.t.invocations.get(self.s.runs[run].invocation).holds_claim();
                self.goes_on(run, if holds { Then::Go(Stage::Look) } else { Then::End });
            }
            Some(Stage::Ask(effect)) => {
                let answer = self.ask(run, effect);
                self.answered(run, if heard { answer } else { unanswered() });
            }
        }
        true
    }

    fn hears(&mut self, run: usize, what: impl FnOnce(&mut Invocation, &Observation, Nonce) -> Next) {
        let Run { invocation, seen, nonce, .. } = self.s.runs[run];
        let mut invocation = (*self.t.invocations.get(invocation)).clone();
        let obs = self.t.observations.get(seen);
        let next = what(&mut invocation, &obs, Nonce(format!("n{nonce}")));
        let then = self.then(&invocation, next);
        self.s.runs[run].invocation = self.t.invocations.number(invocation);
        self.goes_on(run, then);
    }

    fn answered(&mut self, run: usize, answer: Answer) {
        if let Answer::Refused { why, .. } = &answer {
            self.tell(|| format!("etcd refuses: {why}"));
        }
        self.hears(run, |i, obs, nonce| i.answered(answer, obs, NOW, nonce));
    }

    /// The compare-and-swap.
    fn write(&mut self, run: usize, number: u32) -> bool {
        let deployment = self.deployment(run);
        let (before, after) = (self.t.ledgers.get(self.ledger_of(deployment)), self.t.ledgers.get(number));
        let Some(after) = &*after else { return false };
        let before = (*before).as_ref();
        self.check_one_ledger(run);
        self.check_ledger(before, after);
        self.s.ledger = number;
        for other in 0..self.s.runs.len() {
            let same = self.deployment(other) == deployment;
            if let Some(Stage::Write { fresh, .. }) = &mut self.s.runs[other].stage
                && same
            {
                *fresh = false;
            }
        }
        let own = Nonce(format!("n{}", self.s.runs[run].nonce));
        let claimed = |l: &Ledger| l.claim.as_ref().is_some_and(|c| c.nonce == own);
        if claimed(after) && !before.is_some_and(claimed) {
            let change = after.claim.as_ref().map(|c| c.proposal.change.clone());
            let change = change.filter(Change::changes_membership);
            self.s.runs[run].change = self.t.changes.number(change);
            // What is done under this claim may not rest on what was true only before the claim was written.
            self.s.runs[run].basis.well = self.s.mask(Host::well);
            self.tell(|| "its claim is written".to_owned());
        }
        true
    }

    /// The call that an invocation is about to make, with the change of the membership that it asks for.
    fn call_in_flight(&self, run: usize, number: u32) -> InFlight {
        let effects = self.t.effects.get(number);
        let membership = matches!(
            effects.first(),
            Some(Effect::AddLearner { .. } | Effect::Promote { .. } | Effect::RemoveMember { .. })
        );
        let change = if membership { self.s.runs[run].change } else { 0 };
        let cluster = (*self.ledger()).as_ref().map_or(0, crate::etcd::token);
        InFlight { place: None, to: 0, effect: number, change, cluster, basis: self.s.runs[run].basis }
    }

    fn ask(&mut self, run: usize, number: u32) -> Answer {
        let call = self.call_in_flight(run, number);
        self.check_one_at_a_time(&call);
        let effects = self.t.effects.get(number);
        let Some(effect) = effects.first() else { return unanswered() };
        self.tell(|| format!("it asks: {effect}"));
        match &*self.t.changes.get(call.change) {
            None => {
                self.execute(effect, call.basis);
                Answer::Done
            }
            Some(change) => match self.arrive(effect, change, call.basis) {
                Reply::Answered(answer) => answer,
                Reply::Lost => unanswered(),
                Reply::Waits(place) => {
                    self.post(call, place);
                    unanswered()
                }
            },
        }
    }

    /// A call is on its way. Returns false if the model has no room for it.
    fn post(&mut self, call: InFlight, place: Place) -> bool {
        self.tell(|| format!("its call waits: {place:?}"));
        let Some(slot) = self.s.in_flight.iter_mut().find(|l| l.place.is_none()) else { return false };
        *slot = InFlight { place: Some(place), basis: Basis { late: true, ..call.basis }, ..call };
        true
    }

    /// How many steps of time a call may still take: a change of the membership none, another call until its claim
    /// expires.
    fn stays_alive(&self, run: usize, call: &InFlight) -> u8 {
        let claimed = if self.s.runs[run].old { 1 } else { 2 };
        if call.change == 0 { claimed } else { 0 }
    }

    /// An invocation gives up its call, which is still on its way.
    pub fn give_up(&mut self, run: usize) -> bool {
        let Some(Stage::Ask(number)) = self.s.runs[run].stage else { return false };
        let call = self.call_in_flight(run, number);
        self.check_one_at_a_time(&call);
        let posted = self.post(call, Place::Flying(self.stays_alive(run, &call)));
        self.answered(run, unanswered());
        posted
    }

    /// An invocation dies.
    pub fn die(&mut self, run: usize) -> bool {
        let there = self.s.runs[run].stage.is_some();
        self.s.runs[run] = Run::default();
        there
    }

    /// An invocation dies after it sent its call.
    pub fn die_sent(&mut self, run: usize) -> bool {
        let Some(Stage::Ask(number)) = self.s.runs[run].stage else { return false };
        let call = self.call_in_flight(run, number);
        self.check_one_at_a_time(&call);
        let posted = self.post(call, Place::Flying(self.stays_alive(run, &call)));
        self.s.runs[run] = Run::default();
        posted
    }

    /// A call in flight arrives.
    pub fn deliver(&mut self, number: usize) -> bool {
        let call = self.s.in_flight[number];
        let Some(Place::Flying(_)) = call.place else { return false };
        self.s.in_flight[number] = InFlight::default();
        let effects = self.t.effects.get(call.effect);
        let Some(effect) = effects.first() else { return false };
        self.tell(|| format!("the call: {effect}"));
        match &*self.t.changes.get(call.change) {
            None => self.execute(effect, call.basis),
            Some(change) => {
                let reply = match call.to {
                    0 => self.arrive(effect, change, call.basis),
                    to => self.handed_on(call.cluster, to, change, call.basis),
                };
                if let Reply::Waits(place) = reply {
                    return self.post(call, place);
                }
            }
        }
        true
    }

    /// One step of time passes for an invocation: Lambda ends it in its second step.
    pub fn run_grows_older(&mut self, number: usize) {
        let run = self.s.runs[number];
        if run.stage.is_none() {
            return;
        }
        if run.old {
            self.tell(|| format!("Lambda ends invocation {}", number + 1));
            self.s.runs[number] = Run::default();
            return;
        }
        let stage = match run.stage {
            Some(Stage::Write { ledger, fresh }) => {
                // The write carries the time of its decision.
                let older = self.t.ledgers.get(ledger).as_ref().as_ref().map(crate::clock::older);
                Some(Stage::Write { ledger: self.t.ledgers.number(older), fresh })
            }
            other => other,
        };
        let invocation = self.older_invocation(run.invocation);
        let seen = self.older_observation(run.seen);
        self.s.runs[number] = Run { stage, invocation, seen, old: true, ..run };
    }

    fn older_invocation(&mut self, number: u32) -> u32 {
        if let Some(older) = self.t.older_invocations.get(&number) {
            return *older;
        }
        let older = self.t.invocations.get(number).map_timestamps(&a_step_later);
        let older = self.t.invocations.number(older);
        self.t.older_invocations.insert(number, older);
        older
    }

    fn older_observation(&mut self, number: u32) -> u32 {
        if let Some(older) = self.t.older_observations.get(&number) {
            return *older;
        }
        let mut obs = (*self.t.observations.get(number)).clone();
        if let Seen::Known(Some(ledger)) = &mut obs.ledger {
            *ledger = crate::clock::older(ledger);
        }
        let older = self.t.observations.number(obs);
        self.t.older_observations.insert(number, older);
        older
    }

    /// A call on the network arrives within its time, or never.
    pub fn in_flight_grow_older(&mut self) {
        for call in &mut self.s.in_flight {
            match call.place {
                Some(Place::Flying(0)) => *call = InFlight::default(),
                Some(Place::Flying(left)) => call.place = Some(Place::Flying(left - 1)),
                _ => {}
            }
        }
        self.s.in_flight.sort_by_key(|l| l.place.is_none());
    }
}
