//! A small world in virtual time, driven by a seed: the group, its machines, etcd, the Parameter Store, the ledger,
//! and any number of invocations of the real protocol at once. Safety is checked at every step; then the faults stop
//! and it must settle.

mod adopted;
mod effects;
mod etcd;
mod faults;
mod group;
mod host;
mod in_flight;
mod invariants;
mod invocations;
mod misfortunes;
mod observe;
mod outage;
mod rng;
mod ssm;
pub mod tally;
mod versions;
pub mod years;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use membership::change::Change;
use membership::guard::Guards;
use membership::ids::InstanceId;
use membership::ledger::Ledger;
use membership::settings::Settings;

use etcd::Cluster;
use group::Group;
use host::Host;
use in_flight::Call;
use invocations::{Landing, Run};
use outage::Outage;
use rng::Rng;
use ssm::Ssm;
use tally::Tally;
use versions::{STEPS, USUAL};

const TICK: u64 = 250;
const HEARTBEAT: u64 = 90_000;
pub const START: u64 = 1_000_000;
/// How long things go wrong, and how long it may then take to settle.
const HOSTILE: u64 = 300_000;
const PATIENCE: u64 = 2_400_000;

pub struct World {
    pub now: u64,
    pub rng: Rng,
    pub guards: Guards,
    pub settings: Settings,
    pub group: Group,
    pub hosts: BTreeMap<InstanceId, Host>,
    pub clusters: BTreeMap<u64, Cluster>,
    pub ssm: Ssm,
    pub store: Option<Ledger>,
    pub runs: BTreeMap<u64, Run>,
    pub landings: BTreeMap<(u64, u64), Landing>,
    /// Changes of the membership that were sent and may still happen.
    pub calls: BTreeMap<u64, Call>,
    /// What each invocation last claimed, and when the last claim was written.
    pub intended: BTreeMap<u64, Change>,
    pub claim_at: u64,
    pub ids: u64,
    pub seeds: BTreeMap<String, BTreeSet<InstanceId>>,
    pub sealed: BTreeSet<InstanceId>,
    /// What the group looked like in the last seconds.
    pub past: VecDeque<(u64, Vec<Host>, usize, usize)>,
    /// Missing from both services for a moment.
    pub hidden: Option<InstanceId>,
    pub hidden_until: u64,
    pub was_hidden: BTreeSet<InstanceId>,
    /// The hooks' heartbeat timeout.
    pub heartbeat: u64,
    /// How long a boot takes, at least and mostly at most, and how many in a thousand take longer.
    pub boots: (u64, u64, u64),
    /// Whether what happens to an instance wakes a function.
    pub events: bool,
    /// Whether operators bring newer versions of etcd.
    pub upgrades: bool,
    /// Years are lived, not minutes of fury.
    pub years: bool,
    pub outage: Outage,
    pub tally: Tally,
    /// How much goes wrong, and whether invocations are held up often.
    pub fury: u64,
    pub sluggish: bool,
    pub quiet: bool,
    pub settled: bool,
    pub last_words: bool,
    pub stillborn: bool,
    next_tick: u64,
    next_schedule: u64,
    pub story: Vec<String>,
    /// How much of it is in the trace already.
    told: usize,
    pub broken: Option<&'static str>,
}

/// What became of one seed.
pub struct Outcome {
    pub seed: u64,
    pub broken: Option<&'static str>,
    pub story: Vec<String>,
    /// So that a world in which nothing happens is noticed.
    pub tally: Tally,
}

impl World {
    fn new(seed: u64, guards: Guards) -> Self {
        let mut rng = Rng::new(seed);
        let desired = *rng.pick(&[1, 3, 3, 3, 5, 5, 7]).unwrap_or(&3);
        let fury = rng.between(0, 4);
        let sluggish = rng.chance(400);
        let patience = *rng.pick(&[0, 20, 120]).unwrap_or(&120);
        let settings = Settings {
            formation_patience: Duration::from_secs(25),
            join_patience: Duration::from_secs(45),
            unproven_grace: Duration::from_secs(25),
            leave_patience: Duration::from_secs(patience),
            ..Settings::default()
        };
        let upgrades = rng.chance(400);
        // etcd's check before an add is another one before 3.5.30 and 3.6.11.
        let unchanging = rng.pick(&[USUAL, "3.6.10"]).copied();
        let etcd = if upgrades { rng.pick(&STEPS[..4]).copied() } else { unchanging };
        let etcd = etcd.unwrap_or(USUAL);
        let launches_first = rng.chance(400);
        let adopts = rng.chance(120);
        let mut world = Self {
            now: START,
            rng,
            guards,
            settings,
            group: Group { desired, max: 7, etcd, launches_first, ..Group::default() },
            hosts: BTreeMap::new(),
            clusters: BTreeMap::new(),
            ssm: Ssm::default(),
            store: None,
            runs: BTreeMap::new(),
            landings: BTreeMap::new(),
            calls: BTreeMap::new(),
            intended: BTreeMap::new(),
            claim_at: 0,
            ids: 0,
            seeds: BTreeMap::new(),
            sealed: BTreeSet::new(),
            past: VecDeque::new(),
            hidden: None,
            hidden_until: 0,
            was_hidden: BTreeSet::new(),
            heartbeat: HEARTBEAT,
            boots: (1_000, 20_000, 0),
            events: false,
            upgrades,
            years: false,
            outage: Outage::default(),
            tally: Tally::default(),
            fury,
            sluggish,
            quiet: false,
            settled: false,
            last_words: false,
            stillborn: false,
            next_tick: START,
            next_schedule: START,
            story: Vec::new(),
            told: 0,
            broken: None,
        };
        if adopts {
            world.found_elsewhere();
        }
        world
    }

    /// etcd's cluster, as the ledger knows it.
    pub fn ledger_cluster(&self) -> Option<&Cluster> {
        self.store.as_ref()?.cluster_id().and_then(|id| self.clusters.get(&id.0))
    }

    pub fn hostile(&self) -> bool {
        !self.quiet && self.fury > 0
    }

    pub fn tell(&mut self, what: String) {
        let at = self.now - START;
        self.story.push(format!("{:>5}.{:03}  {what}", at / 1000, at % 1000));
    }

    fn step(&mut self) {
        let run = self.runs.iter().map(|(id, r)| (r.wake.min(r.deadline), *id)).min();
        let landing = self.landings.keys().next().copied();
        let (at_run, at_landing) = (run.map_or(u64::MAX, |r| r.0), landing.map_or(u64::MAX, |l| l.0));
        self.now = self.now.max(self.next_tick.min(at_run).min(at_landing));
        if self.next_tick <= at_run.min(at_landing) {
            self.tick();
        } else if at_landing <= at_run {
            if let Some((key, landing)) = self.landings.pop_first() {
                self.land(key.1, landing);
            }
        } else if let Some((_, id)) = run {
            self.run(id);
        }
    }

    fn tick(&mut self) {
        self.next_tick += TICK;
        self.tally.ticks += 1;
        self.group_tick();
        self.hosts_tick();
        self.etcd_tick();
        self.operator_tick();
        self.doom_tick();
        if self.hostile() {
            if !self.years {
                self.faults_tick();
            }
            let hosts = self.hosts.values().cloned().collect();
            self.past.push_back((self.now, hosts, self.group.desired, self.group.max));
            if self.past.len() > 14 {
                self.past.pop_front();
            }
        }
        if self.now >= self.next_schedule {
            let gap = match (self.years, self.hostile()) {
                (true, _) => 60_000,
                (false, true) => self.rng.between(10_000, 45_000),
                (false, false) => 12_000,
            };
            self.next_schedule = self.now + gap;
            if self.hostile() || self.runs.len() < 2 {
                self.invoke();
            }
        }
    }
}

/// Runs one seed to its end, or to the first broken invariant.
pub fn run(seed: u64, guards: Guards) -> Outcome {
    let mut world = World::new(seed, guards);
    while world.broken.is_none() && world.now < START + HOSTILE {
        world.step();
    }
    world.calm();
    let end = world.now + PATIENCE;
    while world.broken.is_none() && !world.stillborn && world.now < end && world.unsettled().is_some() {
        world.last_words = world.now + 6_000 > end;
        world.step();
    }
    if let Some(why) = world.unsettled().filter(|_| !world.stillborn) {
        world.broken("I9", why);
    }
    world.tally.lived = world.now - START;
    Outcome { seed, broken: world.broken, story: world.story, tally: world.tally }
}
