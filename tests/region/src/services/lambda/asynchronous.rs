//! Asynchronous invocations, which are retried as Lambda retries them and then dead-lettered.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::functions::Functions;
use crate::model::faults::journal::Outcome;

impl Functions {
    /// Invokes a function and returns at once. A failed invocation is retried twice, with the same request
    /// ID, after the delays in the region's options; then its event is counted as dead-lettered.
    pub fn invoke_later(&self, function: &str, event: Bytes) -> JoinHandle<()> {
        let functions = self.clone();
        let function = function.to_owned();
        self.inner.tally.accepted.fetch_add(1, Ordering::Relaxed);
        self.inner.tasks.spawn(async move {
            let stop = functions.inner.stop.clone();
            tokio::select! {
                () = functions.try_thrice(&function, event) => {}
                () = stop.cancelled() => {}
            }
        })
    }

    async fn try_thrice(&self, function: &str, event: Bytes) {
        let inner = &self.inner;
        let request = inner.site.uuid();
        let delays = inner.site.options.function_retries;
        for delay in delays.into_iter().map(Some).chain([None]) {
            match self.attempt(function, event.clone(), &request).await {
                Ok(Outcome::Answered { .. }) => {
                    inner.tally.answered.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Ok(Outcome::Failed { .. }) => {}
                Err(error) => {
                    inner.site.timeline.note("function", function, format!("not invoked: {error:#}"))
                }
            }
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
                inner.tally.retried.fetch_add(1, Ordering::Relaxed);
            }
        }
        inner.tally.dead_lettered.fetch_add(1, Ordering::Relaxed);
        inner.site.timeline.note(
            "function",
            function,
            format!("{request} dead-lettered after three attempts"),
        );
    }
}
