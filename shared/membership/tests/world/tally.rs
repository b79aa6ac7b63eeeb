//! What happened in a world, counted.

/// The figures of one world, or the sums of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Virtual milliseconds that passed.
    pub lived: u64,
    /// Ticks of the world's clock; quiet time is skipped without ticks.
    pub ticks: u64,
    pub misfortunes: u64,
    pub invocations: u64,
    /// Changes of the membership that etcd applied.
    pub applied: u64,
    pub launches: u64,
    /// The longest time that a formed cluster had no quorum, and the longest time that it took to settle after all
    /// trouble was over, in milliseconds.
    pub longest_silence: u64,
    pub longest_mending: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.lived += other.lived;
        self.ticks += other.ticks;
        self.misfortunes += other.misfortunes;
        self.invocations += other.invocations;
        self.applied += other.applied;
        self.launches += other.launches;
        self.longest_silence = self.longest_silence.max(other.longest_silence);
        self.longest_mending = self.longest_mending.max(other.longest_mending);
    }
}
