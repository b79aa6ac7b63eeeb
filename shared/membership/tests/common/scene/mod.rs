//! Scenes: an observation in a few lines. Whatever a scene does not say is as in a healthy cluster of etcd 3.6.
//!
//! The lines may stand in any order; the group lists the instances in the order of their lines.
//!
//! ```text
//! group desired=3 max=5 end=destroy-1 heartbeat=60 arn=other vpc=vpc-2 paused retains no-launch-hook no-terminate-hook
//!   reuses weight=2 units=capacity_units  the warm pool takes back; each instance counts for so many of these units
//! cluster phase=opened seed=i-1 generation=2 founded=3.5.35 adopted no-identity
//! no-ledger                            instead of a line `cluster`
//! setting join-patience 60s
//! problem paused maybe                 a tag whose value cannot be read; then the value
//!   name | name-blanks | name-misspelt | paused-misspelt | unknown-tag     what is wrong with a tag's key or the name
//! i-1 InService voter=1 leader         an instance with its member, probe, record and env; then any of these:
//!   voter=1 | learner=4                its member; without it, an instance that never joined
//!   age=60                             launched so many seconds ago
//!   ec2=stopping | terminated | absent what EC2 says; otherwise `running`
//!   unhealthy noaddr addr=4            addr=4: the address is 10.0.0.4
//!   unstarted name=n peer=host peer-scheme=https     what the list says of its member
//!   leader follows=2 term=4 applied=9 cluster=9 answers-as=8 version=3.7.3     what its server answers
//!   alarm=memberID:1_alarm:NOSPACE     an alarm in its status, `_` for a blank
//!   silent | silent=1 | auth           three misses, or so many; authentication is required
//!   unreadable=tls silence=refused     what answers there without a status, or what the silence is like
//!   trouble=words downgrade=3.5.0 size=2048/2048   what else its status tells; the size and the quota in MiB
//!   open sealed foreign                its env in the record
//!   recorded unrecorded                a record without a member; a member without a record
//!   unvoted unlisted unpublished       no first vote yet; not in the list; no env in the parameters
//!   from=lt:2                          what it was launched from; otherwise lt:1
//!   fresh                              its hook is seen waiting for the first time, not for 5 s already
//! i-5 Missing voter=5                  an instance that is not in the group
//! member 9 voter name=x silent         a member of no known instance; learner addr unstarted follows applied term
//! condition gone/i-5 ago=10 applied=9
//! claim remove i-3 asked=1 by=r2 nonce=n2 generation=1 voters=1,2,3 expires=30     expires in 30 s; -1: has expired
//! unanswered promote i-4 asked=1 voters=1,2,3 deadline=-10 clean=-5/1/5     clean: when, leader, term
//!   add promote remove remove-learner seal repair abandon retain unhealthy     the changes of these two lines
//! lists none | lists 1,2               which members served a list; otherwise the leader alone
//! list 3 without=4 | list 3 cluster=9 | list 3 served-by=1     how one member's own list differs
//! list-misses 3                        how often the list was missed in this invocation
//! env i-9 | env i-4 stale | env i-4 minors=3.6 | env i-4 generation=3     an env in the parameters
//! endpoints i-1,i-2 | endpoints none | initial-cluster stale     what is published
//! alarm CORRUPT 3 | alarm NOSPACE none | alarm FIRE 1     an alarm that every server of ours tells
//! hash 2 a1b2 at=90 compacted=50 | hash 2 none            the hash of a member's keys, in hexadecimal
//! unknown group | unknown owner | unknown ledger | unknown parameters     what could not be read
//! unknown group refused                what will not be told until an operator changes something
//! refused 10 put endpoints             this call was refused 10 s ago
//! owner none                           no record of the group's owner; otherwise this deployment's of long ago, or
//!   owner bucket=b2 prefix=/p2 vpc=vpc-2 cluster=old age=5 unproven     the record, and how many seconds ago it was written
//! name it's                             the group's name; otherwise g
//! this vpc=vpc-2                       the VPC that this deployment serves; otherwise it was not told
//! moved s3://b2/l/c/ledger.json        the ledger was moved there
//! failures never-formed row=3 ago=59 from=lt:1 settings=other     what failed in a row; same: as row if not given
//! sending 4 | nowhere a.example        the leader sends member 4 a snapshot; a name that does not resolve
//! says i-4 it has no disk             what the host of i-4 says
//! me n2                                the nonce of the invocation's own claim
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use membership::alarm::Alarm;
use membership::etcd::{KeysHash, Member, Probe};
use membership::ids::{ClusterId, InstanceId, MemberId, Nonce, Timestamp};
use membership::ledger::{
    FORMAT, Generation, GroupIdentity, HookNames, Identity, Ledger, Phase, RefusedCalls, Seed, Source, Writer,
};
use membership::observation::{Group, Hook, Observation, Seen};
use membership::owner::{self, Owner, OwnerRecord, Ownership};
use membership::report::HostReport;
use membership::settings::Settings;

use super::scene_line::Line;

mod assemble;
mod changes;
mod instance;
mod lines;

pub const NOW: Timestamp = Timestamp(1_000_000_000);
pub const OURS: ClusterId = ClusterId(0xc1);

/// What a scene stands for: the observation, and the nonce of the invocation's own claim.
pub struct Scene {
    pub obs: Observation,
    pub me: Option<Nonce>,
}

/// Which env an instance has in the parameters.
#[derive(Clone, PartialEq, Eq)]
enum Env {
    Open,
    Sealed,
    /// Open, with the `initial-cluster` of an earlier membership.
    Stale,
    /// Open, written when only these minors could join.
    Minors(String),
    /// Sealed, of this generation, in a scene without a ledger.
    Generation(u64),
}

struct Building {
    group: Group,
    ledger: Option<Ledger>,
    members: Vec<Member>,
    probes: BTreeMap<String, Probe>,
    alarms: Vec<Alarm>,
    hashes: BTreeMap<MemberId, Seen<KeysHash>>,
    envs: BTreeMap<InstanceId, Env>,
    leader: Option<MemberId>,
    served_by: Option<Vec<MemberId>>,
    odd_lists: Vec<OddList>,
    list_misses: u32,
    /// What could not be read, and how.
    unknown: Vec<(String, String)>,
    endpoints: Option<Vec<String>>,
    owner: Ownership,
    stale_initial_cluster: bool,
    weight: Option<usize>,
    me: Option<Nonce>,
    reports: BTreeMap<InstanceId, HostReport>,
    sending: BTreeSet<MemberId>,
    nowhere: BTreeSet<String>,
}

/// How one member's own list differs from the members of the scene.
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
        let first = |l: &&str| {
            matches!(l.split(' ').next(), Some("group" | "cluster" | "no-ledger" | "setting" | "problem"))
        };
        lines().filter(first).for_each(|l| b.line(l));
        lines().filter(|l| l.starts_with("i-") || l.starts_with("member ")).for_each(|l| b.line(l));
        lines()
            .filter(|l| !first(l) && !l.starts_with("i-") && !l.starts_with("member "))
            .for_each(|l| b.line(l));
        b.finish()
    }
}

fn seconds(text: &str) -> Timestamp {
    let n: i64 = text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number of seconds"));
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
            end: None,
            launch_hook: hook("launch"),
            terminate_hook: hook("terminate"),
            retains: false,
            reuses: false,
            units: None,
            weights: BTreeMap::new(),
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
            failures: None,
            refused: RefusedCalls::default(),
            history: Vec::new(),
            hooks: HookNames { launch: Some("launch".into()), terminate: Some("terminate".into()) },
            moved_to: None,
        };
        Self {
            group,
            ledger: Some(ledger),
            members: Vec::new(),
            probes: BTreeMap::new(),
            alarms: Vec::new(),
            hashes: BTreeMap::new(),
            envs: BTreeMap::new(),
            leader: None,
            served_by: None,
            odd_lists: Vec::new(),
            list_misses: 0,
            unknown: Vec::new(),
            endpoints: None,
            owner: this_owns(),
            stale_initial_cluster: false,
            weight: None,
            me: None,
            reports: BTreeMap::new(),
            sending: BTreeSet::new(),
            nowhere: BTreeSet::new(),
        }
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().expect("the scene has no ledger")
    }
}

/// This deployment owns the group, and has for a day.
pub fn this_owns() -> Ownership {
    let me = Owner {
        bucket: "b".into(),
        ledger_prefix: "l".into(),
        parameter_prefix: "/p".into(),
        vpc: String::new(),
        deployment: "this".into(),
        cluster: "c".into(),
        without_ledger: false,
    };
    let written = NOW.minus(Duration::from_secs(86_400));
    Ownership { record: Some(OwnerRecord { owner: me.clone(), written }), me, settles: owner::SETTLES }
}

fn ids(text: &str) -> BTreeSet<MemberId> {
    text.split(',').map(|w| MemberId(w.parse().unwrap())).collect()
}

/// The address of `i-7` is 10.0.0.7.
fn address(instance: &str) -> String {
    format!("10.0.0.{}", instance.trim_start_matches("i-"))
}
