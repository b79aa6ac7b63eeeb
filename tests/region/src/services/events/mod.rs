//! EventBridge: carries events to the functions, well or badly.

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

/// The function behind the schedule, EC2 state changes and Spot warnings.
const RECONCILE: &str = "reconcile";
/// At AWS a tick a minute meets a function that lives a minute at most. However fast a region ticks, it keeps to that:
/// a dozen scheduled invocations side by side would be a load that nobody has.
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
    /// An event that waits for the next one to overtake it.
    held: Option<(u64, Event)>,
    sent: u64,
}

/// An event on its way to a function.
#[derive(Clone)]
struct Event {
    function: &'static str,
    label: String,
    body: Bytes,
}

impl Events {
    /// The schedule ticks only after [`Events::start`].
    pub fn new(site: Site, functions: Functions) -> Self {
        let bus = Bus { delivery: first_delivery(&site), schedule: true, held: None, sent: 0 };
        let stop = CancellationToken::new();
        Self {
            inner: Arc::new(Inner { site, functions, bus: Mutex::new(bus), stop, tasks: TaskTracker::new() }),
        }
    }

    /// Starts the schedule, where the options have one.
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
                        if scheduled.len() < SCHEDULED_AT_ONCE {
                            scheduled.extend(events.tick());
                        }
                    }
                    () = stop.cancelled() => return,
                }
            }
        });
    }

    /// A lifecycle event of a group. `detail_type` decides which function gets it; events that no rule matches
    /// (such as `EC2 Instance Launch Successful`) are only noted.
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
        self.put(&who, Event { function, label: detail_type.to_owned(), body });
    }

    /// An instance changed its state in EC2 (`pending`, `running`, `shutting-down`, `terminated`, …).
    pub fn state_change(&self, instance: &str, state: &str) {
        let site = &self.inner.site;
        let detail_type = "EC2 Instance State-change Notification";
        let detail = json!({ "instance-id": instance, "state": state });
        let body = shape::event(site, detail_type, "aws.ec2", &[shape::instance_arn(instance)], &detail);
        self.put(instance, Event { function: RECONCILE, label: format!("{detail_type}: {state}"), body });
    }

    /// One tick of the schedule, now: its invocation, unless the schedule is off. Not subject to the manner of
    /// delivery: the schedule has a switch of its own.
    pub fn tick(&self) -> Option<JoinHandle<()>> {
        if !self.lock().schedule {
            return None;
        }
        let site = &self.inner.site;
        let body = shape::event(site, "Scheduled Event", "aws.events", &[shape::schedule_arn()], &json!({}));
        Some(self.inner.functions.invoke_later(RECONCILE, body))
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

    /// For `/_region/state`.
    pub fn state(&self) -> Value {
        let bus = self.lock();
        json!({ "delivery": bus.delivery, "schedule": bus.schedule, "sent": bus.sent })
    }

    /// Ends the schedule and drops what is still on its way.
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
