//! How fast joins are tried while they fail in a row.
//!
//! A fault of the template, the image or a setting fails each joiner in the same way. Without a pause, the group
//! launches machines for ever at the pace of the join patience, and each of them costs calls that its neighbours
//! need. A pause never ends for good: whatever kept the joiners away may end unseen, so one try always goes.

use std::time::Duration;

use super::View;
use crate::decision::{Refusal, Wait};
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::Instance;
use crate::ledger::{Failures, Origin, Phase};

/// So many failures of one kind in a row are no bad luck.
const SAME: u32 = 3;
/// So many failures in a row are no bad luck, even of different kinds.
const ANY: u32 = 6;
/// The pause after the third failure. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// The longest pause where the loss of one more voter would cost the quorum.
const PAUSE_AT_RISK: Duration = Duration::from_secs(120);

impl<'a> View<'a> {
    /// The failures, where they are so many in a row that the next try needs another template, image or setting.
    fn looping(&self) -> Option<&'a Failures> {
        self.ledger.failures.as_ref().filter(|f| f.same >= SAME || f.row >= ANY)
    }

    /// The last words of this instance's host, quoted.
    pub fn said(&self, id: &InstanceId) -> Option<String> {
        self.obs.reports.get(id).map(ToString::to_string)
    }

    /// What an instance was launched from, and the settings of now.
    pub fn origin(&self, instance: Option<&Instance>) -> Origin {
        let launch = instance.map(|i| i.origin.clone()).unwrap_or_default();
        Origin { launch, settings: self.group.settings.of_a_joiner() }
    }

    /// Whether an instance of this origin has failed already.
    fn tried(&self, failures: &Failures, instance: &Instance) -> bool {
        let origin = self.origin(Some(instance));
        failures.origins.iter().any(|o| origin.matches(o))
    }

    /// The refusal of the whole cluster, while joins fail in a row and nothing that an operator can change has
    /// changed since.
    pub fn joins_fail(&self) -> Option<Refusal> {
        let failures = self.looping()?;
        let settings = self.group.settings.of_a_joiner();
        let changed = failures.origins.iter().all(|o| o.settings != settings)
            || self.staying().any(|i| i.state().launches() && !self.tried(failures, i));
        (!changed).then(|| Refusal::JoinsFail {
            row: failures.row,
            cause: failures.cause,
            said: failures.said.clone(),
        })
    }

    /// What this instance waits for before it may be tried, if the tries are paced and its pause is not over.
    pub fn pause(&self, instance: &Instance) -> Option<Wait> {
        let failures = self.looping().filter(|f| self.tried(f, instance))?;
        let pause = self.pause_after(failures);
        let until = failures.last.plus(pause);
        (self.now < until).then_some(Wait::Pause { failures: failures.row, pause, until })
    }

    /// Whether this instance may be tried now.
    pub fn may_try(&self, instance: &Instance) -> bool {
        self.allows(Guard::PausedAfterFailures, self.pause(instance).is_none())
    }

    fn pause_after(&self, failures: &Failures) -> Duration {
        let doubled = failures.row.saturating_sub(SAME).min(8);
        let longest = if self.at_risk() { PAUSE_AT_RISK } else { LONGEST_PAUSE };
        (FIRST_PAUSE * 2u32.pow(doubled)).min(longest)
    }

    /// Whether the loss of one more voter would cost the quorum of a cluster that has formed.
    fn at_risk(&self) -> bool {
        let electorate = self.electorate();
        self.phase() == Phase::Formed && !electorate.voters.iter().all(|m| electorate.may_lose(*m))
    }
}
