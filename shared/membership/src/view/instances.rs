//! What is known of instances.

use super::{ABSENT_FOR, GONE_FOR, View};
use crate::change::Change;
use crate::decision::Refusal;
use crate::env;
use crate::etcd::Probe;
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::{Ec2State, Instance, InstanceState, Transition};
use crate::ledger::{ConditionKey, InstanceRecord};
use crate::observation::{Group, Observation};

/// What the server at an instance's client URL said.
pub fn probe_of<'a>(
    etcd: &'a crate::etcd::EtcdView,
    group: &Group,
    instance: &Instance,
) -> Option<&'a Probe> {
    etcd.probes.get(&instance.client_url(&group.settings)?)
}

impl<'a> View<'a> {
    pub fn instance(&self, id: &InstanceId) -> Option<&'a Instance> {
        self.group.instance(id)
    }

    pub fn state(&self, id: &InstanceId) -> InstanceState {
        self.instance(id).map_or(InstanceState::Missing, Instance::state)
    }

    /// Neither EC2 nor the group lists the instance, or EC2 says `terminated`. This alone does not prove that the
    /// instance is gone.
    pub fn missing(&self, id: &InstanceId) -> bool {
        self.state(id) == InstanceState::Missing
    }

    /// Certainly gone: EC2 says `terminated`, or the instance was missing from EC2 and from the group at two looks
    /// that are far enough apart.
    pub fn gone(&self, id: &InstanceId) -> bool {
        let terminated = self.instance(id).is_some_and(|i| i.ec2_state == Ec2State::Terminated);
        let twice = self.ledger.aged(&ConditionKey::Gone(id.clone()), self.now, ABSENT_FOR);
        self.missing(id) && self.allows(Guard::GoneIsProven, terminated || twice)
    }

    /// Certainly gone, and for six seconds at least.
    pub fn long_gone(&self, id: &InstanceId) -> bool {
        let aged = self.ledger.aged(&ConditionKey::Gone(id.clone()), self.now, GONE_FOR);
        self.gone(id) && self.allows(Guard::GoneForSixSeconds, aged)
    }

    /// Whether every instance that was ever given an env in this generation is gone.
    pub fn all_gone(&self) -> bool {
        self.ledger.instances.keys().all(|id| self.gone(id))
    }

    pub fn record(&self, id: &InstanceId) -> Option<&'a InstanceRecord> {
        self.ledger.instances.get(id)
    }

    /// What the server at the instance's own address said.
    pub fn probe_at(&self, instance: &Instance) -> Option<&'a Probe> {
        probe_of(&self.obs.etcd, self.group, instance)
    }

    /// The instances that count towards the desired capacity.
    pub fn staying(&self) -> impl Iterator<Item = &'a Instance> {
        self.group.instances.iter().filter(|i| i.state().stays())
    }

    /// The instances that are in service.
    pub fn in_service(&self) -> impl Iterator<Item = &'a Instance> {
        self.group.instances.iter().filter(|i| i.state() == InstanceState::InService)
    }

    /// Whether the instance was given up as a joiner.
    pub fn given_up(&self, id: &InstanceId) -> bool {
        self.holds(&ConditionKey::GivenUp(id.clone()))
    }

    /// Whether the condition holds.
    pub fn holds(&self, key: &ConditionKey) -> bool {
        self.ledger.conditions.contains_key(key)
    }

    /// What stands against writing an env for this instance.
    pub fn no_env(&self, instance: &Instance) -> Option<Refusal> {
        if !env::carries(&self.group.identity.name) {
            return Some(Refusal::GroupName(self.group.identity.name.clone()));
        }
        match self.group.hook(Transition::Launch) {
            Err(why) => Some(Refusal::NoHook(why.to_owned())),
            Ok(_) => instance.address.is_none().then_some(Refusal::NoAddress),
        }
    }

    /// The change that the open claim is for, whoever holds it.
    pub fn claimed(&self) -> Option<&'a Change> {
        self.ledger.claim.as_ref().map(|c| &c.proposal.change)
    }

    /// A change that was sent, got no answer, and is of this kind.
    pub fn unanswered(&self, of_kind: impl Fn(&Change) -> bool) -> Option<&'a Change> {
        self.ledger.unanswered.iter().map(|m| &m.change).find(|c| of_kind(c))
    }

    /// Whether a change of this kind is claimed, or was sent and got no answer.
    pub fn in_flight(&self, of_kind: impl Fn(&Change) -> bool) -> bool {
        self.claimed().is_some_and(&of_kind) || self.unanswered(&of_kind).is_some()
    }
}

/// What was heard of the server at an instance's client URL, for an operator. Silence there proves nothing: etcd may
/// serve its clients at another address or port.
pub fn heard(obs: &Observation, group: &Group, instance: &Instance) -> String {
    let Some(url) = instance.client_url(&group.settings) else { return "it has no address yet".to_owned() };
    match obs.etcd.probes.get(&url) {
        Some(Probe::Silent { how, .. }) => format!("at {url}, {how}"),
        Some(Probe::Unreadable { what, .. }) => format!("at {url} answers {what}"),
        Some(Probe::AuthenticationNeeded) => format!("at {url} an etcd wants a user"),
        Some(Probe::Answered(_)) => format!("an etcd answers at {url}"),
        None => format!("{url} was not asked"),
    }
}
