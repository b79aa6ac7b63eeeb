//! Scenes: an observation in a few lines, everything unsaid being as in a healthy cluster.
//!
//! ```text
//! group desired=3 max=5 paused retains no-launch-hook heartbeat=60 arn=other
//! cluster phase=opened seed=i-1 no-identity generation=2 founded=3.5.35 adopted | no-ledger
//! i-1 InService voter=1 leader            an instance, its member, its probe, its record and its parameter
//! i-4 Pending:Wait learner=4 unstarted age=60     waiting hooks are marked 5 s ago, unless `fresh`
//! i-5 Missing voter=5 | ec2=terminated    not in the group any more
//! i-6 InService voter=6 name=node-6 peer=node-6 foreign    adopted: its name, its peer URL's host, no env of ours
//! member 9 voter name=x silent            a member that belongs to no instance
//! condition gone/i-5 ago=10
//! claim remove i-3 by=r2 nonce=n2 expires=30 (seconds from now; negative: expired)
//! unanswered promote i-4 asked=1 voters=1,2,3 deadline=-10 clean=-5/1/5 (when, under whom, in which term)
//! lists none | lists 1,2 | list-misses 3 | unknown group|ledger|parameters
//! list 3 without=4 | list 3 cluster=9 | list 3 served-by=1      what one member's own list says otherwise
//! env i-9 | env i-4 stale | env i-4 minors=3.6 | env i-4 generation=3    an env that nothing else tells of; an old one
//! endpoints i-1,i-2 | endpoints none | initial-cluster stale
//! setting join-patience 60s | me n2
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use membership::etcd::{Member, Probe, Status};
use membership::ids::{ClusterId, InstanceId, MemberId, Nonce, Timestamp};
use membership::instance::{Ec2State, Instance, Lifecycle};
use membership::ledger::{
    Condition, ConditionKey, EnvState, FORMAT, Generation, GroupIdentity, Identity, InstanceRecord, Ledger,
    Phase, Seed, Source, Writer,
};
use membership::observation::{Group, Hook, Observation};
use membership::settings::Settings;

use super::scene_line::Line;

mod assemble;
mod changes;

pub const NOW: Timestamp = Timestamp(1_000_000_000);
pub const OURS: ClusterId = ClusterId(0xc1);

/// What a scene comes to.
pub struct Scene {
    pub obs: Observation,
    pub me: Option<Nonce>,
}

/// Which env an instance has in the parameters.
#[derive(Clone, PartialEq, Eq)]
enum Env {
    Open,
    Sealed,
    /// Open, and with a string of another time.
    Stale,
    /// Open, and written when only these minors could join.
    Minors(String),
    /// Sealed, of this generation, and with no ledger to tell more.
    Generation(u64),
}

struct Building {
    group: Group,
    ledger: Option<Ledger>,
    members: Vec<Member>,
    probes: BTreeMap<String, Probe>,
    envs: BTreeMap<InstanceId, Env>,
    leader: Option<MemberId>,
    served_by: Option<Vec<MemberId>>,
    odd_lists: Vec<OddList>,
    list_misses: u32,
    unknown: Vec<String>,
    endpoints: Option<Vec<String>>,
    stale_initial_cluster: bool,
    me: Option<Nonce>,
}

/// How one member's own list differs from what the scene's members say.
struct OddList {
    by: MemberId,
    without: Option<MemberId>,
    cluster: Option<ClusterId>,
    served_by: Option<MemberId>,
}

impl Scene {
    pub fn parse(text: &str) -> Scene {
        let mut b = Building::new();
        let lines = || text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let first =
            |l: &&str| matches!(l.split(' ').next(), Some("group" | "cluster" | "no-ledger" | "setting"));
        lines().filter(first).for_each(|l| b.line(l));
        lines().filter(|l| l.starts_with("i-") || l.starts_with("member ")).for_each(|l| b.line(l));
        lines()
            .filter(|l| !first(l) && !l.starts_with("i-") && !l.starts_with("member "))
            .for_each(|l| b.line(l));
        b.finish()
    }
}

fn seconds(text: &str) -> Timestamp {
    let n: i64 = text.parse().unwrap_or_else(|_| panic!("{text:?} is no number of seconds"));
    Timestamp(NOW.0.saturating_add_signed(n * 1000))
}

impl Building {
    fn new() -> Self {
        let hook = |name: &str| Ok(Hook { name: name.to_owned(), heartbeat: Duration::from_secs(60) });
        let identity = GroupIdentity { name: "g".into(), arn: "arn:g".into(), vpc: "vpc-1".into() };
        let group = Group {
            identity: identity.clone(),
            desired: 3,
            max: 5,
            launch_hook: hook("launch"),
            terminate_hook: hook("terminate"),
            retains: false,
            instances: Vec::new(),
            settings: Settings::default(),
        };
        let seed = Seed { instance: "i-1".into(), peer_url: "http://10.0.0.1:2380".into() };
        let ledger = Ledger {
            format: FORMAT,
            revision: 7,
            writer: Writer { request: "r0".into(), nonce: "n0".into() },
            at: NOW.minus(Duration::from_secs(60)),
            group: identity,
            generation: Generation {
                number: 1,
                token: "c-1".into(),
                seed: Some(seed),
                source: Source::New,
                opened_at: NOW.minus(Duration::from_secs(3600)),
                opened_by: "r0".into(),
                phase: Phase::Formed,
                identity: Some(Identity {
                    cluster: OURS,
                    seed_member: Some(MemberId(1)),
                    version: "3.6.16".into(),
                }),
            },
            instances: BTreeMap::new(),
            claim: None,
            unanswered: Vec::new(),
            conditions: BTreeMap::new(),
            history: Vec::new(),
        };
        Self {
            group,
            ledger: Some(ledger),
            members: Vec::new(),
            probes: BTreeMap::new(),
            envs: BTreeMap::new(),
            leader: None,
            served_by: None,
            odd_lists: Vec::new(),
            list_misses: 0,
            unknown: Vec::new(),
            endpoints: None,
            stale_initial_cluster: false,
            me: None,
        }
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().expect("the scene has no ledger")
    }

    fn line(&mut self, text: &str) {
        match text.split_whitespace().next().unwrap_or_default() {
            "group" => self.group_line(&Line::parse(text, 1)),
            "cluster" => self.cluster_line(&Line::parse(text, 1)),
            "no-ledger" => self.ledger = None,
            "setting" => {
                let words: Vec<_> = text.split_whitespace().collect();
                self.group.settings.set(words[1], words[2]).unwrap();
            }
            "member" => self.member_line(&Line::parse(text, 2)),
            "condition" => {
                let line = Line::parse(text, 2);
                line.allow(&["ago", "applied"]);
                let since = NOW.minus(Duration::from_secs(line.number("ago").unwrap_or(0)));
                let key = ConditionKey::try_from(line.words[1].to_owned()).unwrap();
                self.ledger().conditions.insert(key, Condition { since, applied: line.number("applied") });
            }
            "claim" => self.claim_line(&Line::parse(text, 3)),
            "unanswered" => self.unanswered_line(&Line::parse(text, 3)),
            "lists" => {
                let who = text.split_whitespace().nth(1).unwrap();
                let ids = who.split(',').filter(|w| *w != "none").map(|w| MemberId(w.parse().unwrap()));
                self.served_by = Some(ids.collect());
            }
            "list" => {
                let line = Line::parse(text, 2);
                line.allow(&["without", "cluster", "served-by"]);
                self.odd_lists.push(OddList {
                    by: MemberId(line.words[1].parse().unwrap()),
                    without: line.number("without").map(MemberId),
                    cluster: line.number("cluster").map(ClusterId),
                    served_by: line.number("served-by").map(MemberId),
                });
            }
            "env" => {
                let line = Line::parse(text, 2);
                line.allow(&["stale", "minors", "generation"]);
                let minors = line.get("minors").map(|m| Env::Minors(m.to_owned()));
                let other = if line.has("stale") { Env::Stale } else { Env::Sealed };
                let told = line.number("generation").map(Env::Generation);
                self.envs.insert(line.words[1].into(), told.or(minors).unwrap_or(other));
            }
            "list-misses" => self.list_misses = text.split_whitespace().nth(1).unwrap().parse().unwrap(),
            "unknown" => self.unknown.push(text.split_whitespace().nth(1).unwrap().to_owned()),
            "endpoints" => {
                let who = text.split_whitespace().nth(1).unwrap();
                let ids = who.split(',').filter(|w| *w != "none");
                self.endpoints = Some(ids.map(|i| format!("http://{}:2379", address(i))).collect());
            }
            "initial-cluster" => self.stale_initial_cluster = true,
            "me" => self.me = text.split_whitespace().nth(1).map(Nonce::from),
            word if word.starts_with("i-") => self.instance_line(&Line::parse(text, 2)),
            other => panic!("{other:?} begins no line of a scene: {text:?}"),
        }
    }

    fn group_line(&mut self, line: &Line<'_>) {
        let known = ["desired", "max", "paused", "retains", "heartbeat", "arn", "vpc"];
        line.allow(&[&known[..], &["no-launch-hook", "no-terminate-hook"]].concat());
        let g = &mut self.group;
        g.desired = line.number("desired").map_or(g.desired, |n| n as usize);
        g.max = line.number("max").map_or(g.max, |n| n as usize);
        g.settings.paused = line.has("paused");
        g.retains = line.has("retains");
        if let Some(n) = line.number("heartbeat") {
            for hook in [&mut g.launch_hook, &mut g.terminate_hook] {
                hook.as_mut().unwrap().heartbeat = Duration::from_secs(n);
            }
        }
        if line.has("no-launch-hook") {
            g.launch_hook = Err("none is declared".into());
        }
        if line.has("no-terminate-hook") {
            g.terminate_hook = Err("two are declared, and none of them names etcd-asg".into());
        }
        if let Some(arn) = line.get("arn") {
            g.identity.arn = arn.to_owned();
        }
        if let Some(vpc) = line.get("vpc") {
            g.identity.vpc = vpc.to_owned();
        }
    }

    fn cluster_line(&mut self, line: &Line<'_>) {
        line.allow(&["phase", "seed", "no-identity", "generation", "founded", "adopted"]);
        let generation = &mut self.ledger().generation;
        generation.phase = match line.get("phase").unwrap_or("formed") {
            "opened" => Phase::Opened,
            "formed" => Phase::Formed,
            "abandoned" => Phase::Abandoned,
            "ended" => Phase::Ended,
            other => panic!("no phase {other}"),
        };
        if let Some(seed) = line.get("seed") {
            generation.seed =
                Some(Seed { instance: seed.into(), peer_url: format!("http://{}:2380", address(seed)) });
        }
        if let Some(number) = line.number("generation") {
            generation.number = number as u32;
            generation.token = format!("c-{number}");
        }
        if let (Some(version), Some(identity)) = (line.get("founded"), generation.identity.as_mut()) {
            identity.version = version.to_owned();
        }
        if line.has("adopted") {
            (generation.seed, generation.source) = (None, Source::Adopted);
        }
        if line.has("no-identity") {
            generation.identity = None;
        }
    }

    fn instance_line(&mut self, line: &Line<'_>) {
        line.allow(&[
            "voter",
            "learner",
            "age",
            "ec2",
            "addr",
            "noaddr",
            "unstarted",
            "leader",
            "follows",
            "term",
            "applied",
            "cluster",
            "answers-as",
            "silent",
            "auth",
            "unvoted",
            "open",
            "unrecorded",
            "recorded",
            "unlisted",
            "unpublished",
            "unsealed-env",
            "unhealthy",
            "version",
            "fresh",
            "sealed",
            "name",
            "peer",
            "foreign",
        ]);
        let id = InstanceId::from(line.words[0]);
        let address = line.get("addr").map_or_else(|| address(id.as_str()), |a| format!("10.0.0.{a}"));
        let missing = line.words[1] == "Missing";
        let ec2_state = match line.get("ec2") {
            Some("stopping") => Ec2State::Stopping,
            Some("terminated") => Ec2State::Terminated,
            Some("absent") => Ec2State::Absent,
            _ if missing => Ec2State::Absent,
            _ => Ec2State::Running,
        };
        if !(missing && ec2_state == Ec2State::Absent) {
            self.group.instances.push(Instance {
                id: id.clone(),
                lifecycle: (!missing).then(|| Lifecycle::parse(line.words[1])),
                ec2_state,
                address: (!line.has("noaddr")).then(|| address.clone()),
                launched_at: NOW.minus(Duration::from_secs(line.number("age").unwrap_or(3600))),
                healthy: !line.has("unhealthy"),
            });
        }
        self.waiting_condition(line, &id);
        let member = line.number("voter").or(line.number("learner")).map(MemberId);
        self.probe(line, member, &format!("http://{address}:2379"));
        self.record(line, &id, member, &address);
        let Some(member) = member.filter(|_| !line.has("unlisted")) else { return };
        let started = !line.has("unstarted");
        self.members.push(Member {
            id: member,
            name: if started { line.get("name").unwrap_or(id.as_str()).to_owned() } else { String::new() },
            peer_urls: vec![format!("http://{}:2380", line.get("peer").unwrap_or(&address))],
            client_urls: if started { vec![format!("http://{address}:2379")] } else { Vec::new() },
            learner: line.has("learner"),
        });
    }

    fn waiting_condition(&mut self, line: &Line<'_>, id: &InstanceId) {
        let key = match line.words[1] {
            "Pending:Wait" => ConditionKey::LaunchWaiting(id.clone()),
            "Terminating:Wait" => ConditionKey::TerminateWaiting(id.clone()),
            _ => return,
        };
        if let Some(ledger) = self.ledger.as_mut().filter(|_| !line.has("fresh")) {
            let since = NOW.minus(Duration::from_secs(5));
            ledger.conditions.insert(key, Condition { since, applied: None });
        }
    }

    fn probe(&mut self, line: &Line<'_>, member: Option<MemberId>, url: &str) {
        if line.has("leader") {
            self.leader = member;
        }
        let missing = line.words.get(1) == Some(&"Missing");
        let silent = missing || line.has("unstarted") || line.has("silent") || member.is_none();
        let answers = member.or(line.number("answers-as").map(MemberId));
        let probe = if line.has("auth") {
            Probe::AuthenticationNeeded
        } else if let Some(member) = answers.filter(|_| !silent || line.has("answers-as")) {
            Probe::Answered(Status {
                cluster: line.number("cluster").map_or(OURS, ClusterId),
                member: line.number("answers-as").map_or(member, MemberId),
                leader: line.number("follows").map(MemberId),
                term: line.number("term").unwrap_or(5),
                applied: line.number("applied").unwrap_or(5000),
                learner: line.has("learner"),
                version: line.get("version").unwrap_or("3.6.16").to_owned(),
                alarms: Vec::new(),
            })
        } else {
            let misses = line.get("silent").filter(|n| !n.is_empty()).map_or(3, |n| n.parse().unwrap());
            Probe::Silent { misses, why: "no answer".into() }
        };
        self.probes.insert(url.to_owned(), probe);
    }

    fn record(&mut self, line: &Line<'_>, id: &InstanceId, member: Option<MemberId>, address: &str) {
        let Some(ledger) = self.ledger.as_mut() else { return };
        if line.has("unrecorded") || (member.is_none() && !line.has("recorded")) {
            return;
        }
        let voter = line.has("voter");
        let open = line.has("open") || line.has("unstarted") || line.has("learner") || line.has("recorded");
        let open = open && !line.has("sealed");
        ledger.instances.insert(
            id.clone(),
            InstanceRecord {
                member,
                peer_url: format!("http://{address}:2380"),
                env: match (line.has("foreign"), open) {
                    (true, _) => EnvState::Foreign,
                    (false, true) => EnvState::Open,
                    (false, false) => EnvState::Sealed,
                },
                voted: voter && !line.has("unvoted"),
            },
        );
        if line.has("learner") || line.has("unvoted") {
            let condition = Condition { since: NOW.minus(Duration::from_secs(1)), applied: Some(u64::MAX) };
            ledger.conditions.entry(ConditionKey::Joining(id.clone())).or_insert(condition);
        }
        if !line.has("unpublished") && !line.has("foreign") {
            self.envs.insert(id.clone(), if open { Env::Open } else { Env::Sealed });
        }
    }

    fn member_line(&mut self, line: &Line<'_>) {
        line.allow(&[
            "voter",
            "learner",
            "name",
            "addr",
            "silent",
            "unstarted",
            "follows",
            "applied",
            "term",
        ]);
        let id: u64 = line.words[1].parse().unwrap();
        let address = format!("10.0.9.{}", line.number("addr").unwrap_or(id));
        let address = line.get("addr").map_or(address, |a| format!("10.0.0.{a}"));
        let started = !line.has("unstarted");
        self.members.push(Member {
            id: MemberId(id),
            name: if started { line.get("name").unwrap_or("stranger").to_owned() } else { String::new() },
            peer_urls: vec![format!("http://{address}:2380")],
            client_urls: if started { vec![format!("http://{address}:2379")] } else { Vec::new() },
            learner: line.has("learner"),
        });
        let url = format!("http://{address}:2379");
        if !self.probes.contains_key(&url) {
            self.probe(line, started.then_some(MemberId(id)), &url);
        }
    }
}

fn ids(text: &str) -> std::collections::BTreeSet<MemberId> {
    text.split(',').map(|w| MemberId(w.parse().unwrap())).collect()
}

/// `i-7` lives at 10.0.0.7.
fn address(instance: &str) -> String {
    format!("10.0.0.{}", instance.trim_start_matches("i-"))
}
