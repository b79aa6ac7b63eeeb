//! What an invocation sees of a state: the real observation.
//!
//! All parts are seen at one moment. The time between the parts of a real look, and between a look and what is done
//! about it, is one gap here: anything may happen between the look and the next write or call.

use std::collections::BTreeMap;

use membership::alarm::{Alarm, AlarmKind};
use membership::etcd::{DbSize, EtcdView, Member, MemberList, Probe, Silence, Status};
use membership::ids::{ClusterId, InstanceId, MemberId};
use membership::instance::{Ec2State, Instance, Lifecycle, WarmHook};
use membership::ledger::GroupIdentity;
use membership::observation::{Group, Hook, Observation, Parameters, Seen, end_word};
use std::time::Duration;

use crate::clock::{NOW, STEP};
use crate::state::{Cluster, Etcd, Host, Life, Machine};
use crate::step::Step;
use crate::tables::Sight;

/// The ID of the instance at this index.
pub fn id(host: usize) -> InstanceId {
    InstanceId(format!("i-{}", host + 1))
}

/// The index of the instance with this ID.
pub fn number(id: &InstanceId) -> Option<usize> {
    id.as_str().strip_prefix("i-")?.parse::<usize>().ok()?.checked_sub(1)
}

fn client_url(address: u8) -> String {
    format!("http://10.0.0.{address}:2379")
}

fn peer_url(address: u8) -> String {
    format!("http://10.0.0.{address}:2380")
}

/// The last byte of the address in a URL, 0 for none.
pub fn address(url: &str) -> u8 {
    let host = url.strip_prefix("http://10.0.0.").and_then(|rest| rest.split(':').next());
    host.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// A cluster's ID, from the number of its token.
fn cluster_id(token: u8) -> ClusterId {
    ClusterId(100 + u64::from(token))
}

/// The number of the token of the cluster with this ID.
pub fn token_of(id: ClusterId) -> u8 {
    id.0.saturating_sub(100) as u8
}

/// The member list of a cluster, as one of its members serves it.
pub fn list(cluster: &Cluster, served_by: u8) -> MemberList {
    let members = cluster.listed().map(|m| Member {
        id: MemberId(m.id.into()),
        name: if m.name == 0 { String::new() } else { id(usize::from(m.name) - 1).0 },
        peer_urls: vec![peer_url(m.address)],
        client_urls: if m.name == 0 { Vec::new() } else { vec![client_url(m.address)] },
        learner: m.learner,
    });
    MemberList {
        cluster: cluster_id(cluster.token),
        served_by: MemberId(served_by.into()),
        members: members.collect(),
    }
}

impl Step<'_> {
    /// Looks. Returns the index of the observation.
    pub fn observe(&mut self, deployment: u8, hidden: Option<u8>) -> u32 {
        let s = &self.s;
        let ledger = self.ledger_of(deployment);
        let sight = Sight {
            hosts: s.hosts,
            clusters: s.clusters,
            envs: s.envs,
            endpoints: s.endpoints,
            deployment,
            ledger,
            owner: s.owner,
            desired: s.desired,
            max_zero: s.emptied.is_some(),
            end: s.end,
            corrupt: s.corrupt,
            hidden,
        };
        if let Some(seen) = self.t.sights.get(&sight) {
            return *seen;
        }
        let observation = self.up_to_date(self.observation(deployment, hidden));
        let number = self.t.observations.number(observation);
        self.t.sights.insert(sight, number);
        number
    }

    /// `initial-cluster` is for other tools and no rule reads it, so here it always has the value that it should have.
    fn up_to_date(&self, mut obs: Observation) -> Observation {
        use membership::change::Effect;
        let decision = membership::decide::decide_with(&obs, NOW, None, self.world.guards);
        let wanted = decision.effects.iter().find_map(|e| match e {
            Effect::PutInitialCluster(value) => Some(value.clone()),
            _ => None,
        });
        if let (Some(value), Seen::Known(parameters)) = (wanted, &mut obs.parameters) {
            parameters.initial_cluster = Some(value);
        }
        obs
    }

    fn observation(&self, deployment: u8, hidden: Option<u8>) -> Observation {
        let ledger = (*self.t.ledgers.get(self.ledger_of(deployment))).clone();
        let recorded = |host: usize| ledger.as_ref().is_some_and(|l| l.instances.contains_key(&id(host)));
        let seen: Vec<usize> = (0..self.s.hosts.len())
            .filter(|h| hidden.map(usize::from) != Some(*h))
            .filter(|h| match self.s.hosts[*h].life {
                Life::Nowhere => false,
                Life::Out => recorded(*h),
                _ => true,
            })
            .collect();
        let instances = seen.iter().map(|h| instance(&self.s.hosts[*h], *h)).collect();
        let hook = |name: &str| Ok(Hook { name: name.to_owned(), heartbeat: Duration::from_secs(3600) });
        let group = Group {
            identity: GroupIdentity { name: "g".into(), arn: "arn:g".into(), vpc: "vpc-1".into() },
            desired: self.s.desired.into(),
            max: if self.s.emptied.is_some() { 0 } else { 9 },
            end: (self.s.end > 0).then(|| end_word(self.s.end.into())),
            launch_hook: hook("launch"),
            terminate_hook: hook("terminate"),
            retains: self.world.retains,
            reuses: self.world.reuses,
            units: None,
            weights: BTreeMap::new(),
            instances,
            settings: self.world.settings.clone(),
        };
        Observation {
            cluster: self.cluster_of(deployment),
            group: Seen::Known(group),
            owner: self.ownership(deployment, hidden),
            ledger: Seen::Known(ledger),
            parameters: Seen::Known(self.parameters()),
            etcd: self.etcd_view(&seen),
            names: BTreeMap::new(),
            reports: BTreeMap::new(),
        }
    }

    fn parameters(&self) -> Parameters {
        let envs = self.s.envs.iter().enumerate().filter(|(_, env)| **env != 0);
        let named = |mask: u8| {
            let mut urls: Vec<String> = (0..8).filter(|bit| mask & (1 << bit) != 0).map(client_url).collect();
            urls.sort();
            urls
        };
        Parameters {
            initial_cluster: None,
            endpoints: self.s.endpoints.map(named),
            envs: envs.map(|(host, env)| (id(host), (*self.t.texts.get(*env)).clone())).collect(),
        }
    }

    fn etcd_view(&self, seen: &[usize]) -> EtcdView {
        let (mut probes, mut lists) = (BTreeMap::new(), BTreeMap::new());
        let with_address =
            seen.iter().map(|h| &self.s.hosts[*h]).filter(|h| h.machine != Machine::Terminated);
        for host in with_address {
            let url = client_url(host.address);
            let status = self.status(host);
            let quorum = status.as_ref().is_some_and(|s| s.leader.is_some() && !s.learner);
            let list = match self.s.cluster(host.cluster).filter(|_| quorum) {
                Some(cluster) => Seen::Known(list(cluster, host.member)),
                None => Seen::unseen("request timed out"),
            };
            let silent = || Probe::Silent { misses: 3, how: Silence::NoAnswer, why: "no answer".to_owned() };
            probes.insert(url.clone(), status.map_or_else(silent, Probe::Answered));
            lists.insert(url, list);
        }
        let list_misses = if lists.values().any(|l| l.known().is_some()) { 0 } else { 3 };
        EtcdView { probes, lists, list_misses, ..EtcdView::default() }
    }

    fn status(&self, host: &Host) -> Option<Status> {
        let cluster =
            self.s.cluster(host.cluster).filter(|_| host.answers() && host.etcd == Etcd::Running)?;
        let member = cluster.member(host.member)?;
        Some(Status {
            cluster: cluster_id(cluster.token),
            member: MemberId(member.id.into()),
            leader: self.leads(cluster).map(|m| MemberId(m.into())),
            term: cluster.term.into(),
            applied: 100,
            learner: member.learner,
            version: "3.6.16".to_owned(),
            revision: 1,
            alarms: self.alarms(member.id),
            troubles: Vec::new(),
            size: DbSize::default(),
            downgrade: None,
        })
    }
}

impl Step<'_> {
    /// The alarm CORRUPT accuses whoever is asked: whom it names proves nothing.
    fn alarms(&self, member: u8) -> Vec<Alarm> {
        let alarm = || Alarm { kind: AlarmKind::Corrupt, member: Some(MemberId(member.into())) };
        self.s.corrupt.then(alarm).into_iter().collect()
    }
}

fn instance(host: &Host, number: usize) -> Instance {
    let lifecycle = match host.life {
        Life::Nowhere | Life::Out => None,
        Life::Pending => Some(Lifecycle::PendingWait),
        Life::InService => Some(Lifecycle::InService),
        Life::Leaving => Some(Lifecycle::TerminatingWait),
        Life::Replacing => Some(Lifecycle::ReplacingRootVolume),
        Life::Retained => Some(Lifecycle::Retained),
        Life::Pooling => Some(Lifecycle::Warmed(WarmHook::Launch)),
        Life::Pooled => Some(Lifecycle::Warmed(WarmHook::None)),
    };
    let ec2_state = match host.machine {
        Machine::Running => Ec2State::Running,
        Machine::Stopping => Ec2State::Stopping,
        Machine::Terminated => Ec2State::Terminated,
    };
    Instance {
        id: id(number),
        lifecycle,
        ec2_state,
        address: (host.machine != Machine::Terminated).then(|| format!("10.0.0.{}", host.address)),
        launched_at: NOW.minus(STEP * 600).plus(Duration::from_secs(host.order.into())),
        healthy: host.healthy,
        origin: String::new(),
    }
}
