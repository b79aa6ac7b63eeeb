//! The faults as `POST /_region/faults` takes them. Unknown fields are refused.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// One fault: a rule that stays in force, or something that happens at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A power cut: the instance's processes die at once; its group notices later.
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
        /// The one instance's ID.
        from: String,
        /// The other instance's ID.
        to: String,
        /// Whether only what `from` sends is dropped.
        #[serde(default)]
        one_way: bool,
    },
    /// The link between two instances lets little through in one direction.
    SlowLink {
        /// The instance that sends.
        from: String,
        /// The instance that receives.
        to: String,
        /// How many KiB go through in a second.
        kib_per_second: u32,
    },
    /// The link between two instances is mended, in both directions.
    MendLink {
        /// The one instance's ID.
        from: String,
        /// The other instance's ID.
        to: String,
    },
    /// An instance is cut off from others.
    Isolate {
        /// The instance's ID.
        instance: String,
        /// Whether it is cut off from all other instances, including those launched later.
        #[serde(default = "yes")]
        peers: bool,
        /// Whether it is cut off from the functions: their calls to its etcd go unanswered.
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
    /// The disk space that `fill-disk` filled is free again.
    FreeDisk {
        /// The instance's ID.
        instance: String,
    },
    /// Every sync of the etcd that runs on an instance takes longer.
    SlowDisk {
        /// The instance's ID.
        instance: String,
        /// How much longer, in milliseconds.
        millis: u64,
    },
    /// An instance's syncs take no longer than usual again.
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
        /// The manner of delivery.
        delivery: Delivery,
    },
    /// Switches the schedule on or off.
    Schedule {
        /// Whether the schedule's ticks reach `reconcile`.
        enabled: bool,
    },
    /// Removes all `api` and `kill-function` rules, mends all links, and delivers events as at the region's
    /// start.
    Clear {
        /// The only rule to remove; nothing else is undone then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
}

/// The calls that an `api` fault matches, and what happens to them.
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
    /// A substring of the call's target; `None` matches every target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// A substring of the request's body; `None` matches every body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// What happens to the call.
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
    /// Milliseconds of `delay`, `late` and `delay-answer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// How often it happens at most; `None` is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The probability that it happens, 0.0 to 1.0; `None` is 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

/// The function and the call at which its process is killed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KillRule {
    /// The function's name, or `*`.
    #[serde(default = "any")]
    pub function: String,
    /// The number of the outgoing call within the invocation: the first is 1; with `from`, the first call
    /// that matches it is 0.
    pub call: u64,
    /// Whether the process dies before the call is passed on, or after it took effect and before it is
    /// answered.
    pub when: When,
    /// The call at which the counting starts; `None` is the first call of the invocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<CountFrom>,
    /// How many processes are killed at most.
    #[serde(default = "once")]
    pub count: u64,
}

/// The call from which a `kill-function` counts; a field that is left out matches every call.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CountFrom {
    /// The exact service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The exact operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// A substring of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
}

/// The callers whose calls match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum CallerKind {
    /// The functions.
    #[serde(rename = "function")]
    Function,
    /// The instances.
    #[serde(rename = "instance")]
    Instance,
    /// All other clients.
    #[serde(rename = "outside")]
    Outside,
    /// Every caller.
    #[default]
    #[serde(rename = "*")]
    Any,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It has no effect and is answered with an error.
    Fail,
    /// It has no effect and is answered with the service's own throttling error.
    Throttle,
    /// It goes on after a delay, if its caller still waits for it.
    Delay,
    /// It goes on after a delay, even if its caller has gone by then.
    Late,
    /// It has no effect and is never answered.
    Hang,
    /// It takes effect, and the connection is dropped without an answer.
    LoseAnswer,
    /// It takes effect at once, and is answered after a delay.
    DelayAnswer,
}

/// The moment relative to a call's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Before the call is passed on.
    Before,
    /// After the call took effect, before it is answered.
    After,
}

/// How EventBridge delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Each event once, at once.
    Normal,
    /// Some events twice, late, or after the event that followed them.
    Hostile,
    /// Each event twice.
    Twice,
    /// Each event late, by up to the region's `event_delay`.
    Late,
    /// Each event after the event that followed it.
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
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to write instead.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Api(rule) => rule.check(),
            Self::KillFunction(rule) if rule.call == 0 && rule.from.is_none() => {
                Err("kill-function: `call` 0 never happens without `from`; the first call is number 1"
                    .to_owned())
            }
            Self::CutLink { from, to, .. }
            | Self::SlowLink { from, to, .. }
            | Self::MendLink { from, to }
                if from == to =>
            {
                Err(format!("{from} has no link to itself; name two instances"))
            }
            Self::SlowLink { kib_per_second: 0, .. } => {
                Err("slow-link: 0 `kib_per_second` lets nothing through; cut the link instead".to_owned())
            }
            Self::Isolate { peers: false, functions: false, .. } => {
                Err("isolate: this cuts off nothing; set `peers` or `functions` to true".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl ApiRule {
    fn check(&self) -> Result<(), String> {
        let services = ["autoscaling", "ec2", "ssm", "s3", "etcd", "*"];
        if !services.contains(&self.service.as_str()) {
            return Err(format!(
                "api: there is no service `{}`; write one of {}",
                self.service,
                services.join(", ")
            ));
        }
        let waits = matches!(self.effect, Effect::Delay | Effect::Late | Effect::DelayAnswer);
        if waits && self.millis.is_none() {
            return Err(
                "api: `delay`, `late` and `delay-answer` need `millis`, the milliseconds to wait".to_owned()
            );
        }
        if !waits && self.millis.is_some() {
            return Err(
                "api: only the effects `delay`, `late` and `delay-answer` take `millis`; leave it out"
                    .to_owned(),
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
