//! The account's limit of calls a second.

use std::time::Instant;

/// A token bucket for the calls of one second.
pub struct Throttle {
    rate: f64,
    left: f64,
    at: Instant,
}

impl Throttle {
    /// Admits `rate` calls a second; 0 admits all calls.
    pub fn new(rate: f64) -> Self {
        Self { rate, left: rate, at: Instant::now() }
    }

    /// Whether one more call may pass now.
    pub fn admits(&mut self) -> bool {
        if self.rate <= 0.0 {
            return true;
        }
        let now = Instant::now();
        let earned = now.duration_since(self.at).as_secs_f64() * self.rate;
        self.left = (self.left + earned).min(self.rate);
        self.at = now;
        let admitted = self.left >= 1.0;
        if admitted {
            self.left -= 1.0;
        }
        admitted
    }
}
