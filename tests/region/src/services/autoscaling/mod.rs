//! Auto Scaling: the group engine and the API.

mod api;
mod capacity;
mod engine;
mod hooks;
mod launch;
mod refresh;
mod replace;
mod root_volume;
mod show;
mod step;
mod terminate;
mod warm;

use tokio_util::sync::CancellationToken;

pub use api::call;
pub use show::state;

use super::effects::Effects;
use crate::model::world::World;

/// Runs the group engine until `stop`.
pub async fn run(world: World, effects: Effects, stop: CancellationToken) {
    loop {
        world.change_quietly(|state| engine::step(&world.site, state));
        effects.follow_up().await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = world.changed() => {}
            () = tokio::time::sleep(world.site.options.engine_step) => {}
        }
    }
}
