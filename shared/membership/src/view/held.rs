//! What the operator means by a group that wants no instance.

use super::View;
use crate::guard::Guard;
use crate::ids::{InstanceId, Timestamp};
use crate::instance::{Instance, Transition};
use crate::ledger::{ConditionKey, Phase, Source};
use crate::observation::end_word;

impl View<'_> {
    /// What the tag `etcd-asg:end` has to say for this generation to end.
    pub fn end_word(&self) -> String {
        end_word(self.ledger.generation.number)
    }

    /// Whether the operator ends this formed generation with its data. Maximum size 0 alone is an everyday thing: a
    /// schedule for the night, a stack that replaces its group. So the tag has to name this very generation, too.
    pub fn ends(&self) -> bool {
        let meant = self.group.end.as_ref() == Some(&self.end_word());
        self.allows(Guard::EndsOnlyAtMaxZero, self.group.max == 0) && self.allows(Guard::EndIsMeant, meant)
    }

    /// Whether the group wants no instance of a cluster that has data, and the operator does not end it.
    pub fn held(&self) -> bool {
        let empty = self.phase() == Phase::Formed && self.group.desired == 0;
        empty && !self.ends() && self.enforces(Guard::VotersHeld)
    }

    /// Whether the group wanted no instance a while ago, and voters of then are still leaving.
    pub fn was_held(&self) -> bool {
        self.holds(&ConditionKey::Held)
    }

    /// Whether the instance may run a voter. Where nobody tells, each instance that may ever have been a member
    /// counts.
    pub fn may_vote(&self, instance: &Instance) -> bool {
        if self.list().is_some() {
            return self.voter(&instance.id).is_some() || self.unowned_voter(instance).is_some();
        }
        let adopted = self.ledger.generation.source == Source::Adopted;
        self.record(&instance.id).is_some() || adopted
    }

    /// When a termination that waits is over for AWS, whatever is done about it.
    pub fn termination_ends(&self, id: &InstanceId) -> Timestamp {
        self.hook_end(id, Transition::Terminate).plus(super::HOOK_MARGIN)
    }
}
