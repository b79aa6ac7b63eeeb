//! The verdict on each cluster, by the same rules as the functions' and `make status`, from the region's own facts.
//!
//! The functions are not invoked for it: a page that is open changes nothing that a test or a fault counts.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use membership::alarm::Alarm;
use membership::decide::decide;
use membership::etcd::{DbSize, EtcdView, MISSES, Member, MemberList, Probe, Silence, Status};
use membership::ids::{ClusterId, ClusterName, InstanceId, MemberId, Timestamp};
use membership::instance::{Ec2State, Instance, Lifecycle};
use membership::ledger::{GroupIdentity, Ledger};
use membership::observation::{self, Hook, Observation, Parameters, Seen};
use membership::owner::{Owner, OwnerRecord, Ownership, SETTLES};
use membership::settings::Settings;
use membership::settings::tags::CLUSTER_TAG;
use membership::summary::Summary;
use serde_json::{Map, Value, json};

use super::members::{Answer, Asked, Said};
use crate::model::group::{Group, Member as InGroup};
use crate::model::hook::{self, Transition};
use crate::model::instance::{Instance as Machine, InstanceState};
use crate::model::site::Site;
use crate::model::world::State;
use crate::services::parts::Parts;

/// The summary of each cluster, by the name of its group.
pub fn verdicts(parts: &Parts, asked: &Asked) -> Map<String, Value> {
    let seen = parts.world.look(|state| {
        let groups = state.groups.values().filter_map(|group| Some((group, cluster(group)?)));
        groups.map(|(group, cluster)| (seen(state, group), cluster)).collect::<Vec<_>>()
    });
    seen.into_iter()
        .map(|(group, cluster)| (group.identity.name.clone(), verdict(parts, asked, group, cluster)))
        .collect()
}

/// Blanks around the name are left out, as by the functions.
fn cluster(group: &Group) -> Option<ClusterName> {
    ClusterName::parse(group.tags.get(CLUSTER_TAG)?.value.trim()).ok()
}

fn verdict(parts: &Parts, asked: &Asked, group: observation::Group, cluster: ClusterName) -> Value {
    let ledger = ledger(parts, &cluster);
    let parameters = Seen::Known(parameters(parts, &cluster));
    let etcd = etcd(asked, &group, ledger.known().and_then(Option::as_ref));
    let (group, names, reports) = (Seen::Known(group), BTreeMap::new(), BTreeMap::new());
    let owner = Seen::Known(owner(parts, &cluster));
    let obs = Observation { cluster, group, owner, ledger, parameters, etcd, names, reports };
    let now = millis(SystemTime::now());
    json!(Summary::of(&obs, &decide(&obs, now, None), now))
}

/// The page speaks for the first deployment, whose ledger it reads, as for the owner of the group.
fn owner(parts: &Parts, cluster: &ClusterName) -> Ownership {
    let options = &parts.site.options;
    let me = Owner {
        bucket: options.bucket.clone(),
        ledger_prefix: options.ledger_prefix.clone(),
        parameter_prefix: options.prefix.clone(),
        vpc: String::new(),
        deployment: String::new(),
        cluster: cluster.clone(),
        without_ledger: false,
    };
    let record = OwnerRecord { owner: me.clone(), written: Timestamp(0) };
    Ownership { me, record: Some(record), settles: SETTLES }
}

/// The group as Auto Scaling and EC2 show it. A tag that cannot be read leaves the default, and is among the problems.
fn seen(state: &State, group: &Group) -> observation::Group {
    let mut settings = Settings::default();
    settings.take_tags(&group.tags.iter().map(|(tag, one)| (tag.clone(), one.value.clone())).collect());
    let instances = state.instances.values().filter(|machine| {
        let tagged = machine.tags.get("aws:autoscaling:groupName") == Some(&group.name);
        tagged || group.members.contains_key(&machine.id)
    });
    let weight = |member: &InGroup| Some((InstanceId(member.instance.clone()), member.weight? as usize));
    let weights = group.members.values().filter_map(weight);
    let identity = GroupIdentity { name: group.name.clone(), arn: group.arn.clone(), vpc: String::new() };
    observation::Group {
        identity,
        desired: group.desired as usize,
        max: group.max as usize,
        end: group.tags.get(observation::END_TAG).map(|tag| tag.value.clone()),
        launch_hook: hook(group, Transition::Launching),
        terminate_hook: hook(group, Transition::Terminating),
        retains: group.retain_on_abandon,
        reuses: group.warm.as_ref().is_some_and(|pool| pool.reuses),
        units: group.weight().map(|_| "the capacity units of weighted instances".to_owned()),
        weights: weights.collect(),
        instances: instances.map(|machine| instance(group, machine)).collect(),
        settings,
    }
}

/// The first hook of a transition. Which of several is the functions' own changes no verdict.
fn hook(group: &Group, transition: Transition) -> Result<Hook, String> {
    let first = group.hooks.values().find(|hook| hook.transition == transition);
    let heartbeat = |hook: &hook::Hook| Duration::from_secs(hook.heartbeat.into());
    let seen = first.map(|hook| Hook { name: hook.name.clone(), heartbeat: heartbeat(hook) });
    seen.ok_or_else(|| format!("it has no hook of the transition {transition}; add one"))
}

fn instance(group: &Group, machine: &Machine) -> Instance {
    let member = group.members.get(&machine.id);
    Instance {
        id: InstanceId(machine.id.clone()),
        lifecycle: member.map(|member| Lifecycle::parse(&member.lifecycle.to_string())),
        ec2_state: match machine.state {
            InstanceState::Pending | InstanceState::Running => Ec2State::Running,
            InstanceState::ShuttingDown | InstanceState::Stopping | InstanceState::Stopped => {
                Ec2State::Stopping
            }
            InstanceState::Terminated => Ec2State::Terminated,
        },
        address: machine.state.is_alive().then(|| machine.address.to_string()),
        launched_at: millis(machine.launched),
        healthy: member.is_none_or(|member| member.healthy),
        origin: String::new(),
    }
}

fn ledger(parts: &Parts, cluster: &ClusterName) -> Seen<Option<Ledger>> {
    let key = format!("{}/{cluster}/ledger.json", parts.site.options.ledger_prefix);
    let last = parts.storage.look(&key, |versions| versions.last().map(|last| last.body.to_string()));
    match last.map(|text| Ledger::from_json(text.as_bytes())) {
        None => Seen::Known(None),
        Some(Ok(ledger)) => Seen::Known(Some(ledger)),
        Some(Err(error)) => Seen::unseen(error.to_string()),
    }
}

fn parameters(parts: &Parts, cluster: &ClusterName) -> Parameters {
    let prefix = format!("{}/{cluster}/", prefix(&parts.site));
    let all = parts.parameters.state();
    let all = all.as_object().into_iter().flatten();
    let below: BTreeMap<&str, &str> =
        all.filter_map(|(name, one)| Some((name.strip_prefix(&prefix)?, one["value"].as_str()?))).collect();
    let env = |(name, value): (&&str, &&str)| {
        Some((InstanceId((*name).strip_prefix("instances/")?.to_owned()), (*value).to_owned()))
    };
    Parameters {
        initial_cluster: below.get("initial-cluster").map(|value| (*value).to_owned()),
        endpoints: below.get("endpoints").map(|value| value.split(',').map(str::to_owned).collect()),
        envs: below.iter().filter_map(env).collect(),
    }
}

fn prefix(site: &Site) -> &str {
    &site.options.prefix
}

/// What the etcds of the group's instances said. The list of a leader that a majority has confirmed is linearizable.
fn etcd(asked: &Asked, group: &observation::Group, ledger: Option<&Ledger>) -> EtcdView {
    let mut view = EtcdView::default();
    for instance in &group.instances {
        let Some(url) = instance.client_url(&group.settings) else { continue };
        let probe = match asked.0.get(&instance.id.0) {
            Some(Said::Yes(answer)) => {
                if let (true, Some(list)) = (answer.confirmed, list(answer)) {
                    view.lists.insert(url.clone(), Seen::Known(list));
                }
                status(answer).map_or_else(|| silent("its status cannot be read"), Probe::Answered)
            }
            Some(Said::Closed { .. }) => Probe::AuthenticationNeeded,
            Some(Said::No { why }) => silent(why),
            None => continue,
        };
        view.probes.insert(url, probe);
    }
    let ours =
        |list: &MemberList| ledger.and_then(Ledger::cluster_id).is_none_or(|cluster| cluster == list.cluster);
    let listed = view.lists.values().filter_map(Seen::known).any(ours);
    view.list_misses = if listed { 0 } else { MISSES };
    view
}

fn silent(why: &str) -> Probe {
    Probe::Silent { misses: MISSES, how: Silence::NoAnswer, why: why.to_owned() }
}

fn status(answer: &Answer) -> Option<Status> {
    Some(Status {
        cluster: ClusterId(number(&answer.cluster)?),
        member: MemberId(number(&answer.member)?),
        leader: number(&answer.leader).filter(|leader| *leader != 0).map(MemberId),
        term: number(&answer.term)?,
        applied: number(&answer.applied)?,
        learner: answer.learner,
        version: answer.version.as_str()?.to_owned(),
        revision: 0,
        alarms: texts(&answer.errors).iter().filter_map(|words| Alarm::parse(words)).collect(),
        troubles: Vec::new(),
        size: DbSize {
            file: number(&answer.size).unwrap_or(0),
            in_use: number(&answer.in_use).unwrap_or(0),
            quota: number(&answer.quota),
        },
        downgrade: None,
    })
}

fn list(answer: &Answer) -> Option<MemberList> {
    let members = answer.list.iter().map(|listed| {
        Some(Member {
            id: MemberId(number(&listed.id)?),
            name: listed.name.as_str().unwrap_or_default().to_owned(),
            peer_urls: texts(&listed.peers),
            client_urls: texts(&listed.clients),
            learner: listed.learner,
        })
    });
    let (cluster, member) = (number(&answer.cluster)?, number(&answer.member)?);
    Some(MemberList {
        cluster: ClusterId(cluster),
        served_by: MemberId(member),
        members: members.collect::<Option<_>>()?,
    })
}

/// etcd's gateway writes 64-bit numbers as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn millis(at: SystemTime) -> Timestamp {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
