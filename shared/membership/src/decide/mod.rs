//! The decision: what one round's observation comes to.
//!
//! First the bookkeeping: what the observation proves is edited into a copy of the ledger. Then the rules of the
//! design's section 5, in their order, on that copy. Each rule speaks for its own objects: a wait or a refusal never
//! hides a step of a later rule. The first change that is found is the proposal.

mod abandoned;
mod adopt;
mod bookkeeping;
mod conditions;
mod dead;
mod effect;
mod formation;
mod heal;
mod join;
mod leave;
mod phase;
mod promote;
mod publish;
mod seal;
mod unanswered;
mod versions;

pub(crate) use effect::{joiner_env_after_add, under_claim};

use crate::change::Change;
use crate::decision::{Decision, KeepAlive, Refusal, Subject, Wait};
use crate::etcd::{Member, Probe};
use crate::guard::{Guard, Guards};
use crate::ids::{Nonce, Timestamp};
use crate::instance::{Instance, InstanceState, WarmHook};
use crate::ledger::{Edit, GroupIdentity, Ledger, Phase};
use crate::observation::{Group, Observation, Seen};
use crate::quorum::VoterChange;
use crate::view::View;

/// Decides what this observation comes to at this time. `me` is the nonce of the claim that this invocation holds,
/// if it holds one: its own claim does not stand in its way.
///
/// Same observation, same time, same answer (invariant I11).
pub fn decide(obs: &Observation, now: Timestamp, me: Option<&Nonce>) -> Decision {
    decide_with(obs, now, me, Guards::all())
}

/// [`decide`], with one guard taken away: for the tests that show what each guard is for.
pub fn decide_with(obs: &Observation, now: Timestamp, me: Option<&Nonce>, guards: Guards) -> Decision {
    let mut d = Decision::default();
    let Seen::Known(group) = &obs.group else {
        d.wait(Subject::Cluster, Wait::Fact(unknown("the group", &obs.group)));
        return d;
    };
    let Seen::Known(ledger) = &obs.ledger else {
        d.wait(Subject::Cluster, Wait::Fact(unknown("the ledger", &obs.ledger)));
        every_hook_alive(group, &mut d);
        return d;
    };
    if !guards.hold(Guard::NotPaused, !group.settings.paused) {
        d.refuse(Subject::Cluster, Refusal::Paused);
        every_hook_alive(group, &mut d);
        return d;
    }
    warm_pool(group, &mut d);
    let Some(ledger) = ledger else {
        if guards.hold(Guard::NothingAnswers, !adopt::somebody_answers(obs, group)) {
            formation::first_generation(obs, group, guards, &mut d);
        } else {
            adopt::adopt(obs, group, now, guards, &mut d);
        }
        return d;
    };
    if !guards.hold(Guard::SameGroup, same_group(ledger, group)) {
        let of = |g: &GroupIdentity| format!("{} ({}) in {}", g.name, g.arn, g.vpc);
        let (ledger, seen) = (of(&ledger.group), of(&group.identity));
        d.refuse(Subject::Cluster, Refusal::OtherGroup { ledger, seen });
        return d;
    }
    with_ledger(obs, group, ledger, now, me, guards, &mut d);
    d
}

fn with_ledger(
    obs: &Observation,
    group: &Group,
    ledger: &Ledger,
    now: Timestamp,
    me: Option<&Nonce>,
    guards: Guards,
    d: &mut Decision,
) {
    let read = View { obs, group, ledger, now, guards };
    let (edits, ledger) = bookkeeping::bring_up_to_date(read, me);
    d.edits = edits;
    if d.edits.iter().any(|e| matches!(e, Edit::OpenGeneration { .. })) {
        return;
    }
    let v = View { obs, group, ledger: &ledger, now, guards };
    match v.phase() {
        Phase::Abandoned => abandoned::abandoned(v, d),
        Phase::Ended => abandoned::ended(v, d),
        Phase::Opened if ledger.generation.identity.is_none() => formation::founding(v, d),
        Phase::Opened | Phase::Formed => running(v, d),
    }
    one_change_at_a_time(v, me, d);
}

/// Rules 4 to 12, for a cluster that has an identity.
fn running(v: View<'_>, d: &mut Decision) {
    strangers(v, d);
    for hook in [&v.group.launch_hook, &v.group.terminate_hook] {
        if let Err(why) = hook {
            d.refuse(Subject::Cluster, Refusal::NoHook(why.clone()));
        }
    }
    for unanswered in &v.ledger.unanswered {
        d.wait(Subject::Cluster, Wait::Unanswered(unanswered.change.clone()));
    }
    if v.list().is_none() {
        no_list(v, d);
        return;
    }
    seal::seal(v, d);
    dead::dead_first(v, d);
    promote::promote(v, d);
    publish::joiner_envs(v, d);
    leave::leave(v, d);
    heal::heal(v, d);
    join::given_up(v, d);
    join::join(v, d);
    publish::publish(v, d);
    keep_alive(v, d);
}

/// Rule 5: without a linearizable list nothing is known of the membership, and nothing is done about it.
fn no_list(v: View<'_>, d: &mut Decision) {
    let voted = || v.ledger.instances.iter().filter(|(_, r)| r.voted);
    let (voters, gone) = (voted().count(), voted().filter(|(id, _)| v.gone(id)).count());
    if v.phase() == Phase::Formed && gone > 0 && voters - gone < crate::quorum::majority(voters) {
        d.refuse(Subject::Cluster, Refusal::QuorumLost { gone, voters });
    } else {
        d.wait(Subject::Cluster, Wait::List);
    }
    leave::never_a_member(v, d);
    keep_alive(v, d);
}

/// Rule 4, and servers that are alive but unreadable: reported, whatever else is decided.
fn strangers(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        let url = instance.client_url(&v.group.settings).unwrap_or_default();
        match v.obs.etcd.probes.get(&url) {
            Some(Probe::AuthenticationNeeded) => d.refuse(&instance.id, Refusal::AuthenticationNeeded),
            Some(Probe::Answered(s)) if v.ledger.cluster_id() != Some(s.cluster) => {
                d.refuse(&instance.id, Refusal::OtherCluster(s.cluster));
            }
            Some(Probe::Answered(_) | Probe::Silent { .. }) | None => {}
        }
        if instance.state() == InstanceState::Unclear {
            d.refuse(&instance.id, Refusal::UnclearState);
        }
    }
}

/// Rule 1: an instance of a warm pool joins when it leaves the pool.
fn warm_pool(group: &Group, d: &mut Decision) {
    use crate::change::Effect;
    for instance in &group.instances {
        match instance.state() {
            InstanceState::Warm(WarmHook::Launch) => {
                d.effects.push(Effect::ContinueLaunch(instance.id.clone()))
            }
            InstanceState::Warm(WarmHook::Terminate) => {
                d.effects.push(Effect::ContinueTerminate(instance.id.clone()))
            }
            _ => {}
        }
    }
}

/// Until it is closed or has expired, a claim blocks everything that needs one.
fn one_change_at_a_time(v: View<'_>, me: Option<&Nonce>, d: &mut Decision) {
    let Some(claim) = v.ledger.claim.as_ref().filter(|c| Some(&c.nonce) != me) else {
        return;
    };
    if d.proposal.is_some() && v.hold(Guard::ClaimIsFree, false) {
        return;
    }
    d.proposal = None;
    let (request, change) = (claim.request.clone(), claim.proposal.change.clone());
    d.wait(Subject::Cluster, Wait::Claim { request, change, until: claim.expires });
}

/// Which pending actions the controller keeps alive: everyone who waits for a turn, and every joiner that was not
/// given up. A joiner without progress is given up after its patience, so no hook is kept alive for ever.
fn keep_alive(v: View<'_>, d: &mut Decision) {
    // Only for the leave patience: a voter that is nobody's may stay so for ever.
    let may_be_nobodys =
        |i: &Instance| leave::unowned_voter(v, i).is_some() && v.may_still_leave_later(&i.id);
    for instance in &v.group.instances {
        let id = &instance.id;
        if instance.launch_hook_waits() && instance.state().stays() && !v.given_up(id) {
            d.keep_alive.push(KeepAlive { instance: id.clone(), launch: true });
        } else if instance.terminate_hook_waits()
            && (v.list().is_none() || v.member(id).is_some() || may_be_nobodys(instance))
        {
            d.keep_alive.push(KeepAlive { instance: id.clone(), launch: false });
        }
    }
}

/// A heartbeat is no change: while an operator is at work, or the ledger cannot be read, no launch and no leaving voter
/// must be lost to a hook's timeout.
fn every_hook_alive(group: &Group, d: &mut Decision) {
    for instance in &group.instances {
        let launch = instance.launch_hook_waits();
        if launch || instance.terminate_hook_waits() {
            d.keep_alive.push(KeepAlive { instance: instance.id.clone(), launch });
        }
    }
}

fn same_group(ledger: &Ledger, group: &Group) -> bool {
    let (known, seen) = (&ledger.group, &group.identity);
    known.name == seen.name && known.arn == seen.arn && (seen.vpc.is_empty() || known.vpc == seen.vpc)
}

fn unknown<T>(what: &str, seen: &Seen<T>) -> String {
    match seen {
        Seen::Known(_) => what.to_owned(),
        Seen::Unknown(why) => format!("{what} ({why})"),
    }
}

/// Proposes a change of etcd's membership, if there is a leader to ask, and no new voter is yet to answer for the
/// first time (its own removal excepted).
fn propose_membership(v: View<'_>, d: &mut Decision, about: Subject, change: Change) {
    let Some((leader, _)) = v.leader() else {
        let voters = v.electorate().voters.len();
        d.wait(about, Wait::Quorum { proven: 0, voters });
        return;
    };
    let own = |member| matches!(change, Change::Remove { member: m, .. } if m == member);
    if let Some(member) = v.silent_new_voter().filter(|m| !own(*m))
        && !v.hold(Guard::FirstVoteFirst, false)
    {
        d.wait(about, Wait::FirstVote(member));
        return;
    }
    d.propose(change, Some(leader));
}

/// Proposes the removal of a member; of a voter only under the arithmetic.
fn propose_removal(v: View<'_>, d: &mut Decision, about: Subject, member: &Member) -> bool {
    let owner = if member.learner { v.learner_owner(member) } else { v.owner(member) };
    let change = Change::Remove { instance: owner, member: member.id, voter: !member.learner };
    let kept = member.learner || v.electorate().may_change(VoterChange::Remove(member.id));
    if !v.hold(Guard::MajorityKept, kept) {
        d.refuse(about, Refusal::QuorumAtRisk(change));
        return false;
    }
    propose_membership(v, d, about, change);
    true
}
