//! Lifecycle hooks, and the actions that wait at them.

use std::fmt;
use std::time::{Duration, Instant};

/// The transition at which a hook holds an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    Launching,
    Terminating,
}

/// The result of a lifecycle action.
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
    /// The heartbeat timeout as a real duration, after scaling.
    pub heartbeat: Duration,
    /// The longest duration of the whole wait, after scaling.
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
    /// When the action times out: at its heartbeat timeout or at the cap of the whole wait, whichever is
    /// first.
    pub fn deadline(&self) -> Instant {
        (self.beat + self.heartbeat).min(self.started + self.cap)
    }

    /// Whether the action can still be completed or kept alive.
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
