//! Facts derived from one observation and the ledger as it will stand: the vocabulary of the rules.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::change::Change;
use crate::decision::Refusal;
use crate::etcd::{Member, MemberList, Probe, Status};
use crate::guard::{Guard, Guards};
use crate::ids::{InstanceId, MemberId, Timestamp};
use crate::instance::{Ec2State, Instance, InstanceState};
use crate::ledger::{ConditionKey, InstanceRecord, Ledger, Phase};
use crate::observation::{Group, LONGEST_WAIT, Observation, Seen};
use crate::quorum::{Electorate, VoterChange};

/// A voter may be this many entries behind the leader's applied index and still be proven.
pub const NEAR: u64 = 1000;
/// How long a machine must have been gone: removing a member that vanished without a reset stalls all writes until
/// it has been silent for 5 s (etcd#2888).
pub const GONE_FOR: Duration = Duration::from_secs(6);
/// How far apart the two looks must be that miss an instance in EC2 and in the group, where EC2 does not say `terminated`:
/// 6 s between the two answers. A look reads its clock when it is over, 5 s after those answers where servers are
/// silent, and two clocks may differ by 5 s.
pub const ABSENT_FOR: Duration = Duration::from_secs(16);
/// How many probes in a row must fail in one invocation before a condition of silence is set or acted on.
pub const MISSES: u32 = 3;
/// How much of a hook's time is kept in reserve.
pub const HOOK_MARGIN: Duration = Duration::from_secs(30);

/// One observation, read in the light of a ledger.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub obs: &'a Observation,
    pub group: &'a Group,
    pub ledger: &'a Ledger,
    pub now: Timestamp,
    pub guards: Guards,
}

impl<'a> View<'a> {
    pub fn hold(&self, guard: Guard, condition: bool) -> bool {
        self.guards.hold(guard, condition)
    }

    pub fn phase(&self) -> Phase {
        self.ledger.generation.phase
    }

    pub fn instance(&self, id: &InstanceId) -> Option<&'a Instance> {
        self.group.instance(id)
    }

    pub fn state(&self, id: &InstanceId) -> InstanceState {
        self.instance(id).map_or(InstanceState::Missing, Instance::state)
    }

    /// Positively gone: EC2 says `terminated`, or it was missing from EC2 and the group at two looks far enough apart.
    pub fn gone(&self, id: &InstanceId) -> bool {
        let missing = self.state(id) == InstanceState::Missing;
        let terminated = self.instance(id).is_some_and(|i| i.ec2_state == Ec2State::Terminated);
        let twice = self.ledger.aged(&ConditionKey::Gone(id.clone()), self.now, ABSENT_FOR);
        missing && self.hold(Guard::GoneIsProven, terminated || twice)
    }

    /// Gone, and for six seconds at least.
    pub fn long_gone(&self, id: &InstanceId) -> bool {
        let aged = self.ledger.aged(&ConditionKey::Gone(id.clone()), self.now, GONE_FOR);
        self.gone(id) && self.hold(Guard::GoneForSixSeconds, aged)
    }

    // ---- etcd -----------------------------------------------------------------------------------------------

    fn ours(&self, list: &MemberList) -> bool {
        let known = self.ledger.cluster_id();
        self.hold(Guard::SameCluster, known == Some(list.cluster))
    }

    /// A linearizable list of our cluster, the leader's own first.
    pub fn list(&self) -> Option<&'a MemberList> {
        let all = || self.obs.etcd.lists.values().filter_map(Seen::known).filter(|l| self.ours(l));
        let leader = self.leader_status().map(|s| s.member);
        all().find(|l| Some(l.served_by) == leader).or_else(|| all().next())
    }

    /// Whether this member itself served a linearizable list in this round.
    pub fn served_list(&self, member: MemberId) -> Option<&'a MemberList> {
        self.obs.etcd.lists.values().filter_map(Seen::known).find(|l| l.served_by == member && self.ours(l))
    }

    /// The member that belongs to this instance: by the recorded ID, else by its name.
    pub fn member(&self, id: &InstanceId) -> Option<&'a Member> {
        let list = self.list()?;
        match self.ledger.member_of(id) {
            Some(member) => list.get(member),
            None => {
                list.members.iter().find(|m| m.name == id.as_str() && self.ledger.instance_of(m.id).is_none())
            }
        }
    }

    /// The instance that this member belongs to: by the recorded ID, else by its name. An address proves nothing.
    pub fn owner(&self, member: &Member) -> Option<InstanceId> {
        let named = || {
            let id = InstanceId(member.name.clone());
            let known = self.instance(&id).is_some() || self.ledger.instances.contains_key(&id);
            (member.started() && known && self.ledger.member_of(&id).is_none()).then_some(id)
        };
        self.ledger.instance_of(member.id).cloned().or_else(named)
    }

    /// The instance that an unstarted learner was meant for: its owner, else by its peer URL. Good enough for a
    /// learner, whose removal costs no quorum; never for a voter.
    pub fn learner_owner(&self, member: &Member) -> Option<InstanceId> {
        let same_url = |url: &str| member.peer_urls.iter().any(|u| u == url);
        self.owner(member).or_else(|| {
            let recorded =
                self.ledger.instances.iter().find(|(_, r)| same_url(&r.peer_url)).map(|(id, _)| id.clone());
            let listed = || {
                let here = |i: &&Instance| i.peer_url(&self.group.settings).is_some_and(|u| same_url(&u));
                self.group.instances.iter().find(here).map(|i| i.id.clone())
            };
            recorded.or_else(listed)
        })
    }

    /// Where its server is reached: at its instance's own address, else where it says itself.
    pub fn probe_url(&self, member: &Member) -> Option<String> {
        let owner = self.owner(member).and_then(|id| self.instance(&id)?.client_url(&self.group.settings));
        owner.or_else(|| member.client_urls.first().cloned())
    }

    pub fn probe(&self, member: &Member) -> Option<&'a Probe> {
        self.obs.etcd.probes.get(&self.probe_url(member)?)
    }

    /// What this member itself said just now: our cluster, and the very member that the list names.
    pub fn status(&self, member: &Member) -> Option<&'a Status> {
        match self.probe(member)? {
            Probe::Answered(s)
                if self.hold(Guard::SameCluster, self.ledger.cluster_id() == Some(s.cluster))
                    && self.hold(Guard::SameMember, s.member == member.id) =>
            {
                Some(s)
            }
            Probe::Answered(_) | Probe::AuthenticationNeeded | Probe::Silent { .. } => None,
        }
    }

    /// The status of the member that says of itself that it leads, in the highest term.
    pub fn leader_status(&self) -> Option<&'a Status> {
        let ours = |s: &&Status| self.hold(Guard::SameCluster, self.ledger.cluster_id() == Some(s.cluster));
        let answered = self.obs.etcd.probes.values().filter_map(|p| match p {
            Probe::Answered(s) => Some(s),
            Probe::AuthenticationNeeded | Probe::Silent { .. } => None,
        });
        answered.filter(ours).filter(|s| s.leader == Some(s.member)).max_by_key(|s| s.term)
    }

    /// The leader and the URL at which it is asked.
    pub fn leader(&self) -> Option<(MemberId, String)> {
        let status = self.leader_status()?;
        let member = self.list()?.get(status.member)?;
        Some((member.id, self.probe_url(member)?))
    }

    /// Whether it has just proven itself beside the leader: same leader, same term, applied near.
    pub fn proven(&self, member: &Member) -> bool {
        let (Some(status), Some(leader)) = (self.status(member), self.leader_status()) else {
            return false;
        };
        let together = status.leader == Some(leader.member) && status.term == leader.term;
        let near = status.applied.saturating_add(NEAR) >= leader.applied;
        status.learner == member.learner
            && self.hold(Guard::SameLeaderAndTerm, together)
            && self.hold(Guard::CaughtUp, near)
    }

    /// The arithmetic of this round.
    pub fn electorate(&self) -> Electorate {
        let Some(list) = self.list() else {
            return Electorate::default();
        };
        let proven: BTreeSet<MemberId> =
            list.members.iter().filter(|m| self.proven(m)).map(|m| m.id).collect();
        let ignored = self.hold(Guard::UnansweredCount, false);
        let unanswered = if ignored { Vec::new() } else { self.unanswered_voter_changes() };
        Electorate { voters: list.voters().map(|m| m.id).collect(), proven, unanswered }
    }

    fn unanswered_voter_changes(&self) -> Vec<VoterChange> {
        let of = |change: &Change| match change {
            Change::Promote { member, .. } => Some(VoterChange::Add(*member)),
            // Also of a learner: by the time it lands, the learner may vote.
            Change::Remove { member, .. } => Some(VoterChange::Remove(*member)),
            _ => None,
        };
        self.ledger.unanswered.iter().filter_map(|m| of(&m.change)).collect()
    }

    pub fn unanswered(&self, wanted: impl Fn(&Change) -> bool) -> Option<&'a Change> {
        self.ledger.unanswered.iter().map(|m| &m.change).find(|c| wanted(c))
    }

    // ---- instances ------------------------------------------------------------------------------------------

    pub fn record(&self, id: &InstanceId) -> Option<&'a InstanceRecord> {
        self.ledger.instances.get(id)
    }

    /// Whether this instance's voter has just proven itself.
    pub fn votes(&self, id: &InstanceId) -> bool {
        self.member(id).is_some_and(|m| !m.learner && self.proven(m))
    }

    pub fn staying(&self) -> impl Iterator<Item = &'a Instance> {
        self.group.instances.iter().filter(|i| i.state().stays())
    }

    /// Why no env can be written for this instance, if none can.
    pub fn no_env(&self, instance: &Instance) -> Option<Refusal> {
        match &self.group.launch_hook {
            Err(why) => Some(Refusal::NoHook(why.clone())),
            Ok(_) => instance.address.is_none().then_some(Refusal::NoAddress),
        }
    }

    /// When the instance's hook ends for good, counted from when it was first seen waiting.
    pub fn hook_end(&self, id: &InstanceId, launch: bool) -> Timestamp {
        let (key, hook) = if launch {
            (ConditionKey::LaunchWaiting(id.clone()), &self.group.launch_hook)
        } else {
            (ConditionKey::TerminateWaiting(id.clone()), &self.group.terminate_hook)
        };
        let since = self.ledger.since(&key).unwrap_or(self.now);
        let cap = hook.as_ref().map_or(LONGEST_WAIT, |h| h.cap());
        since.plus(cap).minus(HOOK_MARGIN)
    }

    /// Whether a leaving instance may still be kept waiting: leave patience, never beyond the hook's own end.
    pub fn may_still_leave_later(&self, id: &InstanceId) -> bool {
        let since = self.ledger.since(&ConditionKey::TerminateWaiting(id.clone())).unwrap_or(self.now);
        let patient = self.now.since(since) < self.group.settings.leave_patience;
        patient && self.now < self.hook_end(id, false)
    }

    pub fn given_up(&self, id: &InstanceId) -> bool {
        self.ledger.conditions.contains_key(&ConditionKey::GivenUp(id.clone()))
    }

    /// A voter that was promoted and has not answered a linearizable read yet, and still might.
    pub fn silent_new_voter(&self) -> Option<MemberId> {
        let list = self.list()?;
        list.voters().map(|m| m.id).find(|member| {
            let Some(id) = self.ledger.instance_of(*member) else { return false };
            self.record(id).is_some_and(|r| !r.voted) && !self.gone(id) && !self.given_up(id)
        })
    }
}
