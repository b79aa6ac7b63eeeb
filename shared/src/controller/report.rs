//! What an invocation answers and logs.

use std::{fmt, mem};

use membership::codes;
use membership::decision::{Coded, Decision, Graded, Note, Severity};
use membership::ids::{ClusterName, InstanceId};
use membership::settings::tags::CLUSTER_TAG;
use serde::Serialize;
use thiserror::Error;

use crate::telemetry::log_at;

/// What an invocation came to on one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing is left to do, or the event's own instance is done.
    Settled {
        /// The cluster's name.
        cluster: ClusterName,
        /// What is waited for and what is refused, all the same.
        notes: Vec<Note>,
    },
    /// The time is up, or an operator is waited for. The next scheduled run goes on.
    Waiting {
        /// The cluster's name.
        cluster: ClusterName,
        /// What is waited for and what is refused.
        notes: Vec<Note>,
    },
    /// The event is not about a cluster of etcd-asg, or nothing is to be done.
    Ignored {
        /// The code of the reason.
        code: &'static str,
        /// Why, in a sentence.
        reason: String,
    },
    /// The event or the group's tags are wrong. No retry can help.
    Refused {
        /// The code of the reason.
        code: &'static str,
        /// What is wrong, in a sentence.
        reason: String,
    },
}

/// Why an event is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Ignored {
    /// The event's group does not exist any more.
    #[error("there is no group {0}")]
    NoSuchGroup(String),
    /// The event's group is not managed by etcd-asg.
    #[error("the group {0} has no tag {CLUSTER_TAG}")]
    NotTagged(String),
    /// An event is about a machine that no group launched.
    #[error("{0} belongs to no Auto Scaling group")]
    NoGroup(InstanceId),
    /// The group's instances are in a VPC that this deployment does not serve.
    #[error("the group {group} is in {vpc}, and this deployment serves {served}")]
    OtherVpc {
        /// The group's name.
        group: String,
        /// The VPC of the group's instances.
        vpc: String,
        /// The VPC that the deployment serves.
        served: String,
    },
    /// Auto Scaling tests the target of a hook.
    #[error("it is a test notification")]
    TestNotification,
}

codes!(Ignored {
    Ignored::NoSuchGroup(_) => "no-such-group",
    Ignored::NotTagged(_) => "group-not-tagged",
    Ignored::NoGroup(_) => "machine-without-group",
    Ignored::OtherVpc { .. } => "group-in-other-vpc",
    Ignored::TestNotification => "test-notification",
});

/// What is wrong with an operator's call or with a group's tags, where no cluster can be looked at.
#[derive(Debug, Error)]
pub enum WrongInput {
    /// A manual invocation names a cluster that no group has.
    #[error("no group has the tag {CLUSTER_TAG} with the value {0}")]
    NoSuchCluster(ClusterName),
    /// A hook that says etcd-asg waits in a group that is not managed.
    #[error(
        "the lifecycle hook of {instance} says etcd-asg, and its group {group} has no tag {CLUSTER_TAG}: nobody completes the hook; add the tag, or take etcd-asg out of the hook's notification metadata"
    )]
    HookWithoutTag {
        /// The group's name.
        group: String,
        /// The EC2 instance ID.
        instance: InstanceId,
    },
}

codes!(WrongInput {
    WrongInput::NoSuchCluster(_) => "no-such-cluster",
    WrongInput::HookWithoutTag { .. } => "hook-without-tag",
});

/// A manual invocation with a wrong name is no failure of the deployment: whoever made it reads the answer.
impl Graded for WrongInput {
    fn severity(&self) -> Severity {
        match self {
            WrongInput::NoSuchCluster(_) => Severity::Warn,
            WrongInput::HookWithoutTag { .. } => Severity::Error,
        }
    }
}

impl Outcome {
    /// The event is ignored. One INFO line says why.
    pub fn ignored(why: &Ignored) -> Self {
        let (code, reason) = (why.code(), why.to_string());
        tracing::info!(outcome = "ignored", code, reason);
        Self::Ignored { code, reason }
    }

    /// The input is wrong. One line at the error's own level says what, and the invocation succeeds, because a retry
    /// can never help.
    pub fn refused<E: Coded + Graded + fmt::Display>(error: &E) -> Self {
        let (code, reason) = (error.code(), error.to_string());
        log_at!(error.severity(), outcome = "refused", code, reason);
        Self::Refused { code, reason }
    }

    pub(super) fn settled(cluster: ClusterName, notes: &Notes) -> Self {
        tracing::info!(%cluster, outcome = "settled", notes = notes.codes());
        Self::Settled { cluster, notes: notes.last.clone() }
    }

    pub(super) fn waiting(cluster: ClusterName, notes: &Notes) -> Self {
        tracing::info!(%cluster, outcome = "waiting", notes = notes.codes());
        Self::Waiting { cluster, notes: notes.last.clone() }
    }
}

/// The notes of the last look. Each note is logged when it appears, at its own level, so each invocation says
/// what stands at least once.
#[derive(Debug, Default)]
pub struct Notes {
    last: Vec<Note>,
    /// What the last look that saw everything told, without its words.
    kinds: Vec<(String, &'static str)>,
}

impl Notes {
    /// Takes the notes of this decision and logs the new ones. Returns whether a note has come or gone. A note whose
    /// words alone differ, such as a number that grows, is no news. Neither is what a look tells that did not see
    /// everything: where a service throttles, whoever hurries after each refusal is throttled all the more.
    pub fn tell(&mut self, cluster: &ClusterName, decision: &Decision, saw_everything: bool) -> bool {
        let mut notes: Vec<Note> = Vec::new();
        for note in &decision.notes {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        for note in notes.iter().filter(|note| !self.last.contains(note)) {
            let (about, verdict, code) = (&note.about, note.verdict.name(), note.verdict.code());
            log_at!(note.verdict.severity(), %cluster, %about, verdict, code, note = %note.verdict);
        }
        self.last = notes;
        if !saw_everything {
            return false;
        }
        let kinds = self.last.iter().map(|n| (n.about.to_string(), n.verdict.code())).collect();
        mem::replace(&mut self.kinds, kinds) != self.kinds
    }

    fn codes(&self) -> String {
        let each: Vec<String> =
            self.last.iter().map(|n| format!("{}: {}", n.about, n.verdict.code())).collect();
        each.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use membership::decision::{Subject, Verdict, Wait};

    use super::*;

    #[test]
    fn a_note_is_news_when_it_comes_and_when_it_goes() {
        let note = |wait| Note { about: Subject::Cluster, verdict: Verdict::Waiting(wait) };
        let with = |notes| Decision { notes, ..Decision::default() };
        let (cluster, mut notes) = ("c".into(), Notes::default());
        assert!(!notes.tell(&cluster, &with(vec![]), true));
        assert!(notes.tell(&cluster, &with(vec![note(Wait::List), note(Wait::List)]), true));
        assert_eq!(notes.codes(), "cluster: no-member-list");
        assert!(!notes.tell(&cluster, &with(vec![note(Wait::List)]), true));
        let seen = |why: &str| note(Wait::LedgerNotSeen(why.to_owned()));
        assert!(notes.tell(&cluster, &with(vec![seen("after 1 s")]), true));
        assert!(!notes.tell(&cluster, &with(vec![seen("after 2 s")]), true), "only its words differ");
        assert!(notes.tell(&cluster, &with(vec![note(Wait::List)]), true));
        assert!(notes.tell(&cluster, &with(vec![note(Wait::Formation)]), true));
        assert!(!notes.tell(&cluster, &with(vec![seen("throttled")]), false), "it did not see everything");
        assert!(!notes.tell(&cluster, &with(vec![note(Wait::Formation)]), true), "nothing has changed since");
        assert!(notes.tell(&cluster, &with(vec![]), true));
    }

    #[test]
    fn a_refusal_is_answered_with_its_code() {
        let answer = serde_json::to_value(Outcome::ignored(&Ignored::TestNotification)).unwrap();
        let expected = serde_json::json!({
            "outcome": "ignored", "code": "test-notification", "reason": "it is a test notification"
        });
        assert_eq!(answer, expected);
    }
}
