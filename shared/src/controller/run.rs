//! One invocation on one cluster: look, follow the core, until it is done or the time is up.

use std::time::Duration;

use membership::change::Effect;
use membership::decision::Decision;
use membership::ids::{ClusterName, RequestId, Timestamp};
use membership::invocation::{Answer, Invocation, Next, Written};
use membership::ledger::Ledger;
use membership::observation::{Group, Observation};
use tokio::time::sleep;

use super::MARGIN;
use super::clock::{nonce, now};
use super::ending::{is_done, nothing_to_wait_for};
use super::heartbeats::Heartbeats;
use super::report::{Notes, Outcome};
use crate::adapters::autoscaling::{AutoScalingError, DescribedGroup};
use crate::adapters::chain;
use crate::adapters::etcd::EtcdClient;
use crate::adapters::ledger::Write;
use crate::adapters::parameters::ParameterPath;
use crate::event::LifecycleAction;
use crate::execute::{EffectOutcome, ExecuteError, Executor, answer};
use crate::observe::{Observer, Round};
use crate::services::Services;

const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE_UNDER_CLAIM: Duration = Duration::from_secs(1);
/// A claim that is held is closed even in the last seconds; then nothing more.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// What came of following the core's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Followed {
    /// Something was done: look again at once.
    Progress,
    /// Nothing was done: look again after a while.
    Idle,
}

/// One invocation on one cluster.
pub struct Run<'a> {
    services: &'a Services,
    etcd: &'a EtcdClient,
    cluster: ClusterName,
    action: Option<LifecycleAction>,
    deadline: Timestamp,
    invocation: Invocation,
    heartbeats: Heartbeats,
    notes: Notes,
    performed: Vec<Effect>,
}

impl<'a> Run<'a> {
    /// A run that has seen nothing yet. With an action, it may stop as soon as the action's instance is done.
    pub fn new(
        services: &'a Services,
        etcd: &'a EtcdClient,
        request: &RequestId,
        deadline: Timestamp,
        cluster: ClusterName,
        action: Option<LifecycleAction>,
    ) -> Self {
        Self {
            services,
            etcd,
            cluster,
            action,
            deadline,
            invocation: Invocation::new(request.clone(), deadline),
            heartbeats: Heartbeats::default(),
            notes: Notes::default(),
            performed: Vec::new(),
        }
    }

    /// Runs, beginning with this description of the group.
    pub async fn finish(mut self, described: DescribedGroup) -> Outcome {
        let mut observer =
            Observer::new(self.services, self.etcd, self.cluster.clone(), described.name.clone());
        let mut described = Some(described);
        let mut pause = SHORTEST_PAUSE;
        loop {
            let round = observer.look(described.take()).await;
            let (decision, next) = self.invocation.look(&round.observation, now(), nonce());
            let news = self.notes.tell(&self.cluster, &decision);
            self.keep_alive(&decision, &round.observation).await;
            let followed = self.follow(next, &round).await;
            if let Some(outcome) = self.ending(&decision, &round.observation) {
                return outcome;
            }
            if followed == Followed::Progress || news {
                pause = SHORTEST_PAUSE;
            }
            if followed == Followed::Idle {
                sleep(pause).await;
                pause = (pause * 3 / 2).min(self.longest_pause());
            }
        }
    }

    /// Under a claim nobody else can act, and etcd often accepts a second later what it refuses now.
    fn longest_pause(&self) -> Duration {
        if self.invocation.holds_claim() { LONGEST_PAUSE_UNDER_CLAIM } else { LONGEST_PAUSE }
    }

    /// How the invocation ends now, if it does. A claim is never left open while there is time to close it.
    fn ending(&self, decision: &Decision, observation: &Observation) -> Option<Outcome> {
        let cluster = self.cluster.clone();
        let reserve = if self.invocation.holds_claim() { LAST_MOMENT } else { MARGIN };
        let done = self.action.as_ref().is_some_and(|a| is_done(a, observation));
        if !self.invocation.holds_claim() && (done || decision.is_settled()) {
            let notes = self.notes.list();
            tracing::info!(%cluster, outcome = "settled", notes = notes.join("; "));
            return Some(Outcome::Settled { cluster, notes });
        }
        let in_vain = !self.invocation.holds_claim() && nothing_to_wait_for(decision);
        if in_vain || now().plus(reserve) >= self.deadline {
            let notes = self.notes.list();
            tracing::info!(%cluster, outcome = "waiting", notes = notes.join("; "));
            return Some(Outcome::Waiting { cluster, notes });
        }
        None
    }

    async fn follow(&mut self, first: Next, round: &Round) -> Followed {
        let obs = &round.observation;
        let mut next = first;
        loop {
            next = match next {
                Next::Write(ledger) => {
                    let written = self.write(&ledger, round).await;
                    match self.invocation.wrote(written, obs, now()) {
                        Next::Look if written == Written::Unclear => return Followed::Idle,
                        next => next,
                    }
                }
                Next::Ask(effect) => {
                    let answer = self.ask(&effect, obs).await;
                    self.invocation.answered(answer, obs, now(), nonce())
                }
                Next::Perform(effects) => return self.perform(effects, obs).await,
                Next::Look => return Followed::Progress,
                Next::Rest => return Followed::Idle,
            }
        }
    }

    async fn write(&self, ledger: &Ledger, round: &Round) -> Written {
        let store = &self.services.ledgers;
        let write = match &round.version {
            Some(version) => store.replace(&self.cluster, ledger, version).await,
            None => store.create(&self.cluster, ledger).await,
        };
        let (cluster, revision) = (&self.cluster, ledger.revision);
        match write {
            Ok(write) => {
                match &write {
                    Write::Done(_) => {
                        let claim = ledger.claim.as_ref().map(|c| c.proposal.change.to_string());
                        tracing::info!(%cluster, revision, claim, outcome = "written", "ledger");
                    }
                    Write::Conflict => tracing::info!(%cluster, revision, outcome = "conflict", "ledger"),
                    Write::Unclear(error) => {
                        let reason = chain(error);
                        tracing::warn!(%cluster, revision, outcome = "unclear", reason, "ledger");
                    }
                }
                Written::from(&write)
            }
            Err(error) => {
                tracing::error!(%cluster, revision, reason = chain(&error), "the ledger cannot be written");
                Written::Unclear
            }
        }
    }

    async fn ask(&self, effect: &Effect, observation: &Observation) -> Answer {
        let Some(group) = observation.group.known() else {
            return Answer::Refused { why: "the group was not seen".to_owned(), again: true };
        };
        let (cluster, change, sent) = (&self.cluster, effect.to_string(), now());
        let answer = answer(self.executor(group).execute(effect).await, sent);
        match &answer {
            Answer::Done => tracing::info!(%cluster, change, outcome = "done"),
            Answer::Added(member, _) => tracing::info!(%cluster, change, %member, outcome = "done"),
            Answer::Refused { why, again } => {
                tracing::warn!(%cluster, change, outcome = "refused", again, reason = why);
            }
            Answer::Unanswered { why, .. } => {
                tracing::warn!(%cluster, change, outcome = "unanswered", reason = why);
            }
        }
        answer
    }

    /// Repeating what the last round did already is no progress: what was written may be read late.
    async fn perform(&mut self, effects: Vec<Effect>, observation: &Observation) -> Followed {
        let Some(group) = observation.group.known() else {
            return Followed::Idle;
        };
        let (cluster, executor) = (&self.cluster, self.executor(group));
        let mut followed = Followed::Idle;
        for effect in &effects {
            let change = effect.to_string();
            match executor.execute(effect).await {
                Ok(EffectOutcome::Already) => tracing::debug!(%cluster, change, outcome = "already"),
                Ok(_) => {
                    tracing::info!(%cluster, change, outcome = "done");
                    if !self.performed.contains(effect) {
                        followed = Followed::Progress;
                    }
                }
                // Another invocation, or the instance itself, was quicker; the next look tells.
                Err(ExecuteError::AutoScaling(AutoScalingError::Gone { .. })) => {
                    tracing::info!(%cluster, change, outcome = "gone");
                }
                Err(error) => {
                    tracing::warn!(%cluster, change, outcome = "failed", reason = chain(&error));
                }
            }
        }
        self.performed = effects;
        followed
    }

    async fn keep_alive(&mut self, decision: &Decision, observation: &Observation) {
        if let Some(group) = observation.group.known() {
            let executor = self.executor(group);
            self.heartbeats.send(&decision.keep_alive, &executor, observation, now()).await;
        }
    }

    fn executor<'g>(&self, group: &'g Group) -> Executor<'g>
    where
        'a: 'g,
    {
        let path = ParameterPath::new(&group.settings.prefix, &self.cluster);
        Executor { services: self.services, etcd: self.etcd, group, path }
    }
}
