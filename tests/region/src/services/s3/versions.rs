//! The bodies that were written, in order, as a versioned bucket would keep them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use crate::model::faults::Caller;
use crate::model::time::timestamp;

/// One version of an object.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// From 1, in the order of the writes.
    pub number: usize,
    /// RFC 3339 with milliseconds, UTC.
    pub at: String,
    /// The writer: a function and its process, an instance, or `outside`.
    pub caller: String,
    /// The content: as JSON where it is JSON, otherwise as text.
    pub body: Value,
}

type Kept = BTreeMap<(String, String), Vec<Written>>;

/// All versions of all objects. Cheap to clone.
#[derive(Clone, Default)]
pub struct Versions {
    kept: Arc<Mutex<Kept>>,
}

impl Versions {
    /// Keeps a version and returns its number.
    pub fn add(&self, bucket: &str, key: &str, body: &[u8], caller: &Caller) -> usize {
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into());
        let mut kept = self.lock();
        let versions = kept.entry((bucket.to_owned(), key.to_owned())).or_default();
        let number = versions.len() + 1;
        versions.push(Written { number, at: timestamp(SystemTime::now()), caller: name(caller), body });
        number
    }

    /// Looks at the versions of one object, oldest first.
    pub fn look<T>(&self, bucket: &str, key: &str, look: impl FnOnce(&[Written]) -> T) -> T {
        look(self.lock().get(&(bucket.to_owned(), key.to_owned())).map_or(&[], Vec::as_slice))
    }

    /// The keys of a bucket that were ever written.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.lock().keys().filter(|(in_bucket, _)| in_bucket == bucket).map(|(_, key)| key.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller in one word.
pub fn name(caller: &Caller) -> String {
    match caller {
        Caller::Function { name, process } => format!("{name}/{process}"),
        Caller::Instance(instance) => instance.clone(),
        Caller::Outside => "outside".to_owned(),
    }
}
