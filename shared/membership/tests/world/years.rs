//! Years of one cluster's operation: long quiet times, which are skipped, and the misfortunes of years. Safety is
//! checked at every step, and the cluster must settle within a bounded time after each misfortune is over.

use std::collections::BTreeSet;
use std::time::Duration;

use membership::guard::Guards;
use membership::settings::Settings;

use super::group::{Boots, Group};
use super::host::Host;
use super::misfortunes::yearly;
use super::rng::{Rng, hash};
use super::tally::Tally;
use super::versions::{STEPS, USUAL};
use super::{START, World};

const DAY: u64 = 86_400_000;
pub const YEAR: u64 = 365 * DAY;
/// A cluster must settle within this time, even after an instance refresh of nine nodes with slow boots.
const BOUND: u64 = 4 * 3_600_000;
const MINUTE: u64 = 60_000;
/// A story of more lines than this is dropped when the cluster has settled.
const KEPT: usize = 4_000;

/// The result of one cluster's life.
pub struct Life {
    pub seed: u64,
    pub size: usize,
    pub tally: Tally,
    pub broken: Option<&'static str>,
    /// The story's last part: what happened since the last drop.
    pub story: Vec<String>,
    /// A hash of the whole story, its dropped parts included.
    pub trace: u64,
}

struct Years {
    size: usize,
    next: u64,
    trouble_ends: u64,
    rough_until: u64,
    silent_since: Option<u64>,
    trace: u64,
}

/// Lives for this many days with a cluster of this size.
pub fn live(seed: u64, size: usize, days: u64) -> Life {
    live_with(seed, size, days, Guards::all())
}

/// [`live`], with one guard taken away.
pub fn live_with(seed: u64, size: usize, days: u64, guards: Guards) -> Life {
    let mut world = World::for_years(seed, size, guards);
    let end = START + days * DAY;
    let mut years = Years::begin(size);
    while world.broken.is_none() && world.now < end {
        world.live_on(&mut years, end);
    }
    world.tally.lived = world.now - START;
    world.fold(&mut years, usize::MAX);
    let World { tally, broken, story, .. } = world;
    Life { seed, size, tally, broken, story, trace: years.trace }
}

/// Whether a cluster is said not to settle when no function ever runs.
pub fn unattended_is_noticed(seed: u64, size: usize) -> bool {
    let mut world = World::for_years(seed, size, Guards::all());
    let mut years = Years::begin(size);
    world.no_function_runs();
    while world.broken.is_none() && world.now < START + 2 * BOUND {
        world.live_on(&mut years, START + 2 * BOUND);
    }
    world.broken == Some("I9")
}

/// A formed cluster's group is emptied while no function runs, so that all hooks run out at once. Returns how many of
/// how many voters live in the end.
pub fn living_after_an_unattended_night(seed: u64, size: usize) -> (usize, usize) {
    let mut world = World::for_years(seed, size, Guards::all());
    while world.unsettled().is_some() {
        world.step();
    }
    world.no_function_runs();
    world.empty_the_group(DAY, false);
    let end = world.now + DAY / 2;
    while world.now < end {
        world.step();
    }
    let voters = world.ledger_cluster().map_or((0, BTreeSet::new()), |c| (c.id, c.voters()));
    let lives = |member: &&u64| world.host_of(voters.0, **member).is_some_and(Host::machine);
    (voters.1.iter().filter(lives).count(), voters.1.len())
}

impl Years {
    fn begin(size: usize) -> Self {
        Self { size, next: START, trouble_ends: START, rough_until: 0, silent_since: None, trace: 0 }
    }
}

impl World {
    fn no_function_runs(&mut self) {
        self.runs.clear();
        (self.events, self.next_schedule) = (false, u64::MAX);
    }

    fn for_years(seed: u64, size: usize, guards: Guards) -> World {
        let mut world = World::new(seed, guards);
        world.rng = Rng::new(hash(&format!("years {seed} {size}")));
        let etcd = if world.rng.chance(500) { STEPS[0] } else { USUAL };
        world.group = Group {
            desired: size,
            max: 2 * size + 2,
            etcd,
            launches_first: world.rng.chance(500),
            retains: true,
            ..Group::default()
        };
        (world.hosts, world.clusters, world.story) = Default::default();
        world.settings = Settings::default();
        if world.rng.chance(300) {
            world.settings.leave_patience = Duration::from_secs(*world.rng.pick(&[0, 300]).unwrap_or(&0));
        }
        world.heartbeat = *world.rng.pick(&[60_000, 90_000, 300_000]).unwrap_or(&300_000);
        world.boots = Boots { shortest: 20_000, longest: 90_000, slow: 30 };
        (world.fury, world.sluggish, world.quiet) = (1, false, true);
        (world.events, world.years) = (true, true);
        world
    }

    fn live_on(&mut self, years: &mut Years, end: u64) {
        if self.now >= years.next && self.store_formed() {
            self.go_wrong(years);
        }
        self.quiet = self.now >= years.rough_until;
        self.step();
        self.watch_quorum(years);
        self.check_bound(years);
        let busy = !self.runs.is_empty() || !self.landings.is_empty() || !self.calls.is_empty();
        if !busy && self.now >= self.troubled_until() && self.unsettled().is_none() {
            let mending = self.now.saturating_sub(years.trouble_ends);
            self.tally.longest_mending = self.tally.longest_mending.max(mending);
            self.skip_to(years.next.min(end), years);
        }
    }

    fn store_formed(&self) -> bool {
        self.ledger_cluster().is_some_and(|c| c.formed)
    }

    /// A misfortune happens. At times another follows within minutes; at times calls and looks fail for some minutes.
    fn go_wrong(&mut self, years: &mut Years) {
        years.trouble_ends = self.misfortune(years.size).max(years.trouble_ends);
        let mean = YEAR / yearly(years.size);
        let gap = if self.rng.chance(150) { 10 * MINUTE } else { 2 * mean };
        years.next = self.now + self.rng.between(1_000, gap);
        if self.rng.chance(200) {
            years.rough_until = self.now + self.rng.between(MINUTE, 10 * MINUTE);
            self.rough_until = years.rough_until;
            years.trouble_ends = years.trouble_ends.max(years.rough_until);
        }
    }

    fn watch_quorum(&mut self, years: &mut Years) {
        let silent = self.ledger_cluster().is_some_and(|c| c.formed && self.leads(c).is_none());
        if silent {
            let since = *years.silent_since.get_or_insert(self.now);
            self.tally.longest_silence = self.tally.longest_silence.max(self.now - since);
        } else {
            years.silent_since = None;
        }
    }

    /// Checks I9: the cluster settles within the bound after the last trouble was over.
    fn check_bound(&mut self, years: &mut Years) {
        let troubled = self.troubled_until();
        if troubled > self.now {
            years.trouble_ends = years.trouble_ends.max(troubled);
        }
        let over = years.trouble_ends + BOUND;
        self.last_words = self.now + MINUTE > over;
        if self.now > over
            && let Some(why) = self.unsettled()
        {
            self.broken("I9", why);
        }
    }

    /// All is well and no invocation runs, so nothing changes until the next misfortune: time is skipped.
    fn skip_to(&mut self, at: u64, years: &mut Years) {
        if at > self.now + MINUTE {
            // The last seconds are lived, so that what the world remembers is fresh when the misfortune happens.
            self.now = at - 15_000;
            self.next_tick = self.now;
            self.next_schedule = self.now + self.rng.between(0, 10_000);
            self.tell("all was well until now".to_owned());
            self.tidy();
            self.fold(years, KEPT);
            years.trouble_ends = at;
        }
    }

    /// Forgets what can have no effect any more.
    fn tidy(&mut self) {
        self.past.clear();
        self.intended.clear();
        self.ssm.tidy(self.now);
        let (hosts, current) = (&self.hosts, self.store().and_then(|l| l.cluster_id()).map(|c| c.0));
        self.clusters.retain(|id, _| Some(*id) == current);
        for cluster in self.clusters.values_mut() {
            let there = |m: &u64| hosts.values().any(|h| h.member() == Some(*m));
            let members = cluster.members.clone();
            let known = |m: &u64| members.contains_key(m) || there(m);
            cluster.removed.retain(known);
            cluster.started.retain(known);
            cluster.voted.retain(known);
            cluster.well_at.retain(|m, _| known(m));
            cluster.unwell_at.retain(|m, _| known(m));
        }
        self.sealed.retain(|id| hosts.contains_key(id));
    }

    /// Folds new lines of the story into the trace, and drops a story of more lines than `over`.
    fn fold(&mut self, years: &mut Years, over: usize) {
        years.trace =
            self.story[self.told..].iter().fold(years.trace, |h, line| hash(&format!("{h} {line}")));
        if self.story.len() > over {
            self.story.clear();
        }
        self.told = self.story.len();
    }
}
