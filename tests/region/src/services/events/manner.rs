//! The manners in which an event reaches its function.

use std::time::Duration;

use bytes::Bytes;

use super::{Event, Events};
use crate::model::faults::spec::Delivery;

/// The share of events that a hostile region delivers twice.
const HOSTILE_TWICE: f64 = 0.05;
/// The share of events that a hostile region delivers late.
const HOSTILE_LATE: f64 = 0.20;
/// The share of events that a hostile region delivers after the event that followed.
const HOSTILE_REORDERED: f64 = 0.10;

impl Events {
    /// Sends an event about `who` to the functions of all deployments that run this binary.
    pub(super) fn put_all(&self, who: &str, binary: &str, label: String, body: &Bytes) {
        for function in self.inner.functions.of_all_deployments(binary) {
            self.put(who, Event { function, label: label.clone(), body: body.clone() });
        }
    }

    /// Sends an event about `who`.
    pub(super) fn put(&self, who: &str, event: Event) {
        let site = &self.inner.site;
        let delivery = {
            let mut bus = self.lock();
            bus.sent += 1;
            bus.delivery
        };
        site.timeline.note("event", who, format!("{} → {} ({delivery:?})", event.label, event.function));
        match delivery {
            Delivery::Never => {}
            Delivery::Normal => self.deliver(event, Duration::ZERO),
            Delivery::Late => self.deliver(event, self.some_delay()),
            Delivery::Reordered => self.hold(event),
            Delivery::Twice => {
                self.deliver(event.clone(), Duration::ZERO);
                let again = if site.chance(0.5) { Duration::ZERO } else { self.some_delay() };
                self.deliver(event, again);
            }
            Delivery::Hostile => self.deliver_somehow(event),
        }
        if delivery != Delivery::Reordered {
            self.release(None);
        }
    }

    fn deliver_somehow(&self, event: Event) {
        let site = &self.inner.site;
        if site.chance(HOSTILE_TWICE) {
            self.deliver(event.clone(), self.some_delay());
        }
        if site.chance(HOSTILE_REORDERED) {
            self.hold(event);
        } else if site.chance(HOSTILE_LATE) {
            self.deliver(event, self.some_delay());
        } else {
            self.deliver(event, Duration::ZERO);
        }
    }

    /// Holds an event until the next event has overtaken it by half the longest delay. Where no other event
    /// comes, the held event is delivered after the longest delay.
    fn hold(&self, event: Event) {
        let (number, held) = {
            let mut bus = self.lock();
            let held = bus.held.take();
            if held.is_none() {
                bus.held = Some((bus.sent, event.clone()));
            }
            (bus.sent, held)
        };
        if let Some((_, overtaken)) = held {
            self.deliver(event, Duration::ZERO);
            self.deliver(overtaken, self.inner.site.options.event_delay / 2);
            return;
        }
        let events = self.clone();
        self.later(self.inner.site.options.event_delay, move || events.release(Some(number)));
    }

    /// Delivers the held event: the event with this number, or without a number an event older than the
    /// newest.
    fn release(&self, number: Option<u64>) {
        let mut bus = self.lock();
        let newest = bus.sent;
        let goes = bus
            .held
            .as_ref()
            .is_some_and(|(held, _)| number.map_or(*held < newest, |number| *held == number));
        let released = if goes { bus.held.take() } else { None };
        drop(bus);
        if let Some((_, event)) = released {
            self.deliver(event, Duration::ZERO);
        }
    }

    fn deliver(&self, event: Event, delay: Duration) {
        if delay.is_zero() {
            self.inner.functions.invoke_later(&event.function, event.body);
            return;
        }
        let functions = self.inner.functions.clone();
        self.later(delay, move || drop(functions.invoke_later(&event.function, event.body)));
    }

    fn some_delay(&self) -> Duration {
        let limit = u64::try_from(self.inner.site.options.event_delay.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.inner.site.below(limit.saturating_add(1)))
    }

    fn later(&self, delay: Duration, act: impl FnOnce() + Send + 'static) {
        let stop = self.inner.stop.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(delay) => act(),
                () = stop.cancelled() => {}
            }
        });
    }
}
