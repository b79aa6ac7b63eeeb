//! The faults as `POST /_region/faults` takes them. Unknown fields are refused.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// One fault to set, or one thing to do at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A power cut: the instance's processes die at once, its group notices later.
    KillInstance {
        /// The instance's ID.
        instance: String,
    },
    /// SIGSTOP to all processes of an instance.
    Pause {
        /// The instance's ID.
        instance: String,
    },
    /// SIGCONT to all processes of an instance.
    Resume {
        /// The instance's ID.
        instance: String,
    },
    /// SIGKILL to the etcd of an instance; the instance's unit decides what happens next.
    KillEtcd {
        /// The instance's ID.
        instance: String,
    },
    /// The next launch gets this address, which must be a dead instance's.
    ReuseAddress {
        /// An address of the region's network.
        address: Ipv4Addr,
    },
    /// A root-volume replacement: the instance loses its disk, keeps its ID and address, and boots again.
    WipeDisk {
        /// The instance's ID.
        instance: String,
    },
    /// The link between two instances is cut.
    CutLink {
        /// An instance's ID.
        from: String,
        /// Another's.
        to: String,
        /// Only what `from` sends is dropped.
        #[serde(default)]
        one_way: bool,
    },
    /// The link between two instances is mended, in both directions.
    MendLink {
        /// An instance's ID.
        from: String,
        /// Another's.
        to: String,
    },
    /// An instance is cut off from others.
    Isolate {
        /// The instance's ID.
        instance: String,
        /// From all other instances, those included that are launched later.
        #[serde(default = "yes")]
        peers: bool,
        /// From the functions: their calls to its etcd go unanswered.
        #[serde(default)]
        functions: bool,
    },
    /// Everything that cuts an instance off is undone.
    Rejoin {
        /// The instance's ID.
        instance: String,
    },
    /// An instance's disk is filled to the last byte.
    FillDisk {
        /// The instance's ID.
        instance: String,
    },
    /// What `fill-disk` filled is free again.
    FreeDisk {
        /// The instance's ID.
        instance: String,
    },
    /// Every sync of the etcd that runs on an instance takes longer.
    SlowDisk {
        /// The instance's ID.
        instance: String,
        /// By how much, in milliseconds.
        millis: u64,
    },
    /// An instance's syncs are quick again.
    MendDisk {
        /// The instance's ID.
        instance: String,
    },
    /// Something happens to API calls that match.
    Api(ApiRule),
    /// A function's process is killed at one of its outgoing calls.
    KillFunction(KillRule),
    /// How EventBridge delivers from now on.
    Events {
        /// The manner.
        delivery: Delivery,
    },
    /// Switches the schedule on or off.
    Schedule {
        /// Whether it ticks.
        enabled: bool,
    },
    /// Removes all `api` and `kill-function` rules, mends all links, and delivers events as at the region's start.
    Clear {
        /// Only this rule is removed, and nothing else is undone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
}

/// Which calls an `api` fault concerns, and what happens to them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApiRule {
    /// `autoscaling`, `ec2`, `ssm`, `s3`, `etcd` or `*`.
    pub service: String,
    /// The exact operation, or `*`.
    #[serde(default = "any")]
    pub operation: String,
    /// `function`, `instance`, `outside` or `*`.
    #[serde(default)]
    pub caller: CallerKind,
    /// A substring of the call's target; without it every target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// A substring of the request's body; without it every body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// What happens.
    pub effect: Effect,
    /// HTTP status of `fail` and `throttle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Error code of `fail` and `throttle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Error text of `fail` and `throttle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Milliseconds of `delay` and `late`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// How often it happens at most; without it always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// With what probability it happens, 0.0 to 1.0; without it certainly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

/// At which call of which function its process is killed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KillRule {
    /// The function's name, or `*`.
    #[serde(default = "any")]
    pub function: String,
    /// The number of the outgoing call within the invocation: 1 is the first; with `from`, 0 is the first that
    /// matches it.
    pub call: u64,
    /// Before the call is passed on, or after it took effect and before it is answered.
    pub when: When,
    /// Where the counting starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<CountFrom>,
    /// How many processes are killed at most.
    #[serde(default = "once")]
    pub count: u64,
}

/// The call from which a `kill-function` counts; what is left out matches everything.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CountFrom {
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The exact operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// A substring of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
}

/// Whose calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum CallerKind {
    /// The functions'.
    #[serde(rename = "function")]
    Function,
    /// The instances'.
    #[serde(rename = "instance")]
    Instance,
    /// Anyone else's.
    #[serde(rename = "outside")]
    Outside,
    /// All.
    #[default]
    #[serde(rename = "*")]
    Any,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is answered with an error and has no effect.
    Fail,
    /// As `fail`, with the service's own throttling error.
    Throttle,
    /// It goes on after a while, if its caller still waits for it.
    Delay,
    /// It goes on after a while, whatever has become of its caller.
    Late,
    /// It is never answered and has no effect.
    Hang,
    /// It takes effect, and the connection is dropped without an answer.
    LoseAnswer,
    /// It takes effect at once, and is answered after a while.
    DelayAnswer,
}

/// On which side of a call's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Before it is passed on.
    Before,
    /// After it took effect, before it is answered.
    After,
}

/// How EventBridge delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Once, at once.
    Normal,
    /// Now and then twice, late, or after the event that followed it.
    Hostile,
    /// Each one twice.
    Twice,
    /// Each one late, by up to the region's `event_delay`.
    Late,
    /// Each one after the one that followed it.
    Reordered,
    /// Not at all.
    Never,
}

fn any() -> String {
    "*".to_owned()
}

fn yes() -> bool {
    true
}

fn once() -> u64 {
    1
}

impl Fault {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to write instead.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Api(rule) => rule.check(),
            Self::KillFunction(rule) if rule.call == 0 && rule.from.is_none() => {
                Err("kill-function: without `from` the first call is number 1; `call` 0 would never come"
                    .to_owned())
            }
            Self::CutLink { from, to, .. } | Self::MendLink { from, to } if from == to => {
                Err(format!("{from} has no link to itself: name two instances"))
            }
            Self::Isolate { peers: false, functions: false, .. } => {
                Err("isolate: from nobody; set `peers` or `functions`".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl ApiRule {
    fn check(&self) -> Result<(), String> {
        let services = ["autoscaling", "ec2", "ssm", "s3", "etcd", "*"];
        if !services.contains(&self.service.as_str()) {
            return Err(format!("api: no service `{}`; write one of {}", self.service, services.join(", ")));
        }
        let waits = matches!(self.effect, Effect::Delay | Effect::Late | Effect::DelayAnswer);
        if waits && self.millis.is_none() {
            return Err(
                "api: `delay`, `late` and `delay-answer` need `millis`, the milliseconds to wait".to_owned()
            );
        }
        if !waits && self.millis.is_some() {
            return Err(
                "api: `millis` belongs to the effects `delay`, `late` and `delay-answer` only".to_owned()
            );
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("api: `probability` must be from 0.0 to 1.0".to_owned());
        }
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            return Err("api: `status` must be from 400 to 599".to_owned());
        }
        Ok(())
    }
}
