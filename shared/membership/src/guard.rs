//! The guards: each condition that keeps a step from being taken, by name.
//!
//! A guard that no test misses when it is gone guards nothing. So every one has a name, and a test can take away
//! exactly one and must see a golden change (`tests/mutants.rs`, and the table in `docs/SAFETY.md`). The functions
//! never take one away.

macro_rules! guards {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Every guard of the decision rules and of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Guard {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Guard {
            /// All guards, in the order of the rules.
            pub const ALL: &'static [Guard] = &[$(Guard::$name),+];

            /// The guard's name, as it stands in `docs/SAFETY.md`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Guard::$name => stringify!($name),)+
                }
            }

            /// The condition that it is, in a sentence.
            pub fn condition(self) -> &'static str {
                match self {
                    $(Guard::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

guards! {
    // Whose group it is, and whether anything may be done at all.
    /// The ledger's group, ARN and VPC are this group's.
    SameGroup,
    /// The group is not paused.
    NotPaused,
    /// No claim of another is open.
    ClaimIsFree,
    /// Until it has expired, a claim is closed by nobody else.
    ClaimUntilExpiry,
    /// An expired claim of a membership change becomes an unanswered change.
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
    /// A change of voters keeps a proven majority, in every world of the unanswered changes.
    MajorityKept,
    /// A kill keeps a proven majority, in every world of the unanswered changes.
    KillKeepsMajority,
    /// A live voter is not removed while another is doubtful.
    NoDoubtfulVoter,
    /// The unanswered changes count in the arithmetic.
    UnansweredCount,
    // Generations.
    /// Every instance was seen launching or leaving before a first cluster is born.
    NothingInService,
    /// No server answers on any instance before a first cluster is born.
    NothingAnswers,
    /// Every server that answers is of the one cluster that is adopted.
    OneClusterAnswers,
    /// A cluster is adopted only with a leader and a proven quorum.
    AdoptedWithQuorum,
    /// A cluster is adopted only when none of its voters may be on an instance that does not answer.
    NoVoterUnseen,
    /// A cluster is adopted only when its members can be reached by a joiner.
    PeersReachable,
    /// A member that something else starts is given no env.
    ForeignHasNoEnv,
    /// A seed answers nothing yet.
    SeedIsQuiet,
    /// The identity is recorded only from the seed's own list.
    IdentityFromSeed,
    /// Nobody joins before the seed is sealed.
    SeedSealedFirst,
    /// A generation has formed only when its voters have proven themselves and are sealed.
    FormedIsProven,
    /// A generation has formed only with all its voters, or when launching has stalled with a majority of them.
    FormedIsComplete,
    /// A generation that formed is never abandoned.
    FormedIsNeverAbandoned,
    /// A generation is abandoned for silence only after its patience.
    SilenceNeedsPatience,
    /// The seed was not heard of for the join patience.
    SeedNeedsPatience,
    /// The next generation opens only when all who might be members are gone.
    AllGoneBeforeNext,
    /// Of an unformed generation no instance is ever dropped from the ledger.
    NoneDroppedUnformed,
    /// The next generation opens only when no claim is open.
    NoClaimBeforeNext,
    /// A cluster ends only at maximum size zero.
    EndsOnlyAtMaxZero,
    // Dead members.
    /// A dead voter has been gone for six seconds.
    GoneForSixSeconds,
    /// A voter of no known instance is never removed.
    UnownedIsKept,
    /// A voter that answers is not removed for a joiner's sake.
    ProvenIsKept,
    // Promotion.
    /// The learner has just answered a probe of its own.
    LearnerAnswered,
    /// A new voter answers once before the next change.
    FirstVoteFirst,
    /// No removal of this learner may still land.
    NoRemovalPending,
    // Versions.
    /// A joiner's minor is the cluster's lowest, or the one above.
    OneMinorAtATime,
    /// Before 3.6 joins, every 3.5 member is 3.5.32 or newer.
    PromotionsPersist,
    /// Before the first of a minor joins, every member's version is known.
    VersionsKnown,
    /// Before the first 3.7 joins, the log has moved on by more than 200 entries since the last 3.5 member left.
    OldEntriesGone,
    /// Where the log stood is read in a later look than the one that saw the last 3.5 member gone.
    IndexAfterTheLastLeft,
    /// A learner that runs a version which may not join is not promoted.
    VersionMayVote,
    // Leaving.
    /// A leaving voter waits for its replacement.
    ReplacementFirst,
    /// Only voters on in-service instances count as replacements.
    OnlyInServiceCounts,
    /// Leadership moves before the leader is removed.
    LeadershipMovesFirst,
    /// Leadership moves only to a proven voter.
    SuccessorIsProven,
    /// A termination is abandoned only where the group retains the instance.
    AbandonRetains,
    /// The last voter stays.
    LastVoterStays,
    /// A terminate hook is completed only when the member is out of a linearizable list.
    MemberIsOut,
    /// Without a list, only the hook of an instance that was never given an env is completed.
    NeverAMember,
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
    /// What an earlier generation published is deleted before the next one's seed gets its env.
    OldEndpointsGo,
    /// A joiner is added only once `endpoints` does not name its address, which another had before it.
    AddressUnpublished,
    /// One whose removal may be on its way is not published while its launch waits.
    StaysBeforeEndpoints,
    /// A launch is completed only for a published, proven voter.
    PublishedBeforeContinue,
    /// A launch is completed only for a voter that has just proven itself.
    VotesBeforeContinue,
    /// An env is deleted only when its instance is gone and out of the list.
    EnvOfTheGone,
    /// An env that allows an empty disk is written only from a list that shows its member, not started.
    EnvFromList,
    // Maybes.
    /// An unanswered change lapses only by the word of every voter of then and now.
    LapsedByAll,
    /// An unanswered change lapses only after two rounds.
    LapsedTwice,
    /// Both rounds were under one leader in one term.
    LapsedUnderOneLeader,
    /// An unanswered change lapses only after its request's deadline.
    LapsedAfterDeadline,
    // The protocol.
    /// The claimed change is decided again, wholly, before it is made.
    LookAgain,
    /// A claim that does not stand in the ledger is not acted on.
    ClaimStands,
    /// No claim is taken without the time to close it.
    TimeForAClaim,
    /// An unanswered change of the membership becomes an unanswered change.
    UnansweredIsNoted,
    /// An unanswered overwrite or kill keeps its claim until it expires.
    LateLandingKeepsClaim,
    /// The env is sealed before its learner is promoted.
    SealedBeforePromote,
}

/// Which guards are in force: all of them, except in a test that takes one away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guards {
    removed: Option<Guard>,
}

impl Guards {
    /// All guards.
    pub const fn all() -> Self {
        Self { removed: None }
    }

    /// All guards but this one: a mutant, for tests.
    pub const fn without(guard: Guard) -> Self {
        Self { removed: Some(guard) }
    }

    /// Whether the guard is in force. The functions enforce every guard.
    pub fn enforces(self, guard: Guard) -> bool {
        self.removed != Some(guard)
    }

    /// Whether a test took the guard away. A branch behind it is reached by that mutant and by nothing else.
    pub fn mutant(self, guard: Guard) -> bool {
        !self.enforces(guard)
    }

    /// Whether the guard lets a step pass: its condition holds, or a test took the guard away.
    pub fn allows(self, guard: Guard, condition: bool) -> bool {
        condition || self.mutant(guard)
    }

    /// A precondition of a step: `otherwise` says what stands against the step where the guard does not let it pass.
    pub fn require<E>(self, guard: Guard, condition: bool, otherwise: impl FnOnce() -> E) -> Result<(), E> {
        if self.allows(guard, condition) { Ok(()) } else { Err(otherwise()) }
    }
}
