//! Groups and instances behind one mutex, and what follows from changes to them.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use serde_json::Value;
use tokio::sync::Notify;

use super::activity::Activity;
use super::group::Group;
use super::instance::{Instance, InstanceState, RootVolumeTask};
use super::launch::LaunchSpec;
use super::site::Site;
use super::template::Templates;

/// How many scaling activities are kept.
const ACTIVITIES: usize = 2_000;

/// The groups and the instances of the region. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// What all parts share.
    pub(crate) site: Site,
    state: Arc<Mutex<State>>,
    wake: Arc<Notify>,
}

/// What is behind the mutex.
#[derive(Default)]
pub(crate) struct State {
    /// Auto Scaling groups by name.
    pub groups: BTreeMap<String, Group>,
    /// EC2 instances by ID.
    pub instances: BTreeMap<String, Instance>,
    /// EC2 launch templates by ID.
    pub templates: Templates,
    /// Scaling activities, newest first.
    pub activities: VecDeque<Activity>,
    /// Root-volume replacements, the oldest first.
    pub root_volume_tasks: Vec<RootVolumeTask>,
    /// What is to be done once the mutex is free again, in order.
    pub effects: Vec<Effect>,
}

/// Something outside the world that follows from a change.
pub(crate) enum Effect {
    /// An instance's processes start.
    Launch(LaunchSpec),
    /// An instance's processes end, and its disk with them.
    Kill(String),
    /// An instance's processes end; its disk stays.
    Stop(String),
    /// An instance that was stopped boots again.
    Start(String),
    /// An instance loses its disk and boots again.
    ReplaceRootVolume {
        /// The task's ID.
        task: String,
        /// The instance's ID.
        instance: String,
    },
    /// A lifecycle event goes to EventBridge.
    Lifecycle {
        /// The event's type.
        detail_type: &'static str,
        /// The group's ARN.
        resource: String,
        /// The event's detail.
        detail: Value,
    },
    /// A change of an instance's EC2 state goes to EventBridge.
    StateChange(String, InstanceState),
}

impl World {
    /// An empty world.
    pub(crate) fn new(site: Site) -> Self {
        Self { site, state: Arc::default(), wake: Arc::default() }
    }

    /// Looks at the state.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and wakes the group engine, which does what follows.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.wake.notify_one();
        result
    }

    /// Changes the state without waking the group engine: the engine's own way.
    pub(crate) fn change_quietly<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.lock())
    }

    /// Waits until somebody changed the state.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Takes what follows from the changes so far, to be done in order.
    pub(crate) fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut self.lock().effects)
    }

    /// A power cut: the instance is ended without a word to its group, which notices at its next health check.
    ///
    /// False where there is no such instance, or it has ended already.
    pub fn lose_instance(&self, id: &str) -> bool {
        let reason = ("Server.InternalError", "Server.InternalError: Internal error on launch");
        let timeline = &self.site.timeline;
        let lost = self.change(|state| state.shut_down(id, reason));
        if lost {
            timeline.note("ec2", id, "lost its power");
        }
        lost
    }

    /// The private address of an instance that has not ended.
    pub fn instance_address(&self, id: &str) -> Option<Ipv4Addr> {
        self.look(|state| {
            let instance = state.instances.get(id)?;
            instance.state.is_alive().then_some(instance.address)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Begins an instance's end in EC2; false where there is no such instance, or it has begun before.
    pub fn shut_down(&mut self, id: &str, reason: (&'static str, &'static str)) -> bool {
        let living = self.instances.get_mut(id).filter(|instance| !instance.state.has_ended());
        let Some(instance) = living else { return false };
        instance.reason = Some(reason);
        self.effects.push(Effect::Kill(id.to_owned()));
        self.enter(id, InstanceState::ShuttingDown);
        true
    }

    /// Stops a running instance: its processes end, ID, address and disk stay.
    pub fn stop(&mut self, id: &str) {
        self.effects.push(Effect::Stop(id.to_owned()));
        self.enter(id, InstanceState::Stopping);
    }

    /// Starts a stopped instance. EC2's launch time is that of the last start.
    pub fn start(&mut self, id: &str) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.launched = SystemTime::now();
        }
        self.effects.push(Effect::Start(id.to_owned()));
        self.enter(id, InstanceState::Pending);
    }

    /// Begins to replace an instance's root volume; `for_group` where its group waits for that.
    pub fn replace_root_volume(&mut self, site: &Site, instance: &str, for_group: bool) {
        let id = format!("replacevol-{}", site.hex17());
        let task = RootVolumeTask {
            id: id.clone(),
            instance: instance.to_owned(),
            for_group,
            started: SystemTime::now(),
            succeeded: None,
        };
        self.root_volume_tasks.push(task);
        self.effects.push(Effect::ReplaceRootVolume { task: id, instance: instance.to_owned() });
        site.timeline.note("ec2", instance, "its root volume is replaced");
    }

    /// Puts an instance into a state of EC2 and tells EventBridge.
    pub fn enter(&mut self, id: &str, state: InstanceState) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.state = state;
            instance.since = Instant::now();
            self.effects.push(Effect::StateChange(id.to_owned(), state));
        }
    }

    /// Opens a scaling activity.
    pub fn open_activity(&mut self, activity: Activity) {
        self.activities.push_front(activity);
        self.activities.truncate(ACTIVITIES);
    }

    /// The activity with an ID.
    pub fn activity(&mut self, id: &str) -> Option<&mut Activity> {
        self.activities.iter_mut().find(|activity| activity.id == id)
    }
}
