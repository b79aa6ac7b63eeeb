//! Carries out effects: one call for each.

use std::time::Duration;

use membership::change::Effect;
use membership::codes;
use membership::etcd::MemberList;
use membership::ids::{InstanceId, MemberId, Timestamp};
use membership::instance::Transition;
use membership::invocation::{Answer, Performed, Retry};
use membership::observation::Group;
use membership::owner;
use serde_json::json;
use thiserror::Error;

use crate::adapters::autoscaling::{ActionResult, AutoScalingError};
use crate::adapters::etcd::{EtcdClient, EtcdError, Timeouts};
use crate::adapters::parameters::{ParameterPath, ParametersError, Put};
use crate::adapters::{Ended, chain};
use crate::services::Services;

/// How much longer than its own timeouts a request to etcd may live: it may wait in a socket.
const SLACK: Duration = Duration::from_secs(3);

/// Why a call failed.
#[derive(Debug, Error)]
pub enum ExecuteError {
    /// A call to etcd failed.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// A call to Auto Scaling failed.
    #[error(transparent)]
    AutoScaling(#[from] AutoScalingError),
    /// A call to the Parameter Store failed.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// The group has no hook that could be completed. The text says why.
    #[error("the group has no lifecycle hook of etcd-asg: {0}")]
    NoHook(String),
    /// The group's ARN has no unique part, so its owner cannot be recorded.
    #[error("the group's ARN is not one of Auto Scaling's: {0}")]
    OddArn(String),
}

codes!(ExecuteError {
    ExecuteError::NoHook(_) => "hook-missing",
    ExecuteError::OddArn(_) => "group-arn-odd",
    ; ExecuteError::Etcd(error) => error,
    ExecuteError::AutoScaling(error) => error,
    ExecuteError::Parameters(error) => error,
});

impl ExecuteError {
    /// What is known of the call.
    pub fn ended(&self) -> Ended {
        match self {
            ExecuteError::Etcd(error) => error.ended(),
            ExecuteError::AutoScaling(error) => error.ended(),
            ExecuteError::Parameters(error) => error.ended(),
            ExecuteError::NoHook(_) | ExecuteError::OddArn(_) => Ended::NotDone(Retry::Pointless),
        }
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectOutcome {
    /// It was done.
    Done,
    /// It had been done before, so nothing was changed.
    Already,
    /// A learner was added. Its member ID, and etcd's member list after the addition.
    Added(MemberId, MemberList),
}

/// Carries out effects on one cluster, as it was seen last.
#[derive(Clone, Debug)]
pub struct Executor<'a> {
    /// The clients of AWS.
    pub services: &'a Services,
    /// The client of etcd.
    pub etcd: &'a EtcdClient,
    /// The group, for its name and its hooks.
    pub group: &'a Group,
    /// The path of the cluster's parameters.
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
            Effect::ContinueLaunch(id) => {
                self.complete(id, Transition::Launch, ActionResult::Continue).await?
            }
            Effect::AbandonLaunch(id) => self.complete(id, Transition::Launch, ActionResult::Abandon).await?,
            Effect::ContinueTerminate(id) => {
                self.complete(id, Transition::Terminate, ActionResult::Continue).await?;
            }
            Effect::AbandonTerminate(id) => {
                self.complete(id, Transition::Terminate, ActionResult::Abandon).await?;
            }
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
            Effect::CreateOwner(owner) => {
                let put = parameters.put_if_absent(&self.owner()?, &json!(owner).to_string()).await?;
                return Ok(if put == Put::Existed { EffectOutcome::Already } else { EffectOutcome::Done });
            }
            Effect::TakeOwner(owner) => {
                parameters.overwrite(&self.owner()?, &json!(owner).to_string()).await?;
            }
        }
        Ok(EffectOutcome::Done)
    }

    /// Restarts the heartbeat timeout of a pending action.
    pub async fn heartbeat(&self, instance: &InstanceId, transition: Transition) -> Result<(), ExecuteError> {
        let hook = self.hook(transition)?;
        self.services.autoscaling.heartbeat(&self.group.identity.name, hook, instance).await?;
        Ok(())
    }

    async fn complete(
        &self,
        instance: &InstanceId,
        transition: Transition,
        result: ActionResult,
    ) -> Result<(), ExecuteError> {
        let hook = self.hook(transition)?;
        self.services.autoscaling.complete(&self.group.identity.name, hook, instance, result).await?;
        Ok(())
    }

    fn owner(&self) -> Result<String, ExecuteError> {
        let arn = &self.group.identity.arn;
        owner::parameter(arn).ok_or_else(|| ExecuteError::OddArn(arn.clone()))
    }

    fn hook(&self, transition: Transition) -> Result<&str, ExecuteError> {
        let hook = self.group.hook(transition).map_err(|why| ExecuteError::NoHook(why.to_owned()))?;
        Ok(&hook.name)
    }
}

/// What the core is to know of a call that needs no claim.
pub fn performed(outcome: &Result<EffectOutcome, ExecuteError>) -> Performed {
    match outcome {
        // Another invocation, or the instance itself, was quicker; or the instance waits for another's hook.
        Err(ExecuteError::AutoScaling(AutoScalingError::Gone { .. })) => Performed::Gone,
        Err(error) if error.ended() == Ended::NotDone(Retry::OnceMended) => Performed::Refused(chain(error)),
        Err(_) => Performed::Failed,
        Ok(_) => Performed::Done,
    }
}

/// What the core is to know of a call under a claim that was sent at this moment.
pub fn answer(outcome: Result<EffectOutcome, ExecuteError>, sent: Timestamp) -> Answer {
    let deadline = sent.plus(Timeouts::default().longest_change() + SLACK);
    match outcome {
        Ok(EffectOutcome::Done | EffectOutcome::Already) => Answer::Done,
        Ok(EffectOutcome::Added(member, list)) => Answer::Added(member, list),
        Err(error) => {
            let why = chain(&error);
            match error.ended() {
                Ended::Done => Answer::Done,
                Ended::NotDone(retry) => Answer::Refused { why, retry },
                Ended::Unknown => Answer::Unanswered { why, deadline },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::AwsFailure;

    const SENT: Timestamp = Timestamp(1_000);

    fn parameter(failure: AwsFailure) -> Answer {
        answer(Err(ParametersError::from(failure).into()), SENT)
    }

    #[test]
    fn only_a_definite_refusal_counts_as_not_done() {
        let call = "PutParameter";
        for retry in [Retry::Soon, Retry::OnceMended] {
            let (service_code, message) = ("C".to_owned(), "M".to_owned());
            let why = "PutParameter was refused: C: M".to_owned();
            let failure = AwsFailure::Refused { call, service_code, message, retry };
            assert_eq!(parameter(failure), Answer::Refused { why, retry });
        }
        let unsent = AwsFailure::NotSent { call, source: "no route".into() };
        assert!(matches!(parameter(unsent), Answer::Refused { retry: Retry::Soon, .. }));
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
        let answer = answer(Err(gone.into()), SENT);
        assert!(matches!(answer, Answer::Refused { retry: Retry::Pointless, .. }));
    }

    #[test]
    fn what_had_been_done_before_is_done() {
        assert_eq!(answer(Ok(EffectOutcome::Already), SENT), Answer::Done);
        let (url, message) = ("http://1".to_owned(), "member not found".to_owned());
        assert_eq!(answer(Err(EtcdError::AlreadyDone { url, message }.into()), SENT), Answer::Done);
    }
}
