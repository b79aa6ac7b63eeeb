//! The guards: each condition that keeps a step from being taken, by name.
//!
//! A guard whose absence no test notices guards nothing. So every guard has a name. A test takes away one guard at a
//! time and must see a golden change (`tests/mutants.rs`, and the table in `docs/SAFETY.md`). The functions enforce
//! every guard.

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

            /// The condition in a sentence.
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
    /// The ledger is about this group (name, ARN and VPC are the same), or its generation is over.
    SameGroup,
    /// The group's instances are in the VPC that the deployment serves.
    SameVpc,
    /// The record of the group's owner names this deployment.
    OwnerIsThis,
    /// The record of the group's owner names the cluster that the group's tag names.
    SameClusterName,
    /// Nothing is done under a new record of the owner before it has settled and was read again.
    OwnerSettled,
    /// A running cluster is adopted only two minutes after this deployment was recorded as the owner.
    AdoptionAnnounced,
    /// A missing record is written only by a deployment whose ledger the group's cluster bears out.
    OwnerByIdentity,
    /// A ledger that was moved away is not acted on.
    LedgerStays,
    /// The group is not paused.
    NotPaused,
    /// Every setting that says whether and where anything is to be done was understood.
    SettingsUnderstood,
    /// The settings give clients and peers two ports.
    TwoPorts,
    /// The ports and the scheme of the settings are those that the members of a formed cluster serve.
    SamePorts,
    /// No other invocation holds an open claim.
    ClaimIsFree,
    /// Until a claim has expired, only its claimant closes it.
    ClaimUntilExpiry,
    /// An expired claim of a membership change becomes an unanswered change.
    ExpiredClaimMayHaveHappened,
    // Whose copy is right.
    /// While the voters' copies are in doubt, nobody is added, promoted, removed or replaced, except who is gone.
    CopiesAgree,
    /// Hashes are compared only at one revision and one compacted revision.
    ComparedAtOneRevision,
    // Who is proven.
    /// A server of another cluster is not taken for a member of this cluster.
    SameCluster,
    /// The server that answered is the member that the list names.
    SameMember,
    /// A proven member follows the same leader in the same term as the leader itself.
    SameLeaderAndTerm,
    /// A proven member's applied index is near the leader's.
    CaughtUp,
    /// An instance is gone only if EC2 says `terminated`, or if the instance was absent at two looks.
    GoneIsProven,
    // Quorum arithmetic.
    /// A change of the voters keeps a proven majority, with and without each unanswered change.
    MajorityKept,
    /// A kill keeps a proven majority, with and without each unanswered change.
    KillKeepsMajority,
    /// A live voter is not removed while another voter is doubtful.
    NoDoubtfulVoter,
    /// The quorum arithmetic counts the unanswered changes.
    UnansweredCount,
    // Generations.
    /// A cluster is founded or adopted only in a group whose hooks the heartbeats can keep alive.
    HeartbeatsFit,
    /// A cluster is founded or adopted only where the hosts can be given the group's name.
    NameIsCarried,
    /// The first generation opens only if every instance was seen launching or leaving.
    NothingInService,
    /// The first generation opens only if no server answers on any instance.
    NothingAnswers,
    /// Without a ledger, no instance is ended that was given an env, and no cluster is founded beside it.
    EnvMeansData,
    /// A cluster is adopted only if every server that answers belongs to it.
    OneClusterAnswers,
    /// A cluster is adopted only with a leader and a proven quorum.
    AdoptedWithQuorum,
    /// A cluster is adopted only if no silent instance may run a voter of it.
    NoVoterUnseen,
    /// A cluster is adopted only if a joiner can reach its members.
    PeersReachable,
    /// A cluster is adopted only if its members serve their peers in the scheme that a joiner speaks.
    OneScheme,
    /// A member that something else starts is given no env.
    ForeignHasNoEnv,
    /// A cluster is founded or adopted only in a group that counts instances and takes none back into a warm pool.
    GroupIsFit,
    /// No server answers yet on an instance that becomes the seed.
    SeedIsQuiet,
    /// The identity is recorded only from the seed's own list, in which the seed stands alone.
    IdentityFromSeed,
    /// No instance joins before the seed is sealed.
    SeedSealedFirst,
    /// A generation has formed only when its voters have proven themselves and are sealed.
    FormedIsProven,
    /// A generation has formed only with all its voters, or with a majority once launching has stalled.
    FormedIsComplete,
    /// A generation that has formed is never abandoned.
    FormedIsNeverAbandoned,
    /// A generation is abandoned for its silence only after the formation patience.
    SilenceNeedsPatience,
    /// A generation whose seed was not heard of is abandoned only after the join patience.
    SeedNeedsPatience,
    /// The next generation opens only when every instance that may be a member is gone.
    AllGoneBeforeNext,
    /// The ledger forgets an instance only in a generation that has formed.
    NoneDroppedUnformed,
    /// The next generation opens only when no claim is open.
    NoClaimBeforeNext,
    /// A cluster ends only at maximum size 0.
    EndsOnlyAtMaxZero,
    /// A cluster ends only if the group's tag `etcd-asg:end` names its generation.
    EndIsMeant,
    /// While the group wants no instance and the end is not meant, no voter leaves.
    VotersHeld,
    // Dead members.
    /// A dead voter is removed only after it has been gone for six seconds.
    GoneForSixSeconds,
    /// A voter that belongs to no known instance is not removed as dead.
    UnownedIsKept,
    /// A voter that answers is not removed for a joiner, or because it was once given up.
    ProvenIsKept,
    // Promotion.
    /// A learner is promoted only if it has just answered its own probe.
    LearnerAnswered,
    /// A new voter answers for the first time before the next change is made.
    FirstVoteFirst,
    /// A learner is promoted only if no removal of it may still be made.
    NoRemovalPending,
    // Versions.
    /// A joiner runs the cluster's lowest minor, or the next minor.
    OneMinorAtATime,
    /// Before the first 3.6 joins, every 3.5 member is 3.5.32 or newer.
    PromotionsPersist,
    /// Before the first member of a minor joins, every member's version is known.
    VersionsKnown,
    /// Before the first 3.7 joins, the log has grown by more than 200 entries since the last 3.5 member left.
    OldEntriesGone,
    /// The log's index is read in a later look than the look that saw the last 3.5 member gone.
    IndexAfterTheLastLeft,
    /// A learner that runs a version which may not join is not promoted.
    VersionMayVote,
    // Leaving.
    /// A leaving voter waits for its replacement.
    ReplacementFirst,
    /// An instance that goes to the warm pool and may run a voter counts as leaving.
    PooledIsLeaving,
    /// Only voters on instances in service count as replacements.
    OnlyInServiceCounts,
    /// Leadership moves before the leader is removed.
    LeadershipMovesFirst,
    /// Leadership moves only to a proven voter.
    SuccessorIsProven,
    /// A termination is abandoned only where the group then retains the instance.
    AbandonRetains,
    /// The last voter is not removed.
    LastVoterStays,
    /// A terminate hook is completed only when the member is out of a linearizable list.
    MemberIsOut,
    /// Without a list, a terminate hook is completed only for an instance that was never given an env.
    NeverAMember,
    // Healing.
    /// An instance is healed only after its voter was unproven for the grace period.
    UnprovenForGrace,
    /// Silence leads to an act only if it was also missed repeatedly in this invocation.
    MissedRepeatedly,
    /// A voter at whose port something answers that cannot be read is not taken for missed.
    UnreadableIsKept,
    /// Only one instance is being healed at a time.
    HealOneAtATime,
    // Joining.
    /// No instance is added while another learner or an unstarted member is listed.
    OneLearner,
    /// No instance is added while a dead voter is still listed.
    DeadFirst,
    /// An instance is added only if its launch hook still has the time.
    HookHasTime,
    /// An instance that comes back from the warm pool with the data of a removed member is not added.
    OldDataStaysOut,
    /// An instance that was given up is not added again.
    NotGivenUp,
    /// An instance is added only if its address is not listed under another member.
    AddressIsFree,
    /// An instance is added only in a later second than a removal.
    SecondApart,
    /// While joins or foundings fail in a row, the next is tried after a pause.
    PausedAfterFailures,
    /// A call that AWS refused for good is made again only a minute later.
    RefusedCallsWait,
    /// A joiner is given up only after the join patience, or at its hook's end.
    JoinPatienceOver,
    /// A joiner to which the leader is sending a snapshot is not given up for ten join patiences.
    SnapshotIsProgress,
    /// A joiner that was given up leaves the list before its launch is abandoned.
    OutBeforeAbandon,
    // Publishing.
    /// The endpoints are published only once the cluster has formed.
    EndpointsOnceFormed,
    /// What an earlier generation published is deleted before the next seed gets its env.
    OldEndpointsGo,
    /// An instance is added only if `endpoints` does not name its address.
    AddressUnpublished,
    /// A voter whose removal may be on its way is not published while its launch waits.
    StaysBeforeEndpoints,
    /// A launch is completed only for a published voter.
    PublishedBeforeContinue,
    /// A launch is completed only for a voter that has just proven itself.
    VotesBeforeContinue,
    /// An env is deleted only when its instance is gone and its member is out of the list.
    EnvOfTheGone,
    /// An env that allows an empty disk is written only from a list that shows its member unstarted.
    EnvFromList,
    // Unanswered changes.
    /// An unanswered change lapses only if every voter of then and of now has answered without it.
    LapsedByAll,
    /// An unanswered change lapses only after two rounds.
    LapsedTwice,
    /// Both rounds before a change lapses are under one leader in one term.
    LapsedUnderOneLeader,
    /// An unanswered change lapses only after its request's deadline.
    LapsedAfterDeadline,
    // The protocol.
    /// After the claim everything is observed and decided again before the change is made.
    LookAgain,
    /// An invocation acts only under a claim that stands in the ledger.
    ClaimStands,
    /// A claim is taken only with enough time to close it.
    TimeForAClaim,
    /// A membership change without an answer is recorded as an unanswered change.
    UnansweredIsNoted,
    /// An overwrite or a kill without an answer keeps its claim until the claim expires.
    LateLandingKeepsClaim,
    /// A learner's env is sealed before the learner is promoted.
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
