//! Auto Scaling: the group engine and its API.

mod activity;
mod api;
mod capacity;
mod engine;
mod hooks;
mod launch;
mod model;
mod refresh;
mod replace;
mod root_volume;
mod show;
mod terminate;
mod warm;

use tokio_util::sync::CancellationToken;

pub use activity::Activity;
pub use api::call;
pub use model::{Group, Zone};
pub use show::state;

use crate::world::World;

/// Runs the group engine until `stop`.
pub async fn run(world: World, stop: CancellationToken) {
    loop {
        world.change_quietly(|state| engine::step(&world.site, &|| world.allocate_address(), state));
        world.follow_up().await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = world.changed() => {}
            () = tokio::time::sleep(world.site.options.engine_step) => {}
        }
    }
}
