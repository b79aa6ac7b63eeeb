//! The parameters: for each name its present version and the version before it, which a stale read may show.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::model::site::{ACCOUNT, REGION, Site};
use crate::model::time::timestamp;

/// The probability that a read shortly after a write shows what was there before.
const STALE: f64 = 0.5;

/// One version of a parameter.
#[derive(Clone, Debug)]
pub struct Version {
    pub kind: String,
    pub value: String,
    pub number: u64,
    pub modified: SystemTime,
    pub tier: String,
}

/// The versions of one name; `now` is `None` where the parameter was deleted.
pub struct Slot {
    pub now: Option<Version>,
    pub before: Option<Version>,
    pub changed: Instant,
}

/// All names that were ever used.
#[derive(Default)]
pub struct Store {
    slots: BTreeMap<String, Slot>,
}

impl Store {
    /// The true state of a name.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.get(name)
    }

    /// Sets a name's version; `None` deletes it.
    pub fn set(&mut self, name: &str, version: Option<Version>) {
        let before = self.slots.remove(name).and_then(|slot| slot.now);
        self.slots.insert(name.to_owned(), Slot { now: version, before, changed: Instant::now() });
    }

    /// What a read sees: the present version or, while reads may be stale, perhaps the version before it.
    pub fn read(&self, site: &Site, name: &str) -> Option<&Version> {
        let slot = self.slots.get(name)?;
        let fresh = slot.changed.elapsed() >= site.options.ssm_staleness;
        if fresh || !site.options.hostile || !site.chance(STALE) {
            slot.now.as_ref()
        } else {
            slot.before.as_ref()
        }
    }

    /// The names below `path`, in order: of all levels, or of the first level only.
    pub fn names_below(&self, path: &str, recursive: bool) -> impl Iterator<Item = &String> {
        let prefix = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        self.slots.keys().filter(move |name| {
            name.strip_prefix(&prefix).is_some_and(|rest| recursive || !rest.contains('/'))
        })
    }

    /// The parameters that exist.
    pub fn existing(&self) -> impl Iterator<Item = (&String, &Version)> {
        self.slots.iter().filter_map(|(name, slot)| Some((name, slot.now.as_ref()?)))
    }

    /// The parameters that exist, as JSON by name.
    pub fn state(&self) -> Value {
        self.existing()
            .map(|(name, version)| {
                let shown = json!({"type": version.kind, "value": version.value, "version": version.number, "modified": timestamp(version.modified)});
                (name.clone(), shown)
            })
            .collect()
    }
}

impl Slot {
    /// Whether the parameter was deleted less than `ago` ago.
    pub fn deleted_within(&self, ago: Duration) -> bool {
        self.now.is_none() && self.changed.elapsed() < ago
    }
}

impl Version {
    /// The parameter as an answer shows it; a SecureString shows its value only when `decrypted`.
    pub fn show(&self, name: &str, decrypted: bool) -> Value {
        let sealed = self.kind == "SecureString" && !decrypted;
        let value = if sealed {
            STANDARD.encode(self.value.chars().rev().collect::<String>())
        } else {
            self.value.clone()
        };
        json!({
            "ARN": format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{}", name.trim_start_matches('/')),
            "DataType": "text",
            "LastModifiedDate": self.modified_seconds(),
            "Name": name,
            "Type": self.kind,
            "Value": value,
            "Version": self.number,
        })
    }

    /// When the version was written: seconds since 1970, with milliseconds, as the JSON protocol writes
    /// times.
    pub fn modified_seconds(&self) -> f64 {
        let seconds = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        (seconds * 1000.0).round() / 1000.0
    }
}
