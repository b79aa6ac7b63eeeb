//! One step of the world: an action, and all that follows from it by itself.

use std::sync::Arc;

use membership::ledger::{ConditionKey, Ledger, Phase};

use crate::action::Action;
use crate::clock::ANCIENT;
use crate::invoke::Reception;
use crate::observe::id;
use crate::owners::RECORD;
use crate::state::{Condition, Etcd, Invariant, Life, Machine, State};
use crate::tables::Tables;
use crate::world::{Second, World};

/// A step that is being taken.
pub struct Step<'a> {
    pub world: &'a World,
    /// The world's tables.
    pub t: &'a mut Tables,
    /// The state as far as the step has come.
    pub s: State,
    /// Where the sentences of the step go, if they are wanted.
    pub story: Option<&'a mut Vec<String>>,
}

impl Step<'_> {
    /// Adds a sentence to the story.
    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(what());
        }
    }

    /// Notes that an invariant is broken. Only the first broken invariant counts.
    pub fn broken(&mut self, which: Invariant, how: impl FnOnce() -> String) {
        if self.s.broken.is_none() {
            self.s.broken = Some(which);
            self.tell(|| format!("BROKEN {which:?}: {}", how()));
        }
    }

    /// The ledger as it is stored now.
    pub fn ledger(&self) -> Arc<Option<Ledger>> {
        self.t.ledgers.get(self.s.ledger)
    }

    /// Takes the action. Returns false if it cannot happen in this state.
    pub fn take(&mut self, action: Action) -> bool {
        let happens = self.act(action);
        if happens {
            self.settle_down();
        }
        happens
    }

    fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Begin(run, hidden) => self.hide(hidden) && self.begin(run.into(), hidden),
            Action::Look(run, hidden) => self.hide(hidden) && self.look_again(run.into(), hidden),
            Action::Land(run) => self.land(run.into(), Reception::Heard),
            Action::Unheard(run) => {
                spend(&mut self.s.faults.answers) && self.land(run.into(), Reception::Lost)
            }
            Action::Late(run) => spend(&mut self.s.faults.late) && self.give_up(run.into()),
            Action::Die(run) => spend(&mut self.s.faults.deaths) && self.die(run.into()),
            Action::DieSent(run) => spend(&mut self.s.faults.deaths) && self.die_sent(run.into()),
            Action::Deliver(call) => self.deliver(call.into()),
            Action::Wait => self.time_passes(),
            Action::DesireMore => spend(&mut self.s.faults.scales) && self.desire(self.s.desired + 1),
            Action::DesireLess => spend(&mut self.s.faults.scales) && self.desire(self.s.desired - 1),
            Action::Empty(false) => spend(&mut self.s.faults.nights) && self.empty(false),
            Action::Empty(true) => spend(&mut self.s.faults.ends) && self.empty(true),
            Action::Morning => self.morning(),
            Action::Alarm => spend(&mut self.s.faults.alarms) && self.raise_alarm(),
            Action::Disarm => std::mem::take(&mut self.s.corrupt),
            Action::DeleteOwner => spend(&mut self.s.faults.deletions) && self.s.owner.take().is_some(),
            Action::Stalled => spend(&mut self.s.faults.patience) && self.age(ConditionKey::Stalled),
            Action::Launch(at) => self.launch(at.map(usize::from)),
            _ => self.act_on_host(action),
        }
    }

    fn act_on_host(&mut self, action: Action) -> bool {
        match action {
            Action::Boot(h) => self.boot(h.into()),
            Action::Ready(h) => self.ready(h.into()),
            Action::Notice(h) => self.notice(h.into()),
            Action::Terminated(h) => self.terminated(h.into()),
            Action::Return(h) => self.comes_back(h.into()),
            Action::ScaleIn(h) => self.scale_in(h.into()),
            Action::Recover(h) => self.recover(h.into()),
            Action::Kill(h) => spend(&mut self.s.faults.kills) && self.kill(h.into()),
            Action::Freeze(h) => {
                spend(&mut self.s.faults.freezes) && self.falls_silent(h.into(), Condition::Frozen)
            }
            Action::Deafen(h) => {
                spend(&mut self.s.faults.deaf) && self.falls_silent(h.into(), Condition::Deaf)
            }
            Action::Crash(h) => spend(&mut self.s.faults.crashes) && self.crash(h.into()),
            Action::LoseDisk(h) => spend(&mut self.s.faults.disks) && self.lose_disk(h.into()),
            Action::Terminate(h) => {
                let left_over = self.ended() && self.s.hosts[usize::from(h)].life == Life::InService;
                (left_over || spend(&mut self.s.faults.terminations)) && self.terminate(h.into())
            }
            Action::HookTimeout(h) => {
                let certain = self.launch_hook_is_over(h.into());
                (certain || spend(&mut self.s.faults.timeouts)) && self.hook_timeout(h.into())
            }
            Action::PatienceOver(h) => spend(&mut self.s.faults.patience) && self.patience_over(h.into()),
            Action::EndRetained(h) => self.end_retained(h.into()),
            Action::FromPool(h) => self.leaves_the_pool(h.into()),
            _ => false,
        }
    }

    fn hide(&mut self, hidden: Option<u8>) -> bool {
        let Some(host) = hidden else { return true };
        if host == RECORD {
            return self.s.owner.is_some_and(|r| r.age == 0) && spend(&mut self.s.faults.stale);
        }
        let there = !matches!(self.s.hosts[usize::from(host)].life, Life::Nowhere | Life::Out);
        there && spend(&mut self.s.faults.hidden)
    }

    fn desire(&mut self, desired: u8) -> bool {
        self.s.desired = desired;
        (1..=4).contains(&desired)
    }

    /// A wait that is longer than any step of time is over.
    fn patience_over(&mut self, host: usize) -> bool {
        match self.s.hosts[host].life {
            Life::Leaving | Life::Pooling => self.age(ConditionKey::TerminateWaiting(id(host))),
            Life::Pending => self.age(ConditionKey::LaunchWaiting(id(host))),
            _ => false,
        }
    }

    /// Whether the operator ended the cluster. An instance of it that runs on, because the size was raised again, is
    /// then left to the operator, who ends it.
    fn ended(&self) -> bool {
        (*self.ledger()).as_ref().is_some_and(|l| l.generation.phase == Phase::Ended)
    }

    /// A launch hook at its cap, which no heartbeat moves, ends soon: its timeout is then no fault. In a cluster that the
    /// operator ended, no member's launch is kept alive.
    fn launch_hook_is_over(&self, host: usize) -> bool {
        let key = ConditionKey::LaunchWaiting(id(host));
        let since = (*self.ledger()).as_ref().and_then(|l| l.since(&key));
        let ended =
            self.ended() && (*self.ledger()).as_ref().is_some_and(|l| l.instances.contains_key(&id(host)));
        self.s.hosts[host].life == Life::Pending && (since == Some(ANCIENT) || ended)
    }

    /// Makes a condition of the ledger as old as a condition can be. Time does this and not a write, so a write of an
    /// invocation that read the ledger before still succeeds.
    fn age(&mut self, key: ConditionKey) -> bool {
        let Some(mut ledger) = (*self.ledger()).clone() else { return false };
        let Some(condition) = ledger.conditions.get_mut(&key).filter(|m| m.since != ANCIENT) else {
            return false;
        };
        if self.s.busy() {
            // An invocation that looked before would take the condition for younger than it is.
            return false;
        }
        condition.since = ANCIENT;
        self.s.ledger = self.t.ledgers.number(Some(ledger));
        true
    }

    /// One step of time passes. It is free while nobody has anything to do; otherwise it is a fault, and bounded: the
    /// patiences of these worlds are only as long as a real machine takes to boot.
    fn time_passes(&mut self) -> bool {
        if (self.s.busy() || self.somebody_is_due()) && !spend(&mut self.s.faults.delays) {
            return false;
        }
        self.s.ledger = self.older_ledger(self.s.ledger);
        self.s.other = self.older_ledger(self.s.other);
        for run in 0..self.s.runs.len() {
            self.run_grows_older(run);
        }
        self.in_flight_grow_older();
        self.record_grows_older();
        true
    }

    fn older_ledger(&mut self, ledger: u32) -> u32 {
        if let Some(older) = self.t.older_ledgers.get(&ledger) {
            return *older;
        }
        let older = self.t.ledgers.get(ledger).as_ref().as_ref().map(crate::clock::older);
        let number = self.t.ledgers.number(older);
        self.t.older_ledgers.insert(ledger, number);
        number
    }

    /// Whether a machine, the group, or an invocation that began now would do something at once.
    fn somebody_is_due(&mut self) -> bool {
        let (before, story) = (self.s, self.story.take());
        let hosts =
            (0..before.hosts.len() as u8).filter(|h| before.hosts[usize::from(*h)].life != Life::Nowhere);
        let due = |h: u8| {
            [Action::Boot(h), Action::Ready(h), Action::Notice(h), Action::Terminated(h), Action::Return(h)]
        };
        let mut all: Vec<Action> = hosts.clone().flat_map(due).collect();
        all.extend(hosts.map(Action::ScaleIn));
        all.extend([Action::Launch(None), Action::Begin(0, None)]);
        if self.world.second != Second::None {
            all.push(Action::Begin(1, None));
        }
        let any = all.into_iter().any(|action| {
            let happens = self.act(action) && self.s != before;
            self.s = before;
            happens
        });
        self.story = story;
        any
    }

    /// Does what follows from the action by itself, and checks the state.
    fn settle_down(&mut self) {
        self.etcd_settles();
        self.bases_grow();
        self.check_state();
        self.forget_hosts();
        self.forget_clusters();
    }

    /// The number of an instance that has left no trace anywhere is free for the next instance.
    fn forget_hosts(&mut self) {
        let in_flight = self.s.in_flight.iter().any(|l| l.place.is_some());
        if self.s.busy() || in_flight || !self.s.hosts.iter().any(|h| h.life == Life::Out) {
            return;
        }
        let ledger = self.ledger();
        for host in 0..self.s.hosts.len() {
            let h = self.s.hosts[host];
            let over = h.life == Life::Out && h.machine == Machine::Terminated && self.s.envs[host] == 0;
            let named =
                self.s.clusters.iter().flat_map(|c| c.listed()).any(|m| usize::from(m.name) == host + 1);
            let of = |key: &ConditionKey| key.instance() == Some(&id(host));
            let known = (*ledger).as_ref().is_some_and(|l| {
                l.instances.contains_key(&id(host))
                    || l.conditions.keys().any(of)
                    || l.claim.as_ref().is_some_and(|c| c.proposal.change.instance() == Some(&id(host)))
                    || l.unanswered.iter().any(|m| m.change.instance() == Some(&id(host)))
                    || l.seed() == Some(&id(host))
            });
            if over && !named && !known {
                self.s.hosts[host] = Default::default();
            }
        }
        self.renumber_launches();
    }

    /// Numbers the launches from 1 again: only their order matters.
    fn renumber_launches(&mut self) {
        let mut orders: Vec<u8> =
            self.s.hosts.iter().filter(|h| h.life != Life::Nowhere).map(|h| h.order).collect();
        orders.sort_unstable();
        for host in self.s.hosts.iter_mut().filter(|h| h.life != Life::Nowhere) {
            host.order = orders.iter().position(|o| *o == host.order).unwrap_or(0) as u8 + 1;
        }
    }

    /// A cluster of a past generation is forgotten with the last disk that holds its data.
    fn forget_clusters(&mut self) {
        if self.s.clusters[1].token == 0 {
            return;
        }
        let now = (*self.ledger()).as_ref().map_or(0, |l| l.generation.number as u8);
        for cluster in 0..self.s.clusters.len() {
            let token = self.s.clusters[cluster].token;
            if token != now && !self.s.hosts.iter().any(|h| h.cluster == token) {
                self.s.clusters[cluster] = Default::default();
            }
        }
        self.s.clusters.sort_by_key(|c| (c.token == 0, c.token));
    }

    /// Whether all is as it should be and a look finds nothing to do.
    pub fn settled(&mut self) -> bool {
        let in_flight = self.s.in_flight.iter().any(|l| l.place.is_some());
        if self.s.busy() || in_flight || self.s.broken.is_some() || self.s.corrupt {
            return false;
        }
        let ledger = self.ledger();
        let Some(ledger) = &*ledger else { return false };
        let quiet = ledger.claim.is_none() && ledger.unanswered.is_empty();
        if ledger.generation.phase != Phase::Formed || !quiet {
            return false;
        }
        let Some(cluster) = self.s.cluster(ledger.generation.number as u8).copied() else { return false };
        let there: Vec<_> = self
            .s
            .hosts
            .iter()
            .filter(|h| !matches!(h.life, Life::Nowhere | Life::Out | Life::Pooled))
            .collect();
        let serves = |h: &&crate::state::Host| {
            let votes = cluster.member(h.member).is_some_and(|m| !m.learner) && h.cluster == cluster.token;
            h.life == Life::InService && h.healthy && h.answers() && h.etcd == Etcd::Running && votes
        };
        let serving = there.iter().copied().filter(|h| serves(h)).count();
        let desired = usize::from(self.s.desired);
        if serving != desired || there.len() != desired || cluster.listed().count() != desired {
            return false;
        }
        self.looks_settled()
    }
}

/// Takes one from a budget. Returns false if none is left.
pub fn spend(left: &mut u8) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}
