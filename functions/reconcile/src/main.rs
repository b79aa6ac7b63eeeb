//! Lambda function: a schedule's tick, an EC2 event or an operator asks to look at the clusters.

// The AWS clients' nested futures are deeper than the default of 128.
#![recursion_limit = "512"]

use std::sync::Arc;

use etcd_asg::controller::{Controller, ControllerError, Ignored, Outcome};
use etcd_asg::event::{self, ReconcileEvent};
use etcd_asg::function::{self, Delivery};
use etcd_asg::services::Services;
use lambda_runtime::Error;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    function::serve(handle).await
}

async fn handle(services: Arc<Services>, delivery: Delivery) -> Result<Value, ControllerError> {
    let event = match event::reconcile(&delivery.body) {
        Ok(event) => event,
        Err(error) => return Ok(json!(Outcome::refused(&error))),
    };
    let controller = Controller::new(&services, delivery.request, delivery.deadline)?;
    Ok(match event {
        ReconcileEvent::TestNotification => json!(Outcome::ignored(&Ignored::TestNotification)),
        ReconcileEvent::All { scheduled } => {
            json!({ "clusters": controller.reconcile_all(scheduled).await? })
        }
        ReconcileEvent::Machine(id) => json!({ "clusters": controller.machine(&id).await? }),
        ReconcileEvent::One { cluster, dry_run: true } => controller.dry_run(&cluster).await?,
        ReconcileEvent::One { cluster, dry_run: false } => json!(controller.reconcile_one(&cluster).await?),
    })
}
