//! Groups and instances behind one mutex, and the effects of changes to them.

use std::collections::{BTreeMap, VecDeque};
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
    /// What all parts of the region share.
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
    /// What is to be done outside the mutex, in order.
    pub effects: Vec<Effect>,
}

/// A consequence of a change, outside the world.
pub(crate) enum Effect {
    /// An instance's processes start.
    Launch(LaunchSpec),
    /// An instance's processes end and its disk is lost.
    Kill(String),
    /// An instance's processes end; its disk stays.
    Stop(String),
    /// A stopped instance boots again.
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

    /// Reads the state.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and wakes the group engine, which acts on the change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.wake.notify_one();
        result
    }

    /// Changes the state without waking the group engine; for the engine itself.
    pub(crate) fn change_quietly<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.lock())
    }

    /// Waits until the state has changed.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Takes the effects of the changes so far, to be done in order.
    pub(crate) fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut self.lock().effects)
    }

    /// A power cut: the instance ends, and its group notices only at its next health check.
    ///
    /// Returns false where there is no such instance, or it has ended already.
    pub fn lose_instance(&self, id: &str) -> bool {
        let reason = ("Server.InternalError", "Server.InternalError: Internal error on launch");
        let timeline = &self.site.timeline;
        let lost = self.change(|state| state.shut_down(id, reason));
        if lost {
            timeline.note("ec2", id, "lost its power");
        }
        lost
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Begins an instance's end in EC2; returns false where there is no such instance, or it is ending
    /// already.
    pub fn shut_down(&mut self, id: &str, reason: (&'static str, &'static str)) -> bool {
        let living = self.instances.get_mut(id).filter(|instance| !instance.state.has_ended());
        let Some(instance) = living else { return false };
        instance.reason = Some(reason);
        self.effects.push(Effect::Kill(id.to_owned()));
        self.enter(id, InstanceState::ShuttingDown);
        true
    }

    /// Stops a running instance: its processes end; its ID, address and disk stay.
    pub fn stop(&mut self, id: &str) {
        self.effects.push(Effect::Stop(id.to_owned()));
        self.enter(id, InstanceState::Stopping);
    }

    /// Starts a stopped instance. EC2's launch time is the time of the last start.
    pub fn start(&mut self, id: &str) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.launched = SystemTime::now();
        }
        self.effects.push(Effect::Start(id.to_owned()));
        self.enter(id, InstanceState::Pending);
    }

    /// Begins to replace an instance's root volume; `for_group` says whether its group waits for that.
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
