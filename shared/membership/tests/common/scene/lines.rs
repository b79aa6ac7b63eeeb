//! The lines of a scene, and the lines about the group, the cluster and a member without an instance.

use std::time::Duration;

use membership::alarm::Alarm;
use membership::etcd::{KeysHash, Member};
use membership::ids::{ClusterId, ClusterName, MemberId, Nonce};
use membership::ledger::{Condition, ConditionKey, Failures, Origin, Phase, Seed, Source};
use membership::observation::Seen;
use membership::report::HostReport;
use membership::settings::Problem;

use super::{Building, Env, Line, NOW, OURS, OddList, address};

impl Building {
    pub(super) fn line(&mut self, text: &str) {
        match text.split_whitespace().next().unwrap_or_default() {
            "group" => self.group_line(&Line::parse(text, 1)),
            "cluster" => self.cluster_line(&Line::parse(text, 1)),
            "no-ledger" => self.ledger = None,
            "setting" => {
                let words: Vec<_> = text.split_whitespace().collect();
                self.group.settings.set(words[1], words[2]).unwrap();
            }
            "problem" => {
                let words: Vec<_> = text.split_whitespace().collect();
                self.problem(words[1], words.get(2).copied().unwrap_or_default());
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
            "alarm" => self.alarm_line(&Line::parse(text, 3)),
            "hash" => self.hash_line(&Line::parse(text, 3)),
            "unknown" => {
                let words: Vec<&str> = text.split_whitespace().collect();
                self.unknown
                    .push((words[1].to_owned(), words.get(2).copied().unwrap_or_default().to_owned()));
            }
            "refused" => {
                let (ago, call) = text.trim_start_matches("refused ").split_once(' ').unwrap();
                let at = NOW.minus(Duration::from_secs(ago.parse().unwrap()));
                self.ledger().refused.refused(call, "access denied", at);
            }
            "endpoints" => {
                let who = text.split_whitespace().nth(1).unwrap();
                let ids = who.split(',').filter(|w| *w != "none");
                self.endpoints = Some(ids.map(|i| format!("http://{}:2379", address(i))).collect());
            }
            "owner" => self.owner_line(&Line::parse(text, 1)),
            "this" => self.owner.me.vpc = Line::parse(text, 1).get("vpc").unwrap_or_default().to_owned(),
            "name" => self.rename(text.trim_start_matches("name ")),
            "moved" => self.ledger().moved_to = text.split_whitespace().nth(1).map(str::to_owned),
            "initial-cluster" => self.stale_initial_cluster = true,
            "sending" => self.sending = super::ids(text.split_whitespace().nth(1).unwrap()),
            "nowhere" => drop(self.nowhere.insert(text.split_whitespace().nth(1).unwrap().to_owned())),
            "failures" => self.failures_line(&Line::parse(text, 2)),
            "says" => {
                let (id, said) = text.trim_start_matches("says ").split_once(' ').unwrap();
                let report = HostReport::parse(format!("says={said}").as_bytes()).unwrap();
                self.reports.insert(id.into(), report);
            }
            "me" => self.me = text.split_whitespace().nth(1).map(Nonce::from),
            word if word.starts_with("i-") => self.instance_line(&Line::parse(text, 2)),
            other => panic!("{text:?} is no line of a scene: {other:?} is not known"),
        }
    }

    fn failures_line(&mut self, line: &Line<'_>) {
        line.allow(&["same", "row", "ago", "from", "settings"]);
        let cause = serde_json::from_value(line.words[1].into()).expect("a failure's name");
        let row = line.number("row").unwrap_or(3) as u32;
        let settings = line.get("settings").map(str::to_owned);
        let origin = |launch: &str| Origin {
            launch: launch.to_owned(),
            settings: settings.clone().unwrap_or_else(|| self.group.settings.of_a_joiner()),
        };
        let failures = Failures {
            cause,
            same: line.number("same").map_or(row, |n| n as u32),
            row,
            last: NOW.minus(Duration::from_secs(line.number("ago").unwrap_or(0))),
            origins: line.get("from").unwrap_or("lt:1").split(',').map(origin).collect(),
            said: None,
        };
        self.ledger().failures = Some(failures);
    }

    fn alarm_line(&mut self, line: &Line<'_>) {
        let member = match line.words[2] {
            "none" => String::new(),
            id => format!("memberID:{id} "),
        };
        self.alarms.push(Alarm::parse(&format!("{member}alarm:{}", line.words[1])).unwrap());
    }

    fn hash_line(&mut self, line: &Line<'_>) {
        line.allow(&["at", "compacted", "cluster"]);
        let member = MemberId(line.words[1].parse().unwrap());
        let hash = match line.words[2] {
            "none" => Seen::unseen("no answer"),
            digits => Seen::Known(KeysHash {
                cluster: line.number("cluster").map_or(OURS, ClusterId),
                member,
                revision: line.number("at").unwrap_or(90),
                compacted: line.get("compacted").map_or(-1, |n| n.parse().unwrap()),
                hash: u32::from_str_radix(digits, 16).unwrap(),
            }),
        };
        self.hashes.insert(member, hash);
    }

    /// The ledger is about the group under its present name.
    fn rename(&mut self, name: &str) {
        self.group.identity.name = name.to_owned();
        if let Some(ledger) = &mut self.ledger {
            ledger.group.name = name.to_owned();
        }
    }

    fn owner_line(&mut self, line: &Line<'_>) {
        line.allow(&["none", "bucket", "prefix", "vpc", "cluster", "age", "unproven"]);
        let Some(record) = self.owner.record.as_mut().filter(|_| !line.has("none")) else {
            self.owner.record = None;
            return;
        };
        let owner = &mut record.owner;
        if let Some(bucket) = line.get("bucket") {
            (owner.bucket, owner.deployment) = (bucket.to_owned(), "other".to_owned());
        }
        owner.parameter_prefix = line.get("prefix").unwrap_or("/p").to_owned();
        owner.vpc = line.get("vpc").unwrap_or_default().to_owned();
        owner.cluster = line.get("cluster").unwrap_or("c").into();
        owner.without_ledger = line.has("unproven");
        if let Some(age) = line.number("age") {
            record.written = NOW.minus(Duration::from_secs(age));
        }
    }

    fn problem(&mut self, name: &str, value: &str) {
        let settings = &mut self.group.settings;
        match name {
            "name" => settings.problems.push(Problem::NameUnreadable(ClusterName::parse(value).unwrap_err())),
            "name-blanks" => settings.problems.push(Problem::NameTrimmed(value.into())),
            "name-misspelt" => settings.problems.push(Problem::NameMisspelt { tag: value.to_owned() }),
            "paused-misspelt" => settings.problems.push(Problem::PausedMisspelt { tag: value.to_owned() }),
            "unknown-tag" => {
                let (tag, nearest) = (value.to_owned(), "etcd-asg:join-patience".to_owned());
                settings.problems.push(Problem::UnknownTag { tag, nearest });
            }
            setting => settings.take(setting, value, &format!("the group's tag etcd-asg:{setting}")),
        }
    }

    fn group_line(&mut self, line: &Line<'_>) {
        let known = ["desired", "max", "paused", "retains", "heartbeat", "arn", "vpc", "end"];
        line.allow(
            &[&known[..], &["no-launch-hook", "no-terminate-hook", "reuses", "weight", "units"]].concat(),
        );
        let g = &mut self.group;
        g.desired = line.number("desired").map_or(g.desired, |n| n as usize);
        g.max = line.number("max").map_or(g.max, |n| n as usize);
        g.settings.paused = line.has("paused");
        g.retains = line.has("retains");
        g.reuses = line.has("reuses");
        g.units = line.get("units").map(|what| what.replace('_', " "));
        self.weight = line.number("weight").map(|n| n as usize);
        let g = &mut self.group;
        g.end = line.get("end").map(str::to_owned);
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
            other => panic!("{other:?} is no phase in {:?}", line.text),
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
