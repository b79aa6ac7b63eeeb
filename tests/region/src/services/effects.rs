//! Performs the effects of changes to the world: machines start and end, and events go to EventBridge.

use std::time::SystemTime;

use super::events::Events;
use super::machines::Machines;
use crate::model::instance::InstanceState;
use crate::model::launch::LaunchSpec;
use crate::model::world::{Effect, World};

/// Performs the world's effects. Cheap to clone.
#[derive(Clone)]
pub struct Effects {
    world: World,
    machines: Machines,
    events: Events,
}

impl Effects {
    /// Performs the effects of `world` on these machines and this event bus.
    pub fn new(world: World, machines: Machines, events: Events) -> Self {
        Self { world, machines, events }
    }

    /// Performs the effects of the changes so far, in order.
    pub async fn follow_up(&self) {
        for effect in self.world.take_effects() {
            self.perform(effect).await;
        }
    }

    async fn perform(&self, effect: Effect) {
        match effect {
            Effect::Launch(spec) => self.launch(spec).await,
            Effect::Kill(instance) => {
                let effects = self.clone();
                tokio::spawn(async move { effects.kill(&instance).await });
            }
            Effect::Stop(instance) => {
                let effects = self.clone();
                tokio::spawn(async move { effects.stop(&instance).await });
            }
            Effect::Start(instance) => self.machines.start(&instance),
            Effect::ReplaceRootVolume { task, instance } => {
                let effects = self.clone();
                tokio::spawn(async move { effects.replace_root_volume(&task, &instance).await });
            }
            Effect::Lifecycle { detail_type, resource, detail } => {
                self.events.lifecycle(detail_type, vec![resource], detail);
            }
            Effect::StateChange(instance, state) => self.events.state_change(&instance, &state.to_string()),
        }
    }

    async fn launch(&self, spec: LaunchSpec) {
        if !self.world.site.options.machines {
            return;
        }
        let instance = spec.instance.clone();
        if let Err(error) = self.machines.launch(spec).await {
            self.world.site.timeline.note("ec2", &instance, format!("could not be launched: {error:#}"));
            let reason = ("Server.InternalError", "Server.InternalError: Internal error on launch");
            self.world.change(|state| state.shut_down(&instance, reason));
        }
    }

    async fn kill(&self, instance: &str) {
        if self.world.site.options.machines {
            self.machines.terminate(instance).await;
        }
        self.world.change(|state| {
            if let Some(instance) = state.instances.get_mut(instance) {
                instance.killed = true;
            }
        });
    }

    async fn stop(&self, id: &str) {
        self.machines.stop(id).await;
        self.world.change(|state| {
            if state.instances.get(id).is_some_and(|one| one.state == InstanceState::Stopping) {
                state.enter(id, InstanceState::Stopped);
            }
        });
    }

    async fn replace_root_volume(&self, id: &str, instance: &str) {
        self.machines.wipe_disk(instance).await;
        self.world.change(|state| {
            if let Some(task) = state.root_volume_tasks.iter_mut().find(|task| task.id == id) {
                task.succeeded = Some(SystemTime::now());
            }
        });
    }
}
