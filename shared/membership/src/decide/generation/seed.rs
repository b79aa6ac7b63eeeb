//! Which instance founds a cluster.

use crate::etcd::Probe;
use crate::guard::{Guard, Guards};
use crate::instance::{Instance, InstanceState};
use crate::ledger::Seed;
use crate::observation::{Group, Observation};
use crate::view::probe_of;

/// The oldest instance whose launch hook waits and on which nothing answers yet. Of two instances of one age it is
/// the instance with the lower ID.
pub fn choose_seed(
    obs: &Observation,
    group: &Group,
    guards: Guards,
    eligible: impl Fn(&Instance) -> bool,
) -> Option<Seed> {
    let quiet = |i: &Instance| {
        let answers = probe_of(&obs.etcd, group, i).is_some_and(Probe::is_alive);
        guards.allows(Guard::SeedIsQuiet, !answers)
    };
    group
        .instances
        .iter()
        .filter(|i| i.state() == InstanceState::LaunchWaiting && eligible(i) && quiet(i))
        .min_by_key(|i| (i.launched_at, i.id.clone()))
        .and_then(|i| Some(Seed { instance: i.id.clone(), peer_url: i.peer_url(&group.settings)? }))
}
