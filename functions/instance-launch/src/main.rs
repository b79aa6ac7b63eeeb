//! Lambda function for a launching instance: brings its member into the cluster and sees to the launch hook.

// The AWS clients' nested futures are deeper than the default of 128.
#![recursion_limit = "512"]

use std::sync::Arc;

use etcd_asg::controller::{Controller, ControllerError, Ignored, Outcome};
use etcd_asg::event::{self, LifecycleEvent, Transition};
use etcd_asg::function::{self, Delivery};
use etcd_asg::services::Services;
use lambda_runtime::Error;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    function::serve(handle).await
}

async fn handle(services: Arc<Services>, delivery: Delivery) -> Result<Value, ControllerError> {
    let outcome = match event::lifecycle(&delivery.body, Transition::Launch) {
        Ok(LifecycleEvent::Action(action)) => {
            Controller::new(&services, delivery.request, delivery.deadline)?.lifecycle(action).await?
        }
        Ok(LifecycleEvent::TestNotification) => Outcome::ignored(&Ignored::TestNotification),
        Err(error) => Outcome::refused(&error),
    };
    Ok(json!(outcome))
}
