//! A small world in virtual time, driven by a seed: the group, its machines, etcd, the Parameter Store, the ledger,
//! and any number of invocations of the real protocol at once. Safety is checked at every step; then the faults stop
//! and the world must settle. All times are virtual milliseconds.

mod adopted;
mod corruption;
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
mod owners;
mod rng;
mod ssm;
pub mod tally;
mod templates;
mod versions;
pub mod years;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use membership::change::Change;
use membership::guard::Guards;
use membership::ids::InstanceId;
use membership::settings::Settings;

use corruption::Corruption;
use etcd::Cluster;
use group::{Boots, Group};
use host::Host;
use in_flight::Call;
use invocations::{Landing, Run};
use observe::Past;
use outage::Outage;
use owners::Deployments;
use rng::Rng;
use ssm::Ssm;
use tally::Tally;
use templates::Broken;
use versions::{STEPS, USUAL};

const TICK: u64 = 250;
const HEARTBEAT: u64 = 90_000;
pub const START: u64 = 1_000_000;
/// How long faults happen, and how long the world may then take to settle.
const HOSTILE: u64 = 300_000;
const PATIENCE: u64 = 2_400_000;

pub struct World {
    now: u64,
    rng: Rng,
    guards: Guards,
    settings: Settings,
    group: Group,
    hosts: BTreeMap<InstanceId, Host>,
    clusters: BTreeMap<u64, Cluster>,
    ssm: Ssm,
    deployments: Deployments,
    corruption: Corruption,
    runs: BTreeMap<u64, Run>,
    landings: BTreeMap<(u64, u64), Landing>,
    /// Changes of the membership that were sent and may still happen.
    calls: BTreeMap<u64, Call>,
    /// The change that each invocation claimed last, and when the last claim was written.
    intended: BTreeMap<u64, Change>,
    claim_at: u64,
    ids: u64,
    seeds: BTreeMap<String, BTreeSet<InstanceId>>,
    sealed: BTreeSet<InstanceId>,
    /// The group in the last seconds, for stale answers.
    past: VecDeque<Past>,
    /// The instance that EC2 and the group do not list for a moment.
    hidden: Option<InstanceId>,
    hidden_until: u64,
    was_hidden: BTreeSet<InstanceId>,
    /// The hooks' heartbeat timeout.
    heartbeat: u64,
    boots: Boots,
    /// Whether an event of an instance starts a function.
    events: bool,
    /// Whether operators bring newer versions of etcd.
    upgrades: bool,
    /// Whether the world lives for years with few faults, and not for minutes with many.
    years: bool,
    outage: Outage,
    broken_template: Broken,
    tally: Tally,
    /// How often faults happen (0 to 4), and whether invocations are often held up.
    fury: u64,
    sluggish: bool,
    /// Whether the faults have stopped.
    quiet: bool,
    /// Until when calls and looks failed last.
    rough_until: u64,
    /// Whether the last decision was settled.
    settled: bool,
    /// Whether the time to settle is almost over: the story then tells what each decision waits for.
    last_words: bool,
    /// A cluster lost its majority at the moment at which the ledger said that it formed.
    stillborn: bool,
    next_tick: u64,
    next_schedule: u64,
    story: Vec<String>,
    /// How many lines of the story are in the trace already.
    told: usize,
    broken: Option<&'static str>,
}

/// The result of one seed.
pub struct Outcome {
    pub seed: u64,
    pub broken: Option<&'static str>,
    pub story: Vec<String>,
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
        // etcd checks an add differently before 3.5.30 and 3.6.11.
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
            deployments: Deployments::default(),
            corruption: Corruption::default(),
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
            boots: Boots { shortest: 1_000, longest: 20_000, slow: 0 },
            events: false,
            upgrades,
            years: false,
            outage: Outage::default(),
            broken_template: Broken::default(),
            tally: Tally::default(),
            fury,
            sluggish,
            quiet: false,
            rough_until: 0,
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

    /// The etcd cluster that the ledger names.
    pub fn ledger_cluster(&self) -> Option<&Cluster> {
        self.store()?.cluster_id().and_then(|id| self.clusters.get(&id.0))
    }

    pub fn hostile(&self) -> bool {
        !self.quiet && self.fury > 0
    }

    pub fn tell(&mut self, what: String) {
        let at = self.now - START;
        self.story.push(format!("{:>5}.{:03}  {what}", at / 1000, at % 1000));
    }

    /// A world in which two deployments see the group.
    fn contested(seed: u64, guards: Guards) -> Self {
        let mut world = Self::new(seed, guards);
        world.deployments.contested = true;
        world
    }

    /// A world in which the copy of a voter becomes wrong.
    fn corrupt(seed: u64, guards: Guards) -> Self {
        let mut world = Self::new(seed, guards);
        world.plan_corruption();
        world
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
        self.corruption_tick();
        self.operator_tick();
        self.doom_tick();
        self.template_tick();
        if self.hostile() {
            if !self.years {
                self.faults_tick();
            }
            let hosts = self.hosts.values().cloned().collect();
            let (desired, max) = (self.group.desired, self.group.max);
            self.past.push_back(Past { at: self.now, hosts, desired, max });
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
            if self.deployments.contested {
                self.contested_schedule();
            } else if self.years || self.hostile() || self.runs.len() < 2 {
                self.invoke();
            }
        }
    }
}

/// Runs one seed to its end, or to the first broken invariant.
pub fn run(seed: u64, guards: Guards) -> Outcome {
    live(seed, World::new(seed, guards))
}

/// Runs one seed of a world in which two deployments see the group.
pub fn run_contested(seed: u64, guards: Guards) -> Outcome {
    live(seed, World::contested(seed, guards))
}

/// Runs one seed of a world in which the copy of a voter becomes wrong.
pub fn run_corrupt(seed: u64, guards: Guards) -> Outcome {
    live(seed, World::corrupt(seed, guards))
}

fn live(seed: u64, mut world: World) -> Outcome {
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
