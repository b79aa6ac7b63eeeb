//! How long something has lasted, and whether that is long enough to act.

use super::{HOOK_MARGIN, MISSES, View};
use crate::etcd::{Member, Probe};
use crate::guard::Guard;
use crate::ids::{InstanceId, Timestamp};
use crate::instance::{Instance, InstanceState, Transition};
use crate::ledger::ConditionKey;
use crate::observation::{Hook, LONGEST_WAIT};

impl View<'_> {
    /// When the instance's hook ends for good, counted from when the hook was first seen waiting, less a margin.
    pub fn hook_end(&self, id: &InstanceId, transition: Transition) -> Timestamp {
        let since = self.ledger.since(&ConditionKey::waiting(transition, id)).unwrap_or(self.now);
        let cap = self.group.hook(transition).map_or(LONGEST_WAIT, Hook::cap);
        since.plus(cap).minus(HOOK_MARGIN)
    }

    /// Whether a leaving instance may still be kept waiting: for the leave patience, and never beyond its hook's end.
    /// A voter that was held waits longer than its patience: nothing was launched for it meanwhile.
    pub fn may_still_leave_later(&self, id: &InstanceId) -> bool {
        let since = self.ledger.since(&ConditionKey::TerminateWaiting(id.clone())).unwrap_or(self.now);
        let patience = self.group.settings.leave_patience;
        let patient = self.now.since(since) < patience || self.was_held();
        patient && self.now < self.hook_end(id, Transition::Terminate)
    }

    /// Whether this voter was missed often enough in this invocation to speak of silence. One lost packet is no
    /// silence.
    pub fn missed(&self, member: &Member) -> bool {
        match self.probe(member) {
            Some(Probe::AuthenticationNeeded) => false,
            // Something answers there, so the voter may be fine: its peers reach it at another port. Whoever turns
            // TLS on for clients would otherwise have one voter after the other replaced. The instance is refused
            // for that reason, and left to the operator.
            Some(probe @ Probe::Unreadable { .. }) if probe.is_inscrutable() => {
                self.mutant(Guard::UnreadableIsKept)
            }
            Some(Probe::Silent { misses, .. } | Probe::Unreadable { misses, .. }) => {
                self.allows(Guard::MissedRepeatedly, *misses >= MISSES)
            }
            Some(Probe::Answered(_)) => !self.proven(member),
            None => true,
        }
    }

    /// Whether the instance's voter was unproven for the grace period.
    pub fn unproven_for_grace(&self, id: &InstanceId) -> bool {
        let key = ConditionKey::Unproven(id.clone());
        let grace = self.ledger.aged(&key, self.now, self.group.settings.unproven_grace);
        self.allows(Guard::UnprovenForGrace, grace)
    }

    /// Whether the instance's voter was unproven for the grace period and is silent now.
    pub fn long_silent(&self, id: &InstanceId, voter: &Member) -> bool {
        self.missed(voter) && self.unproven_for_grace(id)
    }

    /// The instance whose voter the rule `leave` removes as soon as the voter was missed often enough in this
    /// invocation. An add beside such a voter is refused by etcd. Trying it would use up the invocation, and the
    /// voter would never be missed often enough.
    pub fn overdue(&self) -> Option<InstanceId> {
        let goes =
            |i: &&Instance| i.state().leaves() || (i.state() == InstanceState::InService && !i.healthy);
        let silent = |i: &&Instance| {
            self.voter(&i.id).is_some_and(|m| {
                let unreadable = self.probe(m).is_some_and(Probe::is_inscrutable);
                !self.proven(m) && !unreadable && self.unproven_for_grace(&i.id)
            })
        };
        self.group.instances.iter().filter(goes).find(silent).map(|i| i.id.clone())
    }
}
