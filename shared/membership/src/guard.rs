//! The guards: each condition that keeps a step from being taken, by name.
//!
//! A guard that no test misses when it is gone guards nothing. So every one has a name, and a test can take away
//! exactly one and must see a golden change (`tests/mutants.rs`, and the table in `docs/SAFETY.md`). The functions
//! never take one away.

/// Every guard of the decision rules and of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    // Whose group it is, and whether anything may be done at all.
    /// The ledger's group, ARN and VPC are this group's.
    SameGroup,
    /// The group is not paused.
    NotPaused,
    /// No claim of another is open.
    ClaimIsFree,
    /// An expired claim of a membership change becomes a maybe.
    ExpiredClaimMayHaveHappened,
    // Who is proven.
    /// A server of another cluster is not a member of ours.
    SameCluster,
    /// The server that answered is the member that the list names.
    SameMember,
    /// It follows the same leader in the same term as the leader itself.
    SameLeaderAndTerm,
    /// Its applied index is near the leader's.
    CaughtUp,
    /// Only EC2's `terminated`, or absence at two looks, is gone.
    GoneIsProven,
    // Quorum arithmetic.
    /// A change of voters keeps a proven majority, in every world of the maybes.
    MajorityKept,
    /// A kill keeps a proven majority, in every world of the maybes.
    KillKeepsMajority,
    /// A live voter is not removed while another is doubtful.
    NoDoubtfulVoter,
    /// The unanswered changes count in the arithmetic.
    MaybesCount,
    // Generations.
    /// Every instance was seen launching or leaving before a first cluster is born.
    NothingInService,
    /// No server answers on any instance before a first cluster is born.
    NothingAnswers,
    /// The identity is recorded only from the seed's own list.
    IdentityFromSeed,
    /// Nobody joins before the seed is sealed.
    SeedSealedFirst,
    /// A generation has formed only when its voters have proven themselves and are sealed.
    FormedIsProven,
    /// A generation that formed is never abandoned.
    FormedIsNeverAbandoned,
    /// A generation is abandoned for silence only after its patience.
    SilenceNeedsPatience,
    /// The seed was not heard of for the join patience.
    SeedNeedsPatience,
    /// The next generation opens only when all who might be members are gone.
    AllGoneBeforeNext,
    /// The next generation opens only when no claim is open.
    NoClaimBeforeNext,
    /// A cluster ends only at maximum size zero.
    EndsOnlyAtMaxZero,
    // Dead members.
    /// A dead voter has been gone for six seconds.
    GoneForSixSeconds,
    /// A voter of no known instance is never removed.
    StrangerIsKept,
    // Promotion.
    /// The learner has just answered a probe of its own.
    LearnerAnswered,
    /// A new voter answers once before the next change.
    FirstVoteFirst,
    /// No removal of this learner may still land.
    NoRemovalPending,
    // Leaving.
    /// A leaving voter waits for its replacement.
    ReplacementFirst,
    /// Only voters on in-service instances count as replacements.
    OnlyInServiceCounts,
    /// Leadership moves before the leader is removed.
    LeadershipMovesFirst,
    /// The last voter stays.
    LastVoterStays,
    /// A terminate hook is completed only when the member is out of a linearizable list.
    MemberIsOut,
    // Healing.
    /// An in-service voter was unproven for the grace period.
    UnprovenForGrace,
    /// It was also missed repeatedly in this invocation.
    MissedRepeatedly,
    /// One at a time.
    HealOneAtATime,
    // Joining.
    /// No other learner and no unstarted member.
    OneLearner,
    /// Nobody joins while a dead voter is still listed.
    DeadFirst,
    /// The joiner's hook still has the time.
    HookHasTime,
    /// The joiner was not given up.
    NotGivenUp,
    /// Its address is not listed under another member.
    AddressIsFree,
    /// An add comes at least a second after a removal.
    SecondApart,
    /// A joiner is given up only after its patience, or near its hook's deadline.
    JoinPatienceOver,
    /// A joiner that was given up leaves the list before its launch is abandoned.
    OutBeforeAbandon,
    // Publishing.
    /// Endpoints are published only once the cluster formed.
    EndpointsOnceFormed,
    /// A launch is completed only for a published, proven voter.
    PublishedBeforeContinue,
    /// An env is published only from a list that shows its member.
    EnvFromList,
    // Maybes.
    /// A maybe lapses only by the word of every voter of then and now.
    LapsedByAll,
    /// A maybe lapses only after two rounds.
    LapsedTwice,
    /// A maybe lapses only after its request's deadline.
    LapsedAfterDeadline,
    // The protocol.
    /// The claimed change is decided again, wholly, before it is made.
    LookAgain,
    /// The env is sealed before its learner is promoted.
    SealedBeforePromote,
}

/// Which guards hold: all of them, except in a test that takes one away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guards {
    removed: Option<Guard>,
}

impl Guards {
    /// All guards.
    pub const fn all() -> Self {
        Self { removed: None }
    }

    /// All guards but one: a mutant, for tests.
    pub const fn without(guard: Guard) -> Self {
        Self { removed: Some(guard) }
    }

    /// Whether the condition holds, or its guard was taken away.
    pub fn hold(self, guard: Guard, condition: bool) -> bool {
        condition || self.removed == Some(guard)
    }
}
