//! The line of an instance: the group's view of it, its probe, its record in the ledger and its member.

use std::time::Duration;

use membership::alarm::Alarm;
use membership::etcd::{DbSize, Member, Probe, Silence, Status, Unreadable};
use membership::ids::{ClusterId, InstanceId, MemberId};
use membership::instance::{Ec2State, Instance, Lifecycle};
use membership::ledger::{Condition, ConditionKey, EnvState, InstanceRecord};

use super::{Building, Env, Line, NOW, OURS, address};

impl Building {
    pub(super) fn instance_line(&mut self, line: &Line<'_>) {
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
            "unreadable",
            "trouble",
            "downgrade",
            "size",
            "silence",
            "unvoted",
            "open",
            "unrecorded",
            "recorded",
            "unlisted",
            "unpublished",
            "unhealthy",
            "version",
            "fresh",
            "sealed",
            "name",
            "peer",
            "foreign",
            "from",
            "alarm",
            "peer-scheme",
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
            if let Some(weight) = self.weight {
                self.group.weights.insert(id.clone(), weight);
            }
            self.group.instances.push(Instance {
                id: id.clone(),
                lifecycle: (!missing).then(|| Lifecycle::parse(line.words[1])),
                ec2_state,
                address: (!line.has("noaddr")).then(|| address.clone()),
                launched_at: NOW.minus(Duration::from_secs(line.number("age").unwrap_or(3600))),
                healthy: !line.has("unhealthy"),
                origin: line.get("from").unwrap_or("lt:1").to_owned(),
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
            peer_urls: vec![format!(
                "{}://{}:2380",
                line.get("peer-scheme").unwrap_or("http"),
                line.get("peer").unwrap_or(&address)
            )],
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

    pub(super) fn probe(&mut self, line: &Line<'_>, member: Option<MemberId>, url: &str) {
        if line.has("leader") {
            self.leader = member;
        }
        let missing = line.words.get(1) == Some(&"Missing");
        let silent = missing || line.has("unstarted") || line.has("silent") || member.is_none();
        let answers = member.or(line.number("answers-as").map(MemberId));
        let misses = line.get("silent").filter(|n| !n.is_empty()).map_or(3, |n| n.parse().unwrap());
        let probe = if line.has("auth") {
            Probe::AuthenticationNeeded
        } else if let Some(what) = line.get("unreadable") {
            Probe::Unreadable { what: unreadable(what), misses, why: "the error".into() }
        } else if let Some(member) = answers.filter(|_| !silent || line.has("answers-as")) {
            Probe::Answered(Status {
                cluster: line.number("cluster").map_or(OURS, ClusterId),
                member: line.number("answers-as").map_or(member, MemberId),
                leader: line.number("follows").map(MemberId),
                term: line.number("term").unwrap_or(5),
                applied: line.number("applied").unwrap_or(5000),
                learner: line.has("learner"),
                version: line.get("version").unwrap_or("3.6.16").to_owned(),
                revision: 1,
                alarms: line
                    .get("alarm")
                    .and_then(|words| Alarm::parse(&words.replace('_', " ")))
                    .into_iter()
                    .collect(),
                troubles: line.get("trouble").map(str::to_owned).into_iter().collect(),
                size: line.get("size").map_or(DbSize::default(), size),
                downgrade: line.get("downgrade").map(str::to_owned),
            })
        } else {
            let how = line.get("silence").map_or(Silence::NoAnswer, silence);
            Probe::Silent { misses, how, why: "no answer".into() }
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
}

fn unreadable(word: &str) -> Unreadable {
    match word {
        "tls" => Unreadable::Tls,
        "plain" => Unreadable::PlainHttp,
        "not-http" => Unreadable::NotHttp,
        "no-gateway" => Unreadable::NoGateway("3.6.16".to_owned()),
        "not-etcd" => Unreadable::NotEtcd(404),
        "unready" => Unreadable::Unready,
        "malformed" => Unreadable::Malformed,
        other => panic!("{other:?} is nothing that answers"),
    }
}

fn silence(word: &str) -> Silence {
    match word {
        "refused" => Silence::Refused,
        "no-connection" => Silence::NoConnection,
        "no-answer" => Silence::NoAnswer,
        "closed" => Silence::Closed,
        "gateway" => Silence::Gateway(502),
        other => panic!("{other:?} is no silence"),
    }
}

/// `2048/4096`: the size and the quota in MiB.
fn size(words: &str) -> DbSize {
    let (file, quota) = words.split_once('/').unwrap();
    let bytes = |n: &str| n.parse::<u64>().unwrap() * 1024 * 1024;
    DbSize { file: bytes(file), in_use: bytes(file), quota: Some(bytes(quota)) }
}
