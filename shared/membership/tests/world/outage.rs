//! Outages of AWS. A call into an outage does not arrive and gets no answer.

use membership::change::Effect;

/// When the outage of each service is over.
#[derive(Clone, Debug, Default)]
pub struct Outage {
    /// Auto Scaling and EC2.
    pub group: u64,
    /// The ledger's bucket.
    pub store: u64,
    /// The Parameter Store, for functions and hosts.
    pub parameters: u64,
    /// Lambda: no function is started.
    pub functions: u64,
    /// Lambda: functions often die.
    pub crashes: u64,
    /// A setting of the group cannot be read.
    pub settings: u64,
}

impl Outage {
    /// When the last outage is over.
    pub fn end(&self) -> u64 {
        self.of_calls().max(self.settings)
    }

    /// When the last outage is over that keeps hooks from being kept alive.
    pub fn of_calls(&self) -> u64 {
        let all = [self.group, self.store, self.parameters, self.functions, self.crashes];
        all.into_iter().max().unwrap_or(0)
    }

    /// Whether this call is lost in an outage.
    pub fn swallows(&self, effect: &Effect, now: u64) -> bool {
        let until = match effect {
            Effect::CreateEnv { .. }
            | Effect::OverwriteEnv { .. }
            | Effect::PutInitialCluster(_)
            | Effect::PutEndpoints(_)
            | Effect::DeletePublished
            | Effect::DeleteEnv(_)
            | Effect::CreateOwner(_)
            | Effect::TakeOwner(_) => self.parameters,
            Effect::ContinueLaunch(_)
            | Effect::AbandonLaunch(_)
            | Effect::ContinueTerminate(_)
            | Effect::AbandonTerminate(_)
            | Effect::SetUnhealthy(_) => self.group,
            Effect::AddLearner { .. }
            | Effect::Promote { .. }
            | Effect::RemoveMember { .. }
            | Effect::MoveLeader { .. }
            | Effect::GrantLease { .. } => 0,
        };
        now < until
    }
}
