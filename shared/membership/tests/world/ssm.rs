//! The Parameter Store: it has no compare-and-swap; its reads are stale for up to two seconds; two creations that race
//! may both succeed; and a deleted name cannot be created again for 30 s.

use std::collections::BTreeMap;

use super::rng::Rng;

const STALE: u64 = 2_000;
const REST: u64 = 30_000;
const RACE: u64 = 300;

#[derive(Clone, Debug, Default)]
pub struct Ssm {
    /// Every value that a name ever had, and since when; `None` once deleted.
    values: BTreeMap<String, Vec<(u64, Option<String>)>>,
}

impl Ssm {
    /// A read: it answers the value now, or a value of the last two seconds.
    pub fn read(&self, name: &str, now: u64, rng: &mut Rng) -> Option<String> {
        self.read_dated(name, now, rng).map(|(_, value)| value)
    }

    /// A read that also tells when the value was written.
    pub fn read_dated(&self, name: &str, now: u64, rng: &mut Rng) -> Option<(u64, String)> {
        let at = if rng.chance(300) { now.saturating_sub(rng.between(0, STALE)) } else { now };
        let (since, value) = self.values.get(name)?.iter().rev().find(|(since, _)| *since <= at)?;
        Some((*since, value.clone()?))
    }

    pub fn at(&self, name: &str, at: u64) -> Option<String> {
        let past = self.values.get(name)?.iter().rev().find(|(since, _)| *since <= at)?;
        past.1.clone()
    }

    pub fn names(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }

    /// A put with `Overwrite=false`. Two that race may both succeed. Returns whether the value was written.
    pub fn create(&mut self, name: &str, value: &str, now: u64, rng: &mut Rng) -> bool {
        let history = self.values.get(name).map_or(&[][..], Vec::as_slice);
        let free = match history {
            [] => true,
            [.., (since, None)] => now >= since + REST,
            // Only a creation in the last moment can be raced: an older value is always found.
            [(since, Some(_))] => now < since + RACE && rng.chance(500),
            [..] => false,
        };
        if free {
            self.put(name, value, now);
        }
        free
    }

    /// A put with `Overwrite=true`.
    pub fn put(&mut self, name: &str, value: &str, now: u64) {
        let history = self.values.entry(name.to_owned()).or_default();
        history.push((now, Some(value.to_owned())));
    }

    /// Forgets the values that no read can see any more.
    pub fn tidy(&mut self, now: u64) {
        self.values.retain(|_, history| {
            let last = history.split_off(history.len().saturating_sub(1));
            *history = last;
            !matches!(history.as_slice(), [(since, None)] if now > since + REST)
        });
    }

    pub fn delete(&mut self, name: &str, now: u64) {
        if let Some(history) = self.values.get_mut(name)
            && history.last().is_some_and(|(_, v)| v.is_some())
        {
            history.push((now, None));
        }
    }
}
