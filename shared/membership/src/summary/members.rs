//! The table of a summary: each instance beside its member, and what the member's server said.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::look::Look;
use crate::etcd::{Member, Probe, Status};
use crate::ids::{InstanceId, MemberId};
use crate::instance::Lifecycle;
use crate::view::Servers;

/// An instance, or a member that belongs to no known instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberRow {
    /// The EC2 instance ID. `None` for a member that belongs to no known instance.
    pub instance: Option<InstanceId>,
    /// The lifecycle state as Auto Scaling spells it. `None` where the group does not list the instance.
    pub lifecycle: Option<String>,
    /// Whether neither EC2 nor the group has the instance any more.
    pub gone: bool,
    /// The private address.
    pub address: Option<String>,
    /// The member ID in hexadecimal, as etcdctl shows it.
    pub member: Option<String>,
    /// The member's name in etcd. `None` until its etcd first started.
    pub name: Option<String>,
    /// What the member does: by the member list; without a list, by what its server says, else by the ledger. `None`
    /// where it is not known to be a member.
    pub role: Option<Role>,
    /// Whether its server told its status in this look, as this member of this cluster.
    pub answers: bool,
    /// Whether the member has proven itself beside the leader in this look.
    pub proven: bool,
    /// The leader that its server follows, in hexadecimal. `None` where it follows none, or told nothing.
    pub follows: Option<String>,
    /// Whether something is there whose state cannot be judged.
    pub unreadable: bool,
    /// Why its server told nothing, where it was asked.
    pub silence: Option<String>,
    /// The version of its etcd.
    pub version: Option<String>,
    /// The alarms that its server tells, each with the member that it names.
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

/// Makes the rows: the instances of the group and of the ledger, then the members of no known instance. An instance
/// that is gone and runs no member is left out.
pub fn rows(look: Look<'_>, servers: Servers<'_, '_>, members: &[Member]) -> Vec<MemberRow> {
    let owned: Vec<(&Member, Option<InstanceId>)> = members.iter().map(|m| (m, look.owner(m))).collect();
    let mut ids: BTreeSet<&InstanceId> =
        look.group.into_iter().flat_map(|g| &g.instances).map(|i| &i.id).collect();
    ids.extend(look.ledger.into_iter().flat_map(|l| l.instances.keys()));
    ids.extend(owned.iter().filter_map(|(_, owner)| owner.as_ref()));
    let of_instances = ids.into_iter().filter_map(|id| {
        let member = owned.iter().find(|(_, owner)| owner.as_ref() == Some(id)).map(|(m, _)| *m);
        let listed = look.instance(id).is_some_and(|i| i.lifecycle.is_some());
        let stays = member.is_some() || listed || !look.missing(id);
        stays.then(|| row(look, servers, Some(id), member))
    });
    let unowned = owned.iter().filter(|(_, owner)| owner.is_none());
    of_instances.chain(unowned.map(|(member, _)| row(look, servers, None, Some(member)))).collect()
}

fn row(
    look: Look<'_>,
    servers: Servers<'_, '_>,
    id: Option<&InstanceId>,
    member: Option<&Member>,
) -> MemberRow {
    let probe = match member {
        Some(member) => servers.probe(member),
        None => id.and_then(|id| look.probe_at(id)),
    };
    let status = match member {
        Some(member) => servers.status(member),
        None => probe.and_then(Probe::answer).filter(|s| Some(s.cluster) == servers.cluster),
    };
    let recorded = || id.and_then(|id| look.ledger?.member_of(id)).or(status.map(|s| s.member));
    let instance = id.and_then(|id| look.instance(id));
    let gone = id.is_some_and(|id| look.missing(id));
    MemberRow {
        instance: id.cloned(),
        lifecycle: instance.and_then(|i| i.lifecycle.as_ref()).map(|l| Lifecycle::name(l).to_owned()),
        gone,
        address: instance.and_then(|i| i.address.clone()),
        member: member.map(|m| m.id).or_else(recorded).map(|id| id.to_string()),
        name: member.filter(|m| m.started()).map(|m| m.name.clone()),
        role: role(member, status, servers.leader_status().map(|s| s.member)),
        answers: status.is_some(),
        proven: member.is_some_and(|m| servers.proven(m)),
        follows: status.and_then(|s| s.leader).map(|leader| leader.to_string()),
        unreadable: probe.is_some_and(Probe::is_inscrutable),
        silence: probe.filter(|_| status.is_none() && !gone).map(silence),
        version: status.map(|s| s.version.clone()),
        alarms: status.into_iter().flat_map(|s| &s.alarms).map(ToString::to_string).collect(),
    }
}

/// By the member list, or the ledger in its place; without an entry there, by what the server said of itself.
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
