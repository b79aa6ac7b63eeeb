//! EventBridge: delivers events to the functions, reliably or as a fault says.

mod manner;
mod shape;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::faults::spec::Delivery;
use crate::model::site::Site;
use crate::services::lambda::Functions;

/// The function that gets the schedule's ticks and the EC2 state changes.
const RECONCILE: &str = "reconcile";
/// How many scheduled invocations may run at once. At AWS the schedule ticks once a minute and an invocation
/// takes at most a minute; a region that ticks faster must not create more concurrent load than that.
const SCHEDULED_AT_ONCE: usize = 2;

/// The event bus with its rules and the schedule. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    site: Site,
    functions: Functions,
    bus: Mutex<Bus>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct Bus {
    delivery: Delivery,
    schedule: bool,
    /// An event, with its number, that waits until the next event overtakes it.
    held: Option<(u64, Event)>,
    sent: u64,
}

/// An event on its way to a function.
#[derive(Clone)]
struct Event {
    function: String,
    label: String,
    body: Bytes,
}

impl Events {
    /// An event bus whose schedule ticks only after [`Events::start`].
    pub fn new(site: Site, functions: Functions) -> Self {
        let bus = Bus { delivery: first_delivery(&site), schedule: true, held: None, sent: 0 };
        let stop = CancellationToken::new();
        Self {
            inner: Arc::new(Inner { site, functions, bus: Mutex::new(bus), stop, tasks: TaskTracker::new() }),
        }
    }

    /// Starts the schedule, if the options have a period.
    pub fn start(&self) {
        let Some(period) = self.inner.site.options.tick else { return };
        let events = self.clone();
        self.inner.tasks.spawn(async move {
            let stop = events.inner.stop.clone();
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
            let mut scheduled: Vec<JoinHandle<()>> = Vec::new();
            loop {
                tokio::select! {
                    _ = ticks.tick() => {
                        scheduled.retain(|invocation| !invocation.is_finished());
                        let deployments = events.inner.functions.of_all_deployments(RECONCILE).len();
                        if scheduled.len() < SCHEDULED_AT_ONCE * deployments {
                            scheduled.extend(events.tick());
                        }
                    }
                    () = stop.cancelled() => return,
                }
            }
        });
    }

    /// Sends a lifecycle event of a group. `detail_type` decides which function gets it; an event that
    /// matches no rule (such as `EC2 Instance Launch Successful`) is only noted.
    pub fn lifecycle(&self, detail_type: &str, resources: Vec<String>, detail: Value) {
        let who = detail.get("EC2InstanceId").and_then(Value::as_str).unwrap_or("region").to_owned();
        let function = match detail_type {
            "EC2 Instance-launch Lifecycle Action" => "instance-launch",
            "EC2 Instance-terminate Lifecycle Action" => "instance-terminate",
            _ => {
                self.inner.site.timeline.note("event", &who, format!("{detail_type}: no rule matches"));
                return;
            }
        };
        let body = shape::event(&self.inner.site, detail_type, "aws.autoscaling", &resources, &detail);
        self.put_all(&who, function, detail_type.to_owned(), &body);
    }

    /// Sends the event that an instance changed its state in EC2 (`pending`, `running`, `shutting-down`,
    /// `terminated`, …).
    pub fn state_change(&self, instance: &str, state: &str) {
        let site = &self.inner.site;
        let detail_type = "EC2 Instance State-change Notification";
        let detail = json!({ "instance-id": instance, "state": state });
        let body = shape::event(site, detail_type, "aws.ec2", &[shape::instance_arn(instance)], &detail);
        self.put_all(instance, RECONCILE, format!("{detail_type}: {state}"), &body);
    }

    /// Ticks once now; returns the invocation of each deployment, none where the schedule is off. The manner of delivery
    /// does not apply: the schedule has its own switch.
    pub fn tick(&self) -> Vec<JoinHandle<()>> {
        if !self.lock().schedule {
            return Vec::new();
        }
        let site = &self.inner.site;
        let body = shape::event(site, "Scheduled Event", "aws.events", &[shape::schedule_arn()], &json!({}));
        let functions = &self.inner.functions;
        let all = functions.of_all_deployments(RECONCILE);
        all.iter().map(|function| functions.invoke_later(function, body.clone())).collect()
    }

    /// How events are delivered from now on.
    pub fn set_delivery(&self, delivery: Delivery) {
        self.lock().delivery = delivery;
    }

    /// Delivers as at the region's start.
    pub fn reset_delivery(&self) {
        self.set_delivery(first_delivery(&self.inner.site));
    }

    /// Switches the schedule on or off.
    pub fn set_schedule(&self, enabled: bool) {
        self.lock().schedule = enabled;
    }

    /// The event bus as `/_region/state` shows it.
    pub fn state(&self) -> Value {
        let bus = self.lock();
        json!({ "delivery": bus.delivery, "schedule": bus.schedule, "sent": bus.sent })
    }

    /// Ends the schedule and drops the events that are not delivered yet.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn lock(&self) -> MutexGuard<'_, Bus> {
        self.inner.bus.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first_delivery(site: &Site) -> Delivery {
    if site.options.hostile { Delivery::Hostile } else { Delivery::Normal }
}
