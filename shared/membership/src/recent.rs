//! What this invocation has just done. SSM's reads are stale for a moment, and a hook takes a moment to move on. So
//! a call that was just made is not made again before its effect can be seen.

use std::time::Duration;

use crate::change::Effect;
use crate::ids::Timestamp;
use crate::map_timestamps::MapTimestamps;

/// For how long a call is not repeated.
const SEEN_BY_THEN: Duration = Duration::from_secs(3);
/// For how long a call is not repeated that found nothing to be done it on: an instance whose own hook is over may
/// wait for another's hook for an hour.
const IN_VAIN: Duration = Duration::from_secs(20);

/// The calls of the last seconds, each with the time until which it is not repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recent(Vec<(Effect, Timestamp)>);

impl Recent {
    /// The calls among these that were not just made.
    pub fn without(&mut self, effects: &[Effect], now: Timestamp) -> Vec<Effect> {
        self.0.retain(|(_, until)| *until > now);
        effects.iter().filter(|e| self.0.iter().all(|(made, _)| made != *e)).cloned().collect()
    }

    /// Remembers that these calls are being made.
    pub fn made(&mut self, effects: &[Effect], now: Timestamp) {
        self.0.extend(effects.iter().map(|e| (e.clone(), now.plus(SEEN_BY_THEN))));
    }

    /// Remembers that this call found nothing to be done it on.
    pub fn in_vain(&mut self, effect: &Effect, now: Timestamp) {
        self.0.push((effect.clone(), now.plus(IN_VAIN)));
    }
}

impl MapTimestamps for Recent {
    fn map_timestamps(&self, to: &dyn Fn(Timestamp) -> Timestamp) -> Self {
        Self(self.0.map_timestamps(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_repeated_only_after_a_while() {
        let mut recent = Recent::default();
        let put = [Effect::PutInitialCluster("a".into())];
        assert_eq!(recent.without(&put, Timestamp(1_000)), put);
        assert_eq!(recent.without(&put, Timestamp(1_000)), put, "asking is not making");
        recent.made(&put, Timestamp(1_000));
        assert_eq!(recent.without(&put, Timestamp(3_999)), []);
        let other = [Effect::PutInitialCluster("b".into())];
        assert_eq!(recent.without(&other, Timestamp(3_999)), other, "another value is another call");
        assert_eq!(recent.without(&put, Timestamp(4_000)), put);
        recent.in_vain(&put[0], Timestamp(4_000));
        assert_eq!(recent.without(&put, Timestamp(23_999)), []);
        assert_eq!(recent.without(&put, Timestamp(24_000)), put);
    }
}
