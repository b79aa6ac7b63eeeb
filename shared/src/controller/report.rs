//! What an invocation answers.

use std::collections::BTreeSet;

use membership::decision::Decision;
use membership::ids::ClusterName;
use serde::Serialize;

/// What an invocation came to on one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing is left to do, or the event's own instance is done.
    Settled {
        /// The cluster.
        cluster: ClusterName,
        /// Why nothing is done about something.
        notes: Vec<String>,
    },
    /// The time is up, or an operator is waited for; the next scheduled run goes on.
    Waiting {
        /// The cluster.
        cluster: ClusterName,
        /// On what.
        notes: Vec<String>,
    },
    /// Not ours, or nothing to do.
    Ignored {
        /// Why.
        reason: String,
    },
    /// Wrong input that no retry can help.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Not ours, or nothing to do.
    pub fn ignored(reason: String) -> Self {
        tracing::info!(outcome = "ignored", reason);
        Self::Ignored { reason }
    }

    /// Wrong input: one ERROR line and a successful answer, because a retry can never help.
    pub fn refused(reason: String) -> Self {
        tracing::error!(outcome = "refused", reason);
        Self::Refused { reason }
    }
}

/// The notes of the round before: each is logged when it appears.
#[derive(Debug, Default)]
pub struct Notes(BTreeSet<String>);

impl Notes {
    /// Logs what is new, and remembers. Whether anything has changed.
    pub fn tell(&mut self, cluster: &ClusterName, decision: &Decision) -> bool {
        let notes: BTreeSet<String> = decision.notes.iter().map(ToString::to_string).collect();
        for note in notes.difference(&self.0) {
            tracing::info!(%cluster, note);
        }
        let changed = notes != self.0;
        self.0 = notes;
        changed
    }

    /// The present notes.
    pub fn list(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}
