//! What each call does to the world, and the check that it may be repeated (I7).

use membership::change::Effect;
use membership::env;
use membership::ids::InstanceId;

use crate::observe::{address, id, number};
use crate::state::{Basis, Invariant, State};
use crate::step::Step;

impl Step<'_> {
    /// Makes a call, and checks that the same call made again changes nothing more.
    pub fn execute(&mut self, effect: &Effect, basis: Basis) {
        self.tell(|| format!("done: {effect}"));
        self.execute_once(effect, basis);
        let once = State { broken: None, ..self.s };
        let broken = self.s.broken;
        self.execute_once(effect, basis);
        let twice = State { broken: None, ..self.s };
        self.s = State { broken, ..once };
        if twice != once {
            self.broken(Invariant::I7, || format!("made twice, the call changes more: {effect}"));
        }
    }

    fn execute_once(&mut self, effect: &Effect, basis: Basis) {
        match effect {
            Effect::CreateEnv { instance, env } => self.with(instance, |step, host| {
                if step.s.envs[host] == 0 {
                    step.put_env(host, env);
                }
            }),
            Effect::OverwriteEnv { instance, env } => {
                self.with(instance, |step, host| step.put_env(host, env));
            }
            // A lease is an entry for a learner that waits for one; no learner of this world does.
            Effect::GrantLease { .. } => {}
            Effect::MoveLeader { via, to } => self.move_leader(via, to.0 as u8),
            Effect::ContinueLaunch(id) => self.with(id, |step, host| {
                step.continue_launch(host, "an invocation");
            }),
            Effect::AbandonLaunch(id) => self.with(id, |step, host| {
                step.check_kill(host, effect, basis);
                step.abandon_launch(host);
            }),
            Effect::AbandonTerminate(id) if self.world.retains => self.with(id, |step, host| {
                step.retain(host);
            }),
            Effect::ContinueTerminate(id) | Effect::AbandonTerminate(id) => self.with(id, |step, host| {
                step.continue_termination(host);
            }),
            Effect::SetUnhealthy(id) => self.with(id, |step, host| {
                step.check_kill(host, effect, basis);
                step.s.hosts[host].healthy = false;
            }),
            Effect::PutEndpoints(urls) => {
                self.s.endpoints = Some(urls.iter().fold(0, |mask, url| mask | 1 << address(url)));
            }
            Effect::DeletePublished => self.s.endpoints = None,
            Effect::DeleteEnv(id) => self.with(id, |step, host| step.s.envs[host] = 0),
            // See `Step::up_to_date`.
            Effect::PutInitialCluster(_) => {}
            Effect::CreateOwner(owner) => self.create_owner(owner),
            Effect::TakeOwner(owner) => self.take_owner(owner),
            // `Step::arrive` makes these: they are asked of etcd.
            Effect::AddLearner { .. } | Effect::Promote { .. } | Effect::RemoveMember { .. } => {}
        }
    }

    fn with(&mut self, id: &InstanceId, act: impl FnOnce(&mut Self, usize)) {
        if let Some(host) = number(id).filter(|h| *h < self.s.hosts.len()) {
            act(self, host);
        }
    }

    /// Checks I1 (each generation has one seed) and I5 (a sealed env stays sealed).
    fn put_env(&mut self, host: usize, text: &str) {
        let before = self.t.texts.get(self.s.envs[host]);
        if env::is_sealed(&before) && !env::is_sealed(text) {
            self.broken(Invariant::I5, || format!("the sealed env of {} is opened again", id(host)));
        }
        let founds = |text: &str| env::value(text, "ETCD_INITIAL_CLUSTER_STATE") == Some("new");
        let token = |text: &str| env::value(text, "ETCD_INITIAL_CLUSTER_TOKEN").map(str::to_owned);
        let other = self.s.envs.iter().enumerate().any(|(other, env)| {
            let env = self.t.texts.get(*env);
            other != host && founds(&env) && token(&env) == token(text)
        });
        if founds(text) && other {
            self.broken(Invariant::I1, || format!("{} is a second seed of its generation", id(host)));
        }
        self.s.envs[host] = self.t.texts.number(text.to_owned());
    }
}
