//! How a call to etcd can fail, by what is known about the call afterwards.

use membership::ids::Timestamp;
use membership::invocation::Answer;
use thiserror::Error;

use super::message::{Meaning, Operation, meaning};
use crate::adapters::chain;

/// A call to etcd that failed. `url` is the client URL of the member that was asked.
#[derive(Debug, Error)]
pub enum EtcdError {
    /// No connection could be had, or there was no such URL: the request was certainly not sent.
    #[error("{url} was not reached")]
    NotSent {
        /// The member.
        url: String,
        /// What stood in the way.
        source: reqwest::Error,
    },
    /// Certainly not done.
    #[error("{url} refused: {message}")]
    Refused {
        /// The member.
        url: String,
        /// etcd's words.
        message: String,
        /// The same call may succeed within seconds.
        again: bool,
    },
    /// What was asked for is true already: the member to be removed is not listed, the learner to be promoted votes.
    #[error("{url} says that it is done already: {message}")]
    AlreadyDone {
        /// The member.
        url: String,
        /// etcd's words.
        message: String,
    },
    /// etcd answered that it could not finish; a change may still happen.
    #[error("{url} did not finish: {message}")]
    Unfinished {
        /// The member.
        url: String,
        /// etcd's words.
        message: String,
    },
    /// Sent, and no answer came; a change may still happen.
    #[error("{url} did not answer")]
    Unanswered {
        /// The member.
        url: String,
        /// A timeout, or a connection that broke.
        source: reqwest::Error,
    },
    /// It is alive and wants a user, or one with more rights.
    #[error("{url} wants a user: {message}")]
    AuthenticationNeeded {
        /// The member.
        url: String,
        /// etcd's words.
        message: String,
    },
    /// The answer is not one that etcd gives; a change may have been made.
    #[error("{url} gave an answer that is not etcd's: {what}")]
    Malformed {
        /// The member.
        url: String,
        /// What is wrong with it.
        what: String,
        /// Where the JSON is wrong, if it is the JSON.
        source: Option<serde_json::Error>,
    },
    /// The certificates or the key cannot be used.
    #[error("the certificates for etcd cannot be used: give PEM files with certificates and a private key")]
    Tls(#[source] reqwest::Error),
}

impl EtcdError {
    /// Whether the same call may succeed within seconds. Of a change, that is not leave to repeat it: see
    /// [`EtcdError::answer`].
    pub fn retryable(&self) -> bool {
        match self {
            EtcdError::NotSent { .. } | EtcdError::Unfinished { .. } | EtcdError::Unanswered { .. } => true,
            EtcdError::Refused { again, .. } => *again,
            EtcdError::AlreadyDone { .. }
            | EtcdError::AuthenticationNeeded { .. }
            | EtcdError::Malformed { .. }
            | EtcdError::Tls(_) => false,
        }
    }

    /// What the failure says about a change that was asked for under a claim. `deadline` is until when the request
    /// itself may live: the moment of sending, [`Timeouts::longest_change`](super::Timeouts::longest_change) and
    /// some slack for clocks.
    pub fn answer(&self, deadline: Timestamp) -> Answer {
        let why = chain(self);
        match self {
            EtcdError::AlreadyDone { .. } => Answer::Done,
            EtcdError::NotSent { .. } => Answer::Refused { why, again: true },
            EtcdError::Refused { again, .. } => Answer::Refused { why, again: *again },
            EtcdError::AuthenticationNeeded { .. } | EtcdError::Tls(_) => {
                Answer::Refused { why, again: false }
            }
            EtcdError::Unfinished { .. } | EtcdError::Unanswered { .. } | EtcdError::Malformed { .. } => {
                Answer::Unanswered { why, deadline }
            }
        }
    }

    pub(super) fn from_http(url: &str, error: reqwest::Error) -> Self {
        let url = url.to_owned();
        let unsent = error.is_connect() || error.is_builder();
        let source = error.without_url();
        if unsent { Self::NotSent { url, source } } else { Self::Unanswered { url, source } }
    }

    pub(super) fn from_words(url: &str, operation: Operation, message: String, code: Option<u32>) -> Self {
        let url = url.to_owned();
        match meaning(operation, &message, code) {
            Meaning::AlreadyDone => Self::AlreadyDone { url, message },
            Meaning::Refused { again } => Self::Refused { url, message, again },
            Meaning::AuthenticationNeeded => Self::AuthenticationNeeded { url, message },
            Meaning::Unanswered => Self::Unfinished { url, message },
        }
    }

    pub(super) fn malformed(url: &str, what: &str, source: Option<serde_json::Error>) -> Self {
        Self::Malformed { url: url.to_owned(), what: what.to_owned(), source }
    }
}
