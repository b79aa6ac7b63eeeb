//! What happened in a world, counted.

/// The figures of one world, or the sums of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Virtual milliseconds that were lived.
    pub lived: u64,
    /// Of the world's clock: quiet time is skipped.
    pub ticks: u64,
    pub misfortunes: u64,
    pub invocations: u64,
    /// Changes of the membership that etcd applied.
    pub applied: u64,
    pub launches: u64,
    /// The longest that a formed cluster was without a quorum, and the longest that it took to settle after what
    /// went wrong was over, in milliseconds.
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
