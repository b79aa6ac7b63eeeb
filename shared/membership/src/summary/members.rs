//! The table of a summary: each instance beside its member, and what the member's server said.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::etcd::{Member, MemberList, Probe, Status, leader_among};
use crate::guard::Guards;
use crate::ids::{ClusterId, InstanceId, MemberId, Timestamp};
use crate::instance::{Instance, Lifecycle};
use crate::ledger::Ledger;
use crate::observation::{Group, Observation};
use crate::view::{Servers, View, probe_of, reached_at};

/// An instance, or a member that belongs to no known instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberRow {
    /// The EC2 instance ID. `None` for a member that belongs to no known instance.
    pub instance: Option<InstanceId>,
    /// The lifecycle state as Auto Scaling spells it. `None` where the group does not list the instance.
    pub lifecycle: Option<String>,
    /// The private address.
    pub address: Option<String>,
    /// The member ID in hexadecimal, as etcdctl shows it.
    pub member: Option<String>,
    /// The member's name in etcd. `None` until its etcd first started.
    pub name: Option<String>,
    /// What the member does. `None` where it is not known to be a member.
    pub role: Option<Role>,
    /// Whether its server told its status in this look, as this member of this cluster.
    pub answers: bool,
    /// Whether the member has proven itself beside the leader in this look.
    pub proven: bool,
    /// Why its server told nothing, where it was asked.
    pub silence: Option<String>,
    /// The version of its etcd.
    pub version: Option<String>,
    /// The alarms, each with the member that it names.
    pub alarms: Vec<String>,
}

/// What a member does in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The voter that leads.
    Leader,
    /// A voter that follows.
    Voter,
    /// It does not vote yet.
    Learner,
}

/// How many voters have just proven themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumRow {
    /// The proven voters.
    pub proven: usize,
    /// All voters of the member list.
    pub voters: usize,
}

/// The rows, and the count of voters where there is a member list.
pub struct Table {
    pub rows: Vec<MemberRow>,
    pub quorum: Option<QuorumRow>,
}

/// Makes the table. Without a ledger, the cluster is that of the leader among the servers that answer.
pub fn table(obs: &Observation, group: Option<&Group>, ledger: Option<&Ledger>) -> Table {
    let look = Look { obs, group, ledger };
    let url_of = |member: &Member| look.url_of(member);
    let servers =
        Servers { etcd: &obs.etcd, cluster: look.cluster(), guards: Guards::all(), url_of: &url_of };
    let list = servers.list();
    Table {
        rows: look.rows(servers, list),
        quorum: list.map(|list| QuorumRow {
            proven: list.voters().filter(|m| servers.proven(m)).count(),
            voters: list.voters().count(),
        }),
    }
}

/// What the table is made from. Each part may be missing.
#[derive(Clone, Copy)]
struct Look<'a> {
    obs: &'a Observation,
    group: Option<&'a Group>,
    ledger: Option<&'a Ledger>,
}

impl<'a> Look<'a> {
    fn cluster(&self) -> Option<ClusterId> {
        let recorded = self.ledger.and_then(Ledger::cluster_id);
        let answers = || self.obs.etcd.probes.values().filter_map(Probe::answer);
        recorded.or_else(|| Some(leader_among(answers()).or_else(|| answers().next())?.cluster))
    }

    fn instance(&self, id: &InstanceId) -> Option<&'a Instance> {
        self.group?.instance(id)
    }

    /// What the server at the instance's own address said.
    fn probe_at(&self, id: &InstanceId) -> Option<&'a Probe> {
        let group = self.group?;
        probe_of(&self.obs.etcd, group, group.instance(id)?)
    }

    /// The instance of a member. Where the group was not seen, the recorded instance. Before there is a ledger, the
    /// instance whose server answers as this member, else the instance with the member's name.
    fn owner(&self, member: &Member) -> Option<InstanceId> {
        let Some(group) = self.group else {
            return self.ledger?.instance_of(member.id).cloned();
        };
        if let Some(ledger) = self.ledger {
            let view =
                View { obs: self.obs, group, ledger, now: Timestamp::default(), guards: Guards::all() };
            return view.owner(member);
        }
        let answering = |i: &&Instance| {
            let status = self.probe_at(&i.id).and_then(Probe::answer);
            status.is_some_and(|s| s.member == member.id)
        };
        let named = || group.instances.iter().find(|i| i.id.as_str() == member.name);
        group.instances.iter().find(answering).or_else(named).map(|i| i.id.clone())
    }

    fn url_of(&self, member: &Member) -> Option<String> {
        let owner = self.owner(member).and_then(|id| self.instance(&id));
        reached_at(member, owner.and_then(|i| i.client_url(&self.group?.settings)))
    }

    fn rows(&self, servers: Servers<'_, 'a>, list: Option<&'a MemberList>) -> Vec<MemberRow> {
        let listed: Vec<(&Member, Option<InstanceId>)> =
            list.into_iter().flat_map(|l| &l.members).map(|m| (m, self.owner(m))).collect();
        let mut ids: BTreeSet<&InstanceId> =
            self.group.into_iter().flat_map(|g| &g.instances).map(|i| &i.id).collect();
        ids.extend(self.ledger.into_iter().flat_map(|l| l.instances.keys()));
        ids.extend(listed.iter().filter_map(|(_, owner)| owner.as_ref()));
        let owned = ids.into_iter().map(|id| {
            let member = listed.iter().find(|(_, owner)| owner.as_ref() == Some(id)).map(|(m, _)| *m);
            self.row(servers, Some(id), member)
        });
        let unowned = listed.iter().filter(|(_, owner)| owner.is_none());
        owned.chain(unowned.map(|(member, _)| self.row(servers, None, Some(member)))).collect()
    }

    fn row(&self, servers: Servers<'_, 'a>, id: Option<&InstanceId>, member: Option<&Member>) -> MemberRow {
        let probe = match member {
            Some(member) => servers.probe(member),
            None => id.and_then(|id| self.probe_at(id)),
        };
        let status = match member {
            Some(member) => servers.status(member),
            None => probe.and_then(Probe::answer).filter(|s| Some(s.cluster) == servers.cluster),
        };
        let recorded = || id.and_then(|id| self.ledger?.member_of(id)).or(status.map(|s| s.member));
        let instance = id.and_then(|id| self.instance(id));
        MemberRow {
            instance: id.cloned(),
            lifecycle: instance.and_then(|i| i.lifecycle.as_ref()).map(|l| Lifecycle::name(l).to_owned()),
            address: instance.and_then(|i| i.address.clone()),
            member: member.map(|m| m.id).or_else(recorded).map(|id| id.to_string()),
            name: member.filter(|m| m.started()).map(|m| m.name.clone()),
            role: role(member, status, servers.leader_status().map(|s| s.member)),
            answers: status.is_some(),
            proven: member.is_some_and(|m| servers.proven(m)),
            silence: probe.filter(|_| status.is_none()).map(silence),
            version: status.map(|s| s.version.clone()),
            alarms: status.map(|s| s.alarms.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        }
    }
}

/// By the member list; where there is no list, by what the server said of itself.
fn role(member: Option<&Member>, status: Option<&Status>, leader: Option<MemberId>) -> Option<Role> {
    let (id, learner) = match (member, status) {
        (Some(member), _) => (member.id, member.learner),
        (None, Some(status)) => (status.member, status.learner),
        (None, None) => return None,
    };
    Some(match learner {
        true => Role::Learner,
        false if leader == Some(id) => Role::Leader,
        false => Role::Voter,
    })
}

fn silence(probe: &Probe) -> String {
    match probe {
        Probe::Answered(status) => {
            format!("member {} of the etcd cluster {} answers there", status.member, status.cluster)
        }
        Probe::AuthenticationNeeded => "its etcd wants a user".to_owned(),
        Probe::Unreadable { what, why, .. } => format!("{what} answers there: {why}"),
        Probe::Silent { why, .. } => why.clone(),
    }
}
