//! Carries out effects: one call each.

use std::time::Duration;

use membership::change::Effect;
use membership::etcd::MemberList;
use membership::ids::{InstanceId, MemberId, Timestamp};
use membership::invocation::Answer;
use membership::observation::Group;
use thiserror::Error;

use crate::adapters::autoscaling::{ActionResult, AutoScalingError};
use crate::adapters::etcd::{EtcdClient, EtcdError, Timeouts};
use crate::adapters::parameters::{ParameterPath, ParametersError, Put};
use crate::adapters::{AwsFailure, chain};
use crate::services::Services;

/// How much longer than its own timeouts a request to etcd is reckoned with: it may sit in a socket.
const SLACK: Duration = Duration::from_secs(3);

/// Why an effect did not come about.
#[derive(Debug, Error)]
pub enum ExecuteError {
    /// etcd.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// Auto Scaling.
    #[error(transparent)]
    AutoScaling(#[from] AutoScalingError),
    /// The Parameter Store.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// There is no hook of ours to complete.
    #[error("the group has no lifecycle hook of ours: {0}")]
    NoHook(String),
}

/// What an effect came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectOutcome {
    /// It was done.
    Done,
    /// It had been done before.
    Already,
    /// A learner was added: etcd's own answer.
    Added(MemberId, MemberList),
}

/// Carries out effects on one cluster, as it was seen last.
#[derive(Clone, Debug)]
pub struct Executor<'a> {
    /// The clients of AWS.
    pub services: &'a Services,
    /// The client of etcd.
    pub etcd: &'a EtcdClient,
    /// The group.
    pub group: &'a Group,
    /// Where the cluster's parameters stand.
    pub path: ParameterPath,
}

impl Executor<'_> {
    /// Makes the call.
    pub async fn execute(&self, effect: &Effect) -> Result<EffectOutcome, ExecuteError> {
        let parameters = &self.services.parameters;
        match effect {
            Effect::CreateEnv { instance, env } => {
                let put = parameters.put_if_absent(&self.path.env(instance), env).await?;
                return Ok(if put == Put::Existed { EffectOutcome::Already } else { EffectOutcome::Done });
            }
            Effect::OverwriteEnv { instance, env } => {
                parameters.overwrite(&self.path.env(instance), env).await?;
            }
            Effect::AddLearner { via, peer_url } => {
                let (member, list) = self.etcd.add_learner(via, peer_url).await?;
                return Ok(EffectOutcome::Added(member, list));
            }
            Effect::Promote { via, member } => drop(self.etcd.promote(via, *member).await?),
            Effect::RemoveMember { via, member } => drop(self.etcd.remove(via, *member).await?),
            Effect::MoveLeader { via, to } => self.etcd.move_leader(via, *to).await?,
            Effect::GrantLease { via } => self.etcd.grant_lease(via).await?,
            Effect::ContinueLaunch(id) => self.complete(id, true, ActionResult::Continue).await?,
            Effect::AbandonLaunch(id) => self.complete(id, true, ActionResult::Abandon).await?,
            Effect::ContinueTerminate(id) => self.complete(id, false, ActionResult::Continue).await?,
            Effect::AbandonTerminate(id) => self.complete(id, false, ActionResult::Abandon).await?,
            Effect::SetUnhealthy(id) => self.services.autoscaling.set_unhealthy(id).await?,
            Effect::PutInitialCluster(value) => {
                parameters.overwrite(&self.path.initial_cluster(), value).await?;
            }
            Effect::PutEndpoints(urls) => parameters.overwrite_list(&self.path.endpoints(), urls).await?,
            Effect::DeletePublished => {
                parameters.delete(&self.path.endpoints()).await?;
                parameters.delete(&self.path.initial_cluster()).await?;
            }
            Effect::DeleteEnv(id) => parameters.delete(&self.path.env(id)).await?,
        }
        Ok(EffectOutcome::Done)
    }

    /// Restarts the heartbeat timeout of a pending action.
    pub async fn heartbeat(&self, instance: &InstanceId, launch: bool) -> Result<(), ExecuteError> {
        let hook = self.hook(launch)?;
        self.services.autoscaling.heartbeat(&self.group.identity.name, hook, instance).await?;
        Ok(())
    }

    async fn complete(
        &self,
        instance: &InstanceId,
        launch: bool,
        result: ActionResult,
    ) -> Result<(), ExecuteError> {
        let hook = self.hook(launch)?;
        self.services.autoscaling.complete(&self.group.identity.name, hook, instance, result).await?;
        Ok(())
    }

    fn hook(&self, launch: bool) -> Result<&str, ExecuteError> {
        let hook = if launch { &self.group.launch_hook } else { &self.group.terminate_hook };
        match hook {
            Ok(hook) => Ok(&hook.name),
            Err(why) => Err(ExecuteError::NoHook(why.clone())),
        }
    }
}

/// What the outcome of a call under a claim says, for one that was sent at this moment.
pub fn answer(outcome: Result<EffectOutcome, ExecuteError>, sent: Timestamp) -> Answer {
    let deadline = sent.plus(Timeouts::default().longest_change() + SLACK);
    match outcome {
        Ok(EffectOutcome::Done | EffectOutcome::Already) => Answer::Done,
        Ok(EffectOutcome::Added(member, list)) => Answer::Added(member, list),
        Err(ExecuteError::Etcd(error)) => error.answer(deadline),
        Err(ExecuteError::NoHook(why)) => Answer::Refused { why, again: false },
        Err(
            ref error @ (ExecuteError::AutoScaling(AutoScalingError::Call(ref failure))
            | ExecuteError::Parameters(ParametersError::Call(ref failure))),
        ) => of_aws(chain(error), failure, deadline),
        Err(error @ (ExecuteError::AutoScaling(_) | ExecuteError::Parameters(_))) => {
            Answer::Refused { why: chain(&error), again: false }
        }
    }
}

fn of_aws(why: String, failure: &AwsFailure, deadline: Timestamp) -> Answer {
    match failure {
        AwsFailure::NotSent { .. } => Answer::Refused { why, again: true },
        AwsFailure::Refused { again, .. } => Answer::Refused { why, again: *again },
        AwsFailure::Unanswered { .. } => Answer::Unanswered { why, deadline },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Timestamp = Timestamp(1_000);

    fn parameter(failure: AwsFailure) -> Answer {
        answer(Err(ParametersError::from(failure).into()), SENT)
    }

    #[test]
    fn only_a_definite_refusal_counts_as_not_done() {
        let call = "PutParameter";
        let refused =
            |again| AwsFailure::Refused { call, code: "C".to_owned(), message: "M".to_owned(), again };
        assert!(matches!(parameter(refused(true)), Answer::Refused { again: true, .. }));
        assert!(matches!(parameter(refused(false)), Answer::Refused { again: false, .. }));
        let unsent = AwsFailure::NotSent { call, source: "no route".into() };
        assert!(matches!(parameter(unsent), Answer::Refused { again: true, .. }));
        let unanswered = AwsFailure::Unanswered { call, source: "timeout".into() };
        let Answer::Unanswered { why, deadline } = parameter(unanswered) else {
            panic!("an unanswered call may still land");
        };
        assert_eq!(why, "PutParameter was not answered: timeout");
        assert!(deadline >= SENT.plus(Timeouts::default().longest_change()));
    }

    #[test]
    fn an_action_that_is_gone_is_no_proof_of_completion() {
        let gone = AutoScalingError::Gone { instance: "i-1234abcd".into() };
        assert!(matches!(answer(Err(gone.into()), SENT), Answer::Refused { again: false, .. }));
    }

    #[test]
    fn what_had_been_done_before_is_done() {
        assert_eq!(answer(Ok(EffectOutcome::Already), SENT), Answer::Done);
    }
}
