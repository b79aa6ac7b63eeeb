//! What a summary is made from: an observation of which any part may be missing.

use std::collections::BTreeSet;

use crate::alarm::Alarm;
use crate::etcd::{Member, MemberList, Probe, leader_among};
use crate::guard::Guards;
use crate::ids::{ClusterId, InstanceId, Timestamp};
use crate::instance::{Instance, InstanceState};
use crate::ledger::Ledger;
use crate::observation::{Group, Observation};
use crate::view::{Servers, View, probe_of, reached_at, recorded_voters};

/// One look. The group and the ledger are those of the observation, where they were seen.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub obs: &'a Observation,
    pub group: Option<&'a Group>,
    pub ledger: Option<&'a Ledger>,
    pub now: Timestamp,
}

impl<'a> Look<'a> {
    pub fn of(obs: &'a Observation, now: Timestamp) -> Self {
        Self { obs, group: obs.group.known(), ledger: obs.ledger.known().and_then(Option::as_ref), now }
    }

    /// The rules' view of the same look, where both the group and the ledger were seen.
    pub fn view(&self) -> Option<View<'a>> {
        let (group, ledger) = (self.group?, self.ledger?);
        Some(View { obs: self.obs, group, ledger, now: self.now, guards: Guards::all() })
    }

    pub fn servers<'v>(&self, url_of: &'v dyn Fn(&Member) -> Option<String>) -> Servers<'v, 'a> {
        Servers { etcd: &self.obs.etcd, cluster: self.cluster(), guards: Guards::all(), url_of }
    }

    /// The recorded cluster. Without a ledger, that of the leader among the servers that answer.
    pub fn cluster(&self) -> Option<ClusterId> {
        let recorded = self.ledger.and_then(Ledger::cluster_id);
        let answers = || self.obs.etcd.probes.values().filter_map(Probe::answer);
        recorded.or_else(|| Some(leader_among(answers()).or_else(|| answers().next())?.cluster))
    }

    /// The members of the list. Without a list, the voters on record, each under its instance's name.
    pub fn members(&self, list: Option<&MemberList>) -> Vec<Member> {
        let recorded =
            |ledger: &'a Ledger| recorded_voters(ledger, self.obs.parameters.known(), |id| self.gone(id));
        match (list, self.ledger) {
            (Some(list), _) => list.members.clone(),
            (None, Some(ledger)) => recorded(ledger).into_iter().map(on_record).collect(),
            (None, None) => Vec::new(),
        }
    }

    pub fn instance(&self, id: &InstanceId) -> Option<&'a Instance> {
        self.group?.instance(id)
    }

    /// Whether neither EC2 nor the group has the instance.
    pub fn missing(&self, id: &InstanceId) -> bool {
        let state = |group: &Group| group.instance(id).map_or(InstanceState::Missing, Instance::state);
        self.group.is_some_and(|group| state(group) == InstanceState::Missing)
    }

    /// Whether the instance is certainly gone.
    pub fn gone(&self, id: &InstanceId) -> bool {
        self.view().is_some_and(|view| view.gone(id))
    }

    /// What the server at the instance's own address said.
    pub fn probe_at(&self, id: &InstanceId) -> Option<&'a Probe> {
        let group = self.group?;
        probe_of(&self.obs.etcd, group, group.instance(id)?)
    }

    /// The instance of a member. Where the group was not seen, the recorded instance. Before there is a ledger, the
    /// instance whose server answers as this member, else the instance with the member's name.
    pub fn owner(&self, member: &Member) -> Option<InstanceId> {
        let Some(group) = self.group else {
            return self.ledger?.instance_of(member.id).cloned();
        };
        if let Some(view) = self.view() {
            return view.owner(member);
        }
        let answering = |i: &&Instance| {
            let status = self.probe_at(&i.id).and_then(Probe::answer);
            status.is_some_and(|s| s.member == member.id)
        };
        let named = || group.instances.iter().find(|i| i.id.as_str() == member.name);
        group.instances.iter().find(answering).or_else(named).map(|i| i.id.clone())
    }

    /// The alarms of the cluster, as its servers tell them.
    pub fn alarms(&self) -> BTreeSet<&'a Alarm> {
        let answers = self.obs.etcd.probes.values().filter_map(Probe::answer);
        answers.filter(|s| Some(s.cluster) == self.cluster()).flat_map(|s| &s.alarms).collect()
    }

    /// The client URL at which the member's server was asked.
    pub fn url_of(&self, member: &Member) -> Option<String> {
        let owner = self.owner(member).and_then(|id| self.instance(&id));
        reached_at(member, owner.and_then(|i| i.client_url(&self.group?.settings)))
    }
}

fn on_record((instance, member): (&InstanceId, crate::ids::MemberId)) -> Member {
    Member {
        id: member,
        name: instance.0.clone(),
        peer_urls: Vec::new(),
        client_urls: Vec::new(),
        learner: false,
    }
}
