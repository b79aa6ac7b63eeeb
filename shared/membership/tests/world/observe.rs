//! What an invocation sees, piece by piece: each piece is true at its own moment, late, or missing.

use membership::etcd::{DbSize, Probe, Silence, Status};
use membership::ids::{ClusterId, InstanceId, MemberId, Timestamp};
use membership::instance::{Ec2State, Instance};
use membership::ledger::GroupIdentity;
use membership::observation::{Group, Hook, Observation, Parameters, Seen};
use membership::settings::Settings;
use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use super::host::{Etcd, Host};
use super::invocations::Run;

/// EC2 lists a new instance this much later than the group.
const EC2_LAG: u64 = 3_000;

/// The group as it was at a moment.
pub struct Past {
    pub at: u64,
    pub hosts: Vec<Host>,
    pub desired: usize,
    pub max: usize,
}

/// The URLs that are asked at the first moment of a look, and those that are asked at the second.
pub struct Halves {
    pub first: Vec<String>,
    pub second: Vec<String>,
}

impl World {
    fn missed<T>(&mut self, outage: u64) -> Option<Seen<T>> {
        let missed = self.now < outage || self.hostile() && self.rng.chance(15);
        missed.then(|| Seen::unseen("timed out"))
    }

    pub fn see_group(&mut self) -> Seen<Group> {
        if let Some(missed) = self.missed(self.outage.group) {
            return missed;
        }
        // At times both services list what was true up to three seconds ago.
        let stale = self.hostile() && self.rng.chance(200);
        let at = if stale { self.now.saturating_sub(self.rng.between(0, 3_000)) } else { self.now };
        let past = self.past.iter().rev().find(|past| past.at <= at);
        let (hosts, desired, max) = match past {
            Some(past) if stale => (past.hosts.clone(), past.desired, past.max),
            _ => (self.hosts.values().cloned().collect(), self.group.desired, self.group.max),
        };
        let hidden: &Option<InstanceId> = if self.hostile() { &self.hidden } else { &None };
        let listed = hosts.iter().filter(|h| hidden.as_ref() != Some(&h.id));
        let instances = listed.map(|h| instance(h, at)).collect();
        let hook =
            |name: &str| Ok(Hook { name: name.to_owned(), heartbeat: Duration::from_millis(self.heartbeat) });
        Seen::Known(Group {
            identity: GroupIdentity { name: "g".into(), arn: "arn:g".into(), vpc: "vpc-1".into() },
            desired,
            max,
            end: self.group.end.clone(),
            launch_hook: hook("launch"),
            terminate_hook: hook("terminate"),
            retains: self.group.retains,
            reuses: false,
            units: None,
            weights: BTreeMap::new(),
            instances,
            settings: self.see_settings(),
        })
    }

    /// The settings, or for a while a value that nobody can read.
    fn see_settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        if self.now < self.outage.settings {
            settings.take("paused", "perhaps", "the group's tag etcd-asg:paused");
        }
        settings
    }

    pub fn see_store(&mut self, run: &mut Run) {
        let missed = if self.deployments.contested { self.missed(self.outage.parameters) } else { None };
        run.obs.owner = match missed {
            Some(missed) => missed,
            None => Seen::Known(self.see_owner(run)),
        };
        let deployment = run.deployment;
        let obs = &mut run.obs;
        let ledger = |world: &Self| Seen::Known(world.deployments.ledger_of(deployment).cloned());
        obs.ledger = self.missed(self.outage.store).unwrap_or_else(|| ledger(self));
        obs.parameters = match self.missed(self.outage.parameters) {
            Some(missed) => missed,
            None => Seen::Known(self.see_parameters()),
        };
    }

    fn see_parameters(&mut self) -> Parameters {
        let names = self.ssm.names();
        let mut seen = Parameters::default();
        for name in names {
            let Some(value) = self.ssm.read(&name, self.now, &mut self.rng) else { continue };
            match (name.as_str(), name.strip_prefix("instances/")) {
                ("initial-cluster", _) => seen.initial_cluster = Some(value),
                ("endpoints", _) => seen.endpoints = Some(value.split(',').map(str::to_owned).collect()),
                (_, Some(id)) => {
                    seen.envs.insert(InstanceId::from(id), value);
                }
                _ => {}
            }
        }
        seen
    }

    /// When each server is probed, and when each is asked for the member list.
    pub fn split_urls(&mut self, obs: &Observation) -> (Halves, Halves) {
        let instances = obs.group.known().map(|g| g.instances.clone()).unwrap_or_default();
        let urls: Vec<String> = instances.iter().filter_map(|i| i.client_url(&self.settings)).collect();
        let mut split = || {
            let (first, second) = urls.iter().cloned().partition(|_| self.rng.chance(500));
            Halves { first, second }
        };
        (split(), split())
    }

    /// Probes servers and asks for lists. Returns whether any server was silent: a timeout takes its time.
    pub fn see_etcd(&mut self, run: &mut Run, probes: &[String], lists: &[String]) -> bool {
        let mut silent = false;
        for url in probes {
            let probe = self.probe(url, &mut run.misses);
            silent |= matches!(probe, Probe::Silent { .. });
            run.obs.etcd.probes.insert(url.clone(), probe);
        }
        for url in lists {
            let list = self.linearizable_list(url);
            silent |= list.known().is_none();
            run.obs.etcd.lists.insert(url.clone(), list);
        }
        silent
    }

    fn answering(&mut self, url: &str) -> Option<Host> {
        let lost = self.hostile() && self.rng.chance(10);
        let now = self.now;
        let answers = |h: &&Host| {
            h.machine()
                && h.client_url() == url
                && h.etcd == Etcd::Running
                && !h.frozen(now)
                && now >= h.deaf_until
        };
        self.hosts.values().find(answers).filter(|_| !lost).cloned()
    }

    fn probe(&mut self, url: &str, misses: &mut BTreeMap<String, u32>) -> Probe {
        let host = self.answering(url);
        let Some((host, data)) = host.and_then(|h| Some((h.clone(), h.data?))) else {
            let missed = misses.entry(url.to_owned()).or_default();
            *missed += 1;
            return Probe::Silent { misses: *missed, how: Silence::NoAnswer, why: "no answer".to_owned() };
        };
        misses.remove(url);
        let listed = self.clusters.get(&data.cluster).and_then(|c| c.members.get(&data.member));
        Probe::Answered(Status {
            cluster: ClusterId(data.cluster),
            member: MemberId(data.member),
            leader: host.leader.map(MemberId),
            term: host.term,
            applied: data.log,
            learner: listed.is_some_and(|m| m.learner),
            version: host.version.to_owned(),
            revision: 1,
            alarms: self.alarms(data.cluster),
            troubles: Vec::new(),
            size: DbSize::default(),
            downgrade: None,
        })
    }

    fn linearizable_list(&mut self, url: &str) -> Seen<membership::etcd::MemberList> {
        let unknown = || Seen::unseen("request timed out");
        let Some(data) = self.answering(url).filter(|h| h.well(self.now)).and_then(|h| h.data) else {
            return unknown();
        };
        let Some(cluster) = self.clusters.get(&data.cluster) else { return unknown() };
        let voter = cluster.members.get(&data.member).is_some_and(|m| !m.learner);
        if !voter || self.leads(cluster).is_none() {
            return unknown();
        }
        Seen::Known(cluster.list(data.member))
    }
}

fn instance(host: &Host, at: u64) -> Instance {
    let fresh = at < host.launched + EC2_LAG;
    Instance {
        id: host.id.clone(),
        lifecycle: host.lifecycle.clone(),
        ec2_state: if fresh { Ec2State::Absent } else { host.ec2 },
        address: (!fresh && host.ec2 != Ec2State::Terminated).then(|| host.address.clone()),
        launched_at: Timestamp(host.launched),
        healthy: host.healthy,
        origin: format!("lt:{}", host.template),
    }
}
