//! Lifecycle hooks, and the actions that wait at them.

use std::fmt;
use std::time::{Duration, Instant};

/// Which way a hook looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    Launching,
    Terminating,
}

/// How a lifecycle action ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Continue,
    Abandon,
}

/// A lifecycle hook.
#[derive(Clone, Debug)]
pub struct Hook {
    pub name: String,
    pub transition: Transition,
    /// Seconds, 30 to 7200.
    pub heartbeat: u32,
    pub default: Outcome,
    pub metadata: Option<String>,
    pub target: Option<String>,
    pub role: Option<String>,
}

/// One pending wait of one instance at one hook.
#[derive(Clone, Debug)]
pub struct Action {
    pub token: String,
    pub hook: Hook,
    pub started: Instant,
    pub beat: Instant,
    /// The real durations of the heartbeat and of the whole wait.
    pub heartbeat: Duration,
    pub cap: Duration,
    pub result: Option<(Outcome, Ended)>,
}

/// What ended an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    ByCall,
    ByTimeout,
}

impl Action {
    /// When it times out: the heartbeat or the cap of the whole wait, whichever is first.
    pub fn deadline(&self) -> Instant {
        (self.beat + self.heartbeat).min(self.started + self.cap)
    }

    /// Whether it can still be completed or kept alive.
    pub fn is_active(&self, now: Instant) -> bool {
        self.result.is_none() && now < self.deadline()
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Launching => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Self::Terminating => "autoscaling:EC2_INSTANCE_TERMINATING",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        })
    }
}
