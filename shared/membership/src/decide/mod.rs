//! The decision: what one round's observation comes to.
//!
//! First the bookkeeping: what the observation proves is edited into a copy of the ledger. Then the rules, in the
//! order of this table, on that copy. Each rule speaks for its own objects: a wait or a refusal never hides a step
//! of a later rule. The first change that a rule finds is the proposal.
//!
//! | rule | file | what it proposes or does | its guards |
//! |---|---|---|---|
//! | hands off | this file, `ownership.rs` | nothing but heartbeats: a setting that decides this was not understood, the group, its owner or the ledger was not seen, the group is another deployment's, the ledger is about another group or was moved away, or the group is paused | `SameVpc`, `OwnerIsThis`, `SameClusterName`, `LedgerStays`, `SameGroup`, `NotPaused`, `SettingsUnderstood` |
//! | ownership | `ownership.rs` | writes the record of the group's owner, and nothing else until it has settled | `OwnerSettled`, `AdoptionAnnounced`, `OwnerByIdentity` |
//! | `ports` | `rules/ports.rs` | nothing: the settings' ports are equal, or are not those that the members serve | `TwoPorts`, `SamePorts` |
//! | `warm_pool` | `rules/warm_pool.rs` | ends hooks in a warm pool | – |
//! | `pooled` | `pooled.rs` | nothing; an instance of the warm pool that was a member counts as leaving from here on | `PooledIsLeaving` |
//! | `report_unfit` | `fit.rs` | nothing; reports a group in which no cluster may be founded | `GroupIsFit`, `HeartbeatsFit` |
//! | `found` | `generation/found.rs` | without a ledger and without an etcd: the first generation and its seed | `NothingAnswers`, `NothingInService`, `EnvMeansData`, `SeedIsQuiet` |
//! | `adopt` | `generation/adopt.rs` | without a ledger and with an etcd: a ledger for the running cluster | `OneClusterAnswers`, `AdoptedWithQuorum`, `NoVoterUnseen`, `PeersReachable`, `OneScheme` |
//! | bookkeeping | `bookkeeping/` | expired claims, identity, foreign members, unanswered changes, first votes, conditions, the phase, forgotten instances, the next generation | `ClaimUntilExpiry` to `NoClaimBeforeNext`, `Lapsed…`, `JoinPatienceOver`, `SnapshotIsProgress`, `IndexAfterTheLastLeft` |
//! | `founding` | `generation/founding.rs` | the seed's env, while the seed was not heard of | `OldEndpointsGo` |
//! | `abandoned` | `generation/abandoned.rs` | abandons launches and replaces instances of a generation that never formed | `EnvOfTheGone` |
//! | `ended` | `generation/ended.rs` | completes terminations of a cluster that was ended | `EnvOfTheGone` |
//! | `refused_calls` | `rules/refused_calls.rs` | nothing; reports calls that AWS refuses until an operator changes something, and keeps them from being repeated at once | `RefusedCallsWait` |
//! | `report_strangers` | `rules/strangers.rs` | nothing; reports servers of other clusters and unreadable servers | – |
//! | `joins_fail` | `rules/joins_fail.rs` | nothing; reports joins that fail in a row, and quotes the hosts of joiners | – |
//! | `hold` | `rules/hold.rs` | while the group wants no instance: keeps every voter, retains it near its hook's end | `VotersHeld`, `AbandonRetains` |
//! | `alarms` | `rules/alarms.rs` | nothing; reports what else a status complains of | – |
//! | `in_doubt` | `rules/in_doubt.rs` | while the voters' copies differ or the alarm CORRUPT stands: removes only members of instances that are gone, completes terminations of instances without a member, retains leaving voters | `CopiesAgree`, `ComparedAtOneRevision`, `AbandonRetains` |
//! | `without_list` | `rules/without_list.rs` | without a member list: completes terminations of instances that were never members | `NeverAMember` |
//! | `seal` | `rules/seal.rs` | seals the env of a member that has started | `ForeignHasNoEnv` |
//! | `remove_dead` | `rules/remove_dead.rs` | removes members of instances that are gone, and learners of leaving instances | `GoneForSixSeconds`, `UnownedIsKept` |
//! | `promote` | `rules/promote.rs` | makes a voter of a learner that has just proven itself | `LearnerAnswered`, `NoRemovalPending`, `VersionMayVote` |
//! | `joiner_envs` | `rules/joiner_envs.rs` | creates and repairs the env of a joiner that has not started | `EnvFromList`, `VersionsKnown` |
//! | `leave` | `rules/leave.rs` | moves leadership, removes a leaving voter, completes its termination | `ReplacementFirst`, `OnlyInServiceCounts`, `NoDoubtfulVoter`, `LastVoterStays`, `LeadershipMovesFirst`, `SuccessorIsProven`, `AbandonRetains`, `MemberIsOut` |
//! | `heal` | `rules/heal.rs` | sets an instance in service unhealthy whose voter is silent | `UnprovenForGrace`, `MissedRepeatedly`, `HealOneAtATime`, `KillKeepsMajority` |
//! | `give_up` | `rules/give_up.rs` | removes a joiner that was given up, then abandons its launch | `ProvenIsKept`, `OutBeforeAbandon` |
//! | `join` | `rules/join.rs` | adds the oldest launching instance as a learner | `NotGivenUp`, `OldDataStaysOut`, `HookHasTime`, `SeedSealedFirst`, `OneLearner`, `DeadFirst`, `AddressIsFree`, `AddressUnpublished`, `SecondApart`, `PausedAfterFailures` |
//! | `publish` | `rules/publish.rs` | `initial-cluster`, `endpoints`, completed launches, deleted envs | `EndpointsOnceFormed`, `StaysBeforeEndpoints`, `PublishedBeforeContinue`, `VotesBeforeContinue`, `EnvOfTheGone` |
//! | keep alive | `hooks.rs` | heartbeats for the hooks that are still needed | – |
//! | one at a time | this file | drops the proposal while another invocation holds the claim | `ClaimIsFree` |
//!
//! Whatever changes the electorate goes through `propose.rs`: `MajorityKept`, `FirstVoteFirst`. Each guard's
//! condition stands in [`Guard`], and `docs/SAFETY.md` says what it keeps from happening.

mod bookkeeping;
mod calls;
mod fit;
mod generation;
mod hooks;
mod ownership;
mod parameters;
mod pooled;
mod propose;
mod rules;

pub(crate) use self::bookkeeping::bring_up_to_date;
pub(crate) use self::calls::{Added, joiner_env_after_add};
pub(crate) use self::generation::peers::host_of as peer_host;
pub use self::hooks::every_waiting_hook;
use self::ownership::Standing;
use crate::decision::{Decision, Refusal, Subject, Unread, Verdict, Wait};
use crate::env;
use crate::guard::{Guard, Guards};
use crate::ids::{Nonce, Timestamp};
use crate::ledger::{Edit, GroupIdentity, Ledger, Phase};
use crate::observation::{Group, Observation, Seen, end_word};
use crate::settings::{Problem, Settings};
use crate::view::View;

/// Decides what this observation comes to at this time. `me` is the nonce of the claim that this invocation holds,
/// if it holds a claim: its own claim does not stand in its way.
///
/// The same observation at the same time gives the same decision (invariant I11).
pub fn decide(obs: &Observation, now: Timestamp, me: Option<&Nonce>) -> Decision {
    decide_with(obs, now, me, Guards::all())
}

/// [`decide`], with one guard taken away: for the tests that show what each guard is for.
pub fn decide_with(obs: &Observation, now: Timestamp, me: Option<&Nonce>, guards: Guards) -> Decision {
    let mut d = Decision::default();
    let group = match &obs.group {
        Seen::Known(group) => group,
        Seen::Unknown(unseen) => {
            d.note(Subject::Cluster, Unread::Group.verdict(unseen));
            return d;
        }
    };
    let pooled = pooled::seen(obs, group, now, guards);
    let group = pooled.as_ref().unwrap_or(group);
    match hands_off(obs, group, now, guards, &mut d) {
        Ok((Some(ledger), Standing::Ours)) => {
            fit::report_unfit(group, &mut d);
            rules::warm_pool::warm_pool(obs, group, &mut d);
            with_ledger(View { obs, group, ledger, now, guards }, me, &mut d);
        }
        Ok((Some(ledger), standing)) => {
            ownership::claim_with_ledger(obs, group, ledger, &standing, guards, &mut d);
        }
        Ok((None, standing)) => {
            let mut plan = Decision::default();
            fit::report_unfit(group, &mut plan);
            rules::warm_pool::warm_pool(obs, group, &mut plan);
            without_ledger(obs, group, guards, &mut plan);
            if ownership::bears(obs, &plan, &standing, now, guards) {
                return plan;
            }
            ownership::claim_without_ledger(obs, group, &standing, plan, &mut d);
        }
        Err(HandsOff(verdict)) => {
            // Nothing is done about a cluster that is left alone. What it has lost is said all the same, where this is
            // the ledger that tells.
            let is_elsewhere = verdict.as_ref().is_some_and(ownership::is_elsewhere);
            if let Some(verdict) = verdict {
                d.note(Subject::Cluster, verdict);
            }
            if let Seen::Known(Some(ledger)) = &obs.ledger
                && !is_elsewhere
                && same_group(ledger, group, guards).is_ok()
            {
                rules::without_list::report_lost_quorum(View { obs, group, ledger, now, guards }, &mut d);
            }
            hooks::keep_every_hook_alive(group, &mut d);
        }
    }
    d
}

/// The cluster is not touched at all. The verdict says why, where that was not noted before.
struct HandsOff(Option<Verdict>);

/// The ledger as read and how this deployment stands to the group, or why the cluster is not touched at all.
fn hands_off<'a>(
    obs: &'a Observation,
    group: &Group,
    now: Timestamp,
    guards: Guards,
    d: &mut Decision,
) -> Result<(Option<&'a Ledger>, Standing), HandsOff> {
    let Settings { problems, paused, .. } = &group.settings;
    for problem in problems {
        d.refuse(Subject::Cluster, Refusal::Setting(problem.clone()));
    }
    let said = paused.then_some(Verdict::Refused(Refusal::Paused));
    let understood = !problems.iter().any(Problem::hands_off);
    guards.require(Guard::SettingsUnderstood, understood, || HandsOff(said))?;
    seen(obs, group, now, guards).map_err(|verdict| HandsOff(Some(verdict)))
}

/// The ledger as read and how this deployment stands to the group, where the settings are understood.
fn seen<'a>(
    obs: &'a Observation,
    group: &Group,
    now: Timestamp,
    guards: Guards,
) -> Result<(Option<&'a Ledger>, Standing), Verdict> {
    let of_this_group = |l: &&Ledger| l.group.arn == group.identity.arn;
    let evidence = obs.ledger.known().and_then(Option::as_ref).filter(of_this_group);
    let standing = ownership::standing(obs, group, evidence, now, guards)?;
    let ledger = match &obs.ledger {
        Seen::Known(ledger) => ledger.as_ref(),
        Seen::Unknown(unseen) => return Err(Unread::Ledger.verdict(unseen)),
    };
    if let Some(to) = ledger.and_then(|l| l.moved_to.as_ref()) {
        guards.require(Guard::LedgerStays, false, || Verdict::Refused(Refusal::LedgerMoved(to.clone())))?;
    }
    if let Some(ledger) = ledger {
        same_group(ledger, group, guards).map_err(Verdict::Refused)?;
    }
    guards.require(Guard::NotPaused, !group.settings.paused, || Verdict::Refused(Refusal::Paused))?;
    rules::ports::two_ports(&group.settings, guards).map_err(Verdict::Refused)?;
    Ok((ledger, standing))
}

fn without_ledger(obs: &Observation, group: &Group, guards: Guards, d: &mut Decision) {
    let name = &group.identity.name;
    let carried = || Refusal::GroupName(name.clone());
    if let Err(why) = guards.require(Guard::NameIsCarried, env::carries(name), carried) {
        d.refuse(Subject::Cluster, why);
        hooks::keep_joiners_and_leavers_alive(group, d);
        return;
    }
    let answers = generation::adopt::somebody_answers(obs, group);
    if guards.allows(Guard::NothingAnswers, !answers) {
        generation::found::found(obs, group, guards, d);
    } else {
        generation::adopt::adopt(obs, group, guards, d);
    }
}

fn with_ledger(read: View<'_>, me: Option<&Nonce>, d: &mut Decision) {
    if let Err(why) = rules::ports::same_ports(read) {
        d.refuse(Subject::Cluster, why);
        hooks::keep_every_hook_alive(read.group, d);
        return;
    }
    let (edits, ledger) = bookkeeping::bring_up_to_date(read, me);
    d.edits = edits;
    if d.edits.iter().any(|e| matches!(e, Edit::OpenGeneration { .. })) {
        return;
    }
    let v = View { ledger: &ledger, ..read };
    rules::refused_calls::refused_calls(v, d);
    end_tag(v, d);
    match v.phase() {
        Phase::Abandoned => generation::abandoned::abandoned(v, d),
        Phase::Ended => generation::ended::ended(v, d),
        Phase::Opened if ledger.generation.identity.is_none() => generation::founding::founding(v, d),
        Phase::Opened | Phase::Formed => running(v, d),
    }
    rules::refused_calls::not_yet_again(d);
    one_change_at_a_time(v, me, d);
    if let Some(proposal) = &d.proposal {
        d.calls = calls::calls(v, &proposal.change);
    }
}

fn same_group(ledger: &Ledger, group: &Group, guards: Guards) -> Result<(), Refusal> {
    let (known, seen) = (&ledger.group, &group.identity);
    let same =
        known.name == seen.name && known.arn == seen.arn && (seen.vpc.is_empty() || known.vpc == seen.vpc);
    // A generation that is over has no data. Another group may begin anew once every instance of it is gone.
    let over = matches!(ledger.generation.phase, Phase::Ended | Phase::Abandoned);
    let words = |g: &GroupIdentity| format!("{} ({}) in {}", g.name, g.arn, g.vpc);
    guards.require(Guard::SameGroup, same || over, || Refusal::OtherGroup {
        ledger: words(known),
        seen: words(seen),
    })
}

/// A word that ends nothing is no word to be silent about: who set it believes that the cluster may end. A word that
/// named an earlier generation is spent.
fn end_tag(v: View<'_>, d: &mut Decision) {
    let Some(says) = v.group.end.as_ref().filter(|says| !says.is_empty()) else { return };
    if !(1..=v.ledger.generation.number).any(|generation| *says == end_word(generation)) {
        d.refuse(Subject::Cluster, Refusal::EndTagWrong { says: says.clone(), right: v.end_word() });
    }
}

/// The rules for a cluster that has an identity.
fn running(v: View<'_>, d: &mut Decision) {
    rules::strangers::report_strangers(v, d);
    rules::joins_fail::joins_fail(v, d);
    for hook in [&v.group.launch_hook, &v.group.terminate_hook] {
        if let Err(why) = hook {
            d.refuse(Subject::Cluster, Refusal::NoHook(why.clone()));
        }
    }
    for unanswered in &v.ledger.unanswered {
        d.wait(Subject::Cluster, Wait::Unanswered(unanswered.change.clone()));
    }
    rules::hold::hold(v, d);
    rules::alarms::alarms(v, d);
    if rules::in_doubt::in_doubt(v, d) {
        return;
    }
    if v.list().is_none() {
        rules::without_list::without_list(v, d);
    } else {
        rules::seal::seal(v, d);
        rules::remove_dead::remove_dead(v, d);
        rules::promote::promote(v, d);
        rules::joiner_envs::joiner_envs(v, d);
        rules::leave::leave(v, d);
        rules::heal::heal(v, d);
        rules::give_up::give_up(v, d);
        rules::join::join(v, d);
        rules::publish::publish(v, d);
        rules::joins_fail::host_says(v, d);
    }
    hooks::keep_needed_hooks_alive(v, d);
}

/// Until it is closed or has expired, a claim blocks everything that needs a claim.
fn one_change_at_a_time(v: View<'_>, me: Option<&Nonce>, d: &mut Decision) {
    let Some(claim) = v.ledger.claim.as_ref().filter(|c| Some(&c.nonce) != me) else {
        return;
    };
    if d.proposal.is_some() && v.mutant(Guard::ClaimIsFree) {
        return;
    }
    d.proposal = None;
    let (request, change) = (claim.request.clone(), claim.proposal.change.clone());
    d.wait(Subject::Cluster, Wait::Claim { request, change, until: claim.expires });
}
