//! One invocation on one cluster: look, follow the core, until it is done or the time is up.

use std::time::Duration;

use membership::change::Effect;
use membership::decide::every_waiting_hook;
use membership::decision::{Coded, Decision};
use membership::ids::{ClusterName, RequestId, Timestamp};
use membership::invocation::{Answer, Invocation, Next, Retry, TIME_FOR_A_CLAIM, Written};
use membership::ledger::Ledger;
use membership::observation::{Group, Observation};
use membership::owner::Ownership;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use super::MARGIN;
use super::clock::{nonce, now};
use super::ending::{is_done, nothing_to_wait_for};
use super::heartbeats::{Heartbeats, LINGERS, watch};
use super::report::{Ignored, Notes, Outcome};
use crate::adapters::autoscaling::{AutoScalingError, DescribedGroup};
use crate::adapters::chain;
use crate::adapters::etcd::EtcdClient;
use crate::adapters::ledger::Write;
use crate::adapters::parameters::ParameterPath;
use crate::event::LifecycleAction;
use crate::execute::{EffectOutcome, ExecuteError, Executor, answer, performed};
use crate::naming::Named;
use crate::observe::{Observer, Round};
use crate::services::Services;
use crate::telemetry::Warning;

const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE_UNDER_CLAIM: Duration = Duration::from_secs(1);
/// Nothing has changed for this long.
const QUIET: Duration = Duration::from_secs(15);
/// A cluster in which nothing changes is looked at this often by each invocation. Where joins fail in a row, many
/// invocations wait side by side, and their calls come out of one account's limits.
const LONGEST_PAUSE_IN_QUIET: Duration = Duration::from_secs(5);
/// How much time is kept in reserve after the voters' copies were compared.
const AFTER_HASHES: Duration = Duration::from_secs(5);
/// How much time is kept in reserve under a claim. A claim is closed even in the last seconds.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// What following the core came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Followed {
    /// Something was done: look again at once.
    Progress,
    /// Nothing was done: look again after a while.
    Idle,
}

/// What an invocation was made for.
#[derive(Clone, Debug)]
pub enum Cause {
    /// The schedule's tick.
    Schedule,
    /// A lifecycle action of one instance.
    Action(LifecycleAction),
    /// An event of EC2, or an operator.
    Other,
}

/// How an invocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Settled,
    Waiting,
}

/// One invocation on one cluster.
pub struct Run<'a> {
    services: &'a Services,
    etcd: &'a EtcdClient,
    named: Named,
    cluster: ClusterName,
    cause: Cause,
    began: Timestamp,
    deadline: Timestamp,
    invocation: Invocation,
    heartbeats: Heartbeats,
    notes: Notes,
    performed: Vec<Effect>,
}

impl<'a> Run<'a> {
    /// Makes a run that has seen nothing yet. For an action, it stops as soon as the action's instance is done.
    pub fn new(
        services: &'a Services,
        etcd: &'a EtcdClient,
        request: &RequestId,
        deadline: Timestamp,
        named: Named,
        cause: Cause,
    ) -> Self {
        Self {
            services,
            etcd,
            cluster: named.cluster.clone(),
            named,
            cause,
            began: now(),
            deadline,
            invocation: Invocation::new(request.clone(), deadline),
            heartbeats: Heartbeats::default(),
            notes: Notes::default(),
            performed: Vec::new(),
        }
    }

    /// Runs to the end, beginning with this description of the group. Whoever looks or acts has one of these permits.
    pub async fn finish(mut self, described: DescribedGroup, looks: &Semaphore) -> Outcome {
        let mut observer =
            Observer::new(self.services, self.etcd, self.named.clone(), described.name.clone());
        let mut described = Some(described);
        let mut pause = SHORTEST_PAUSE;
        let mut changed = now();
        loop {
            let Some(permit) = self.turn(looks).await else {
                return self.outcome(End::Waiting);
            };
            let mut round = observer.look(described.take()).await;
            if let Some(elsewhere) = elsewhere(&round.observation) {
                return Outcome::ignored(&elsewhere);
            }
            if self.compares(&mut observer, &round.observation).await {
                round = observer.look(None).await;
            }
            let (decision, next) = self.invocation.look(&round.observation, now(), nonce());
            let news = self.notes.tell(&self.cluster, &decision, round.observation.is_whole());
            self.keep_alive(&decision, &round, false).await;
            let followed = self.follow(next, &round).await;
            if let Some(end) = self.ending(&decision, &round.observation) {
                if let Some(pause) = self.lingers(&round) {
                    drop(permit);
                    sleep(pause).await;
                    continue;
                }
                self.keep_alive(&decision, &round, true).await;
                return self.outcome(end);
            }
            if followed == Followed::Progress || news {
                pause = SHORTEST_PAUSE;
                changed = now();
            }
            drop(permit);
            if followed == Followed::Idle {
                sleep(pause).await;
                let quiet = now().since(changed) >= QUIET;
                pause = (pause * 3 / 2).min(self.longest_pause(quiet));
            }
        }
    }

    /// Waits for the turn to look; `None` where it does not come in time. Under a claim nobody else can act, so its
    /// holder looks at once.
    async fn turn<'p>(&self, looks: &'p Semaphore) -> Option<Option<SemaphorePermit<'p>>> {
        if self.invocation.holds_claim() {
            return Some(None);
        }
        let left = self.deadline.minus(MARGIN).since(now());
        timeout(left, looks.acquire()).await.ok().map(Result::ok)
    }

    /// Compares the voters' copies where that is due, before anything is decided: whoever leaves after a promotion
    /// leaves only once the new copy was compared. Not under a claim, which keeps others from acting, and not where no
    /// claim could be taken any more.
    async fn compares(&self, observer: &mut Observer<'_>, observation: &Observation) -> bool {
        let now = now();
        let left = self.deadline.since(now);
        if self.invocation.holds_claim() || left <= TIME_FOR_A_CLAIM {
            return false;
        }
        observer.compare(observation, now, left.saturating_sub(AFTER_HASHES)).await
    }

    /// Under a claim no other invocation can act, and etcd often accepts a second later what it refuses now.
    fn longest_pause(&self, quiet: bool) -> Duration {
        match self.invocation.holds_claim() {
            true => LONGEST_PAUSE_UNDER_CLAIM,
            false if quiet => LONGEST_PAUSE_IN_QUIET,
            false => LONGEST_PAUSE,
        }
    }

    /// How the invocation ends, if it ends now. A claim is never left open while there is time to close it.
    fn ending(&self, decision: &Decision, observation: &Observation) -> Option<End> {
        let claims = self.invocation.holds_claim();
        let done = matches!(&self.cause, Cause::Action(action) if is_done(action, observation));
        if !claims && (done || decision.is_settled()) {
            return Some(End::Settled);
        }
        let reserve = if claims { LAST_MOMENT } else { MARGIN };
        let in_vain = !claims && nothing_to_wait_for(decision, observation, self.deadline);
        (in_vain || now().plus(reserve) >= self.deadline).then_some(End::Waiting)
    }

    /// How long to wait before another look, where nothing is left to do and the group's hooks are so short that they
    /// would run out unseen before the next tick. A crashed tick of the schedule is not made up for.
    fn lingers(&self, round: &Round) -> Option<Duration> {
        let pause = watch(round.observation.group.known().or(round.listed.as_ref())?)?;
        let until = self.began.plus(LINGERS).min(self.deadline.minus(MARGIN));
        let left = until.since(now());
        let lingers = matches!(self.cause, Cause::Schedule) && !self.invocation.holds_claim();
        (lingers && !left.is_zero()).then(|| pause.min(left))
    }

    fn outcome(&self, end: End) -> Outcome {
        match end {
            End::Settled => Outcome::settled(self.cluster.clone(), &self.notes),
            End::Waiting => Outcome::waiting(self.cluster.clone(), &self.notes),
        }
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
        let write = match &round.etag {
            Some(etag) => store.replace(&self.cluster, ledger, etag).await,
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
                        let (code, reason) = (error.code(), chain(error));
                        tracing::warn!(%cluster, revision, outcome = "unclear", code, reason, "ledger");
                    }
                }
                Written::from(&write)
            }
            Err(error) => {
                let (warning, cause, reason) = (Warning::LedgerNotWritten, error.code(), chain(&error));
                tracing::error!(%cluster, revision, code = warning.code(), cause, reason, "{warning}");
                Written::Unclear
            }
        }
    }

    async fn ask(&self, effect: &Effect, observation: &Observation) -> Answer {
        let Some(group) = observation.group.known() else {
            return Answer::Refused { why: "the group was not seen".to_owned(), retry: Retry::Soon };
        };
        let (cluster, change, sent) = (&self.cluster, effect.to_string(), now());
        let result = self.executor(group).execute(effect).await;
        let code = result.as_ref().err().map(Coded::code);
        let answer = answer(result, sent);
        match &answer {
            Answer::Done => tracing::info!(%cluster, change, outcome = "done"),
            Answer::Added(member, _) => tracing::info!(%cluster, change, %member, outcome = "done"),
            Answer::Refused { why, retry } => {
                tracing::warn!(%cluster, change, outcome = "refused", code, ?retry, reason = why);
            }
            Answer::Unanswered { why, .. } => {
                tracing::warn!(%cluster, change, outcome = "unanswered", code, reason = why);
            }
        }
        answer
    }

    /// Makes the calls. A call that the last round made already is no progress: its effect may be read late.
    async fn perform(&mut self, effects: Vec<Effect>, observation: &Observation) -> Followed {
        let Some(group) = observation.group.known() else {
            return Followed::Idle;
        };
        let (cluster, executor) = (&self.cluster, self.executor(group));
        let mut followed = Followed::Idle;
        for effect in &effects {
            let change = effect.to_string();
            let outcome = executor.execute(effect).await;
            self.invocation.performed(effect, performed(&outcome), now());
            match outcome {
                Ok(EffectOutcome::Already) => tracing::debug!(%cluster, change, outcome = "already"),
                Ok(_) => {
                    tracing::info!(%cluster, change, outcome = "done");
                    if !self.performed.contains(effect) {
                        followed = Followed::Progress;
                    }
                }
                Err(error @ ExecuteError::AutoScaling(AutoScalingError::Gone { .. })) => {
                    tracing::info!(%cluster, change, outcome = "gone", code = error.code());
                }
                Err(error) => {
                    let (code, reason) = (error.code(), chain(&error));
                    tracing::warn!(%cluster, change, outcome = "failed", code, reason);
                }
            }
        }
        self.performed = effects;
        followed
    }

    /// Sends the heartbeats that are due; at the end of the invocation, those of every short hook.
    async fn keep_alive(&mut self, decision: &Decision, round: &Round, at_the_end: bool) {
        let every_hook;
        let (group, wanted) = match (round.observation.group.known(), &round.listed) {
            (Some(group), _) => (group, &decision.keep_alive),
            // Without EC2 or the hooks nothing can be decided, and nothing must be lost meanwhile.
            (None, Some(listed)) => {
                every_hook = every_waiting_hook(listed);
                (listed, &every_hook)
            }
            (None, None) => return,
        };
        let executor = self.executor(group);
        if at_the_end {
            self.heartbeats.send_last(wanted, &executor, &self.cluster, now()).await;
        } else {
            self.heartbeats.send(wanted, &executor, &self.cluster, now()).await;
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

/// Whether the group is in a VPC that this deployment does not serve, and nothing says that it ever did. Such a group
/// is another deployment's business.
fn elsewhere(observation: &Observation) -> Option<Ignored> {
    let (group, Ownership { me, record, .. }) = (observation.group.known()?, observation.owner.known()?);
    let vpc = &group.identity.vpc;
    let served = vpc.is_empty() || me.vpc.is_empty() || me.vpc == *vpc;
    let on_record = record.as_ref().is_some_and(|r| r.owner.is_same_place(me));
    let ledger = observation.ledger.known()?.as_ref();
    let recorded = ledger.is_some_and(|l| l.group.arn == group.identity.arn);
    (!served && !on_record && !recorded).then(|| Ignored::OtherVpc {
        group: group.identity.name.clone(),
        vpc: vpc.clone(),
        served: me.vpc.clone(),
    })
}
