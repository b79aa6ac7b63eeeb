//! How a call to etcd can fail, and what is known of the call then.

use membership::codes;
use membership::invocation::Retry;
use thiserror::Error;

use super::message::{Meaning, Operation, meaning};
use crate::adapters::Ended;

/// A call to etcd that failed. `url` is the client URL of the member that was asked.
#[derive(Debug, Error)]
pub enum EtcdError {
    /// There was no connection, or the URL is no URL: the request was certainly not sent.
    #[error("{url} was not reached")]
    NotSent {
        /// The member's client URL.
        url: String,
        /// What stood in the way.
        source: reqwest::Error,
    },
    /// etcd refused the request. It was certainly not done.
    #[error("{url} refused: {message}")]
    Refused {
        /// The member's client URL.
        url: String,
        /// etcd's words.
        message: String,
        /// Whether the same call may succeed when it is made again.
        retry: Retry,
    },
    /// What was asked for is true already: the member that is to be removed is not listed, or the learner that is to
    /// be promoted votes.
    #[error("{url} says that it is done already: {message}")]
    AlreadyDone {
        /// The member's client URL.
        url: String,
        /// etcd's words.
        message: String,
    },
    /// etcd answered that it could not finish. A change may still be made.
    #[error("{url} did not finish: {message}")]
    Unfinished {
        /// The member's client URL.
        url: String,
        /// etcd's words.
        message: String,
    },
    /// The request was sent and no answer came. A change may still be made.
    #[error("{url} did not answer")]
    Unanswered {
        /// The member's client URL.
        url: String,
        /// A timeout, or a connection that broke.
        source: reqwest::Error,
    },
    /// The server is alive and wants a user, or a user with more rights.
    #[error("{url} wants a user: {message}")]
    AuthenticationNeeded {
        /// The member's client URL.
        url: String,
        /// etcd's words.
        message: String,
    },
    /// The answer is not an answer of etcd. A change may have been made.
    #[error("{url} gave an answer that is not etcd's: {what}")]
    Malformed {
        /// The member's client URL.
        url: String,
        /// What is wrong with the answer.
        what: String,
        /// The HTTP status, where the answer has none of etcd's words.
        status: Option<u16>,
        /// Where the JSON is wrong, if the JSON is what is wrong.
        source: Option<serde_json::Error>,
    },
    /// The certificates or the key cannot be used.
    #[error("the certificates for etcd cannot be used: give PEM files with certificates and a private key")]
    Tls(#[source] reqwest::Error),
}

codes!(EtcdError {
    EtcdError::NotSent { .. } => "etcd-not-reached",
    EtcdError::Refused { .. } => "etcd-refused",
    EtcdError::AlreadyDone { .. } => "etcd-already-done",
    EtcdError::Unfinished { .. } => "etcd-unfinished",
    EtcdError::Unanswered { .. } => "etcd-silent",
    EtcdError::AuthenticationNeeded { .. } => "etcd-wants-a-user",
    EtcdError::Malformed { .. } => "etcd-malformed",
    EtcdError::Tls(_) => "etcd-certificates",
});

impl EtcdError {
    /// What is known of the call. A change that etcd may have seen is unknown, also where the answer was not etcd's.
    pub fn ended(&self) -> Ended {
        match self {
            EtcdError::AlreadyDone { .. } => Ended::Done,
            EtcdError::NotSent { .. } => Ended::NotDone(Retry::Soon),
            EtcdError::Refused { retry, .. } => Ended::NotDone(*retry),
            EtcdError::AuthenticationNeeded { .. } | EtcdError::Tls(_) => Ended::NotDone(Retry::Pointless),
            EtcdError::Unfinished { .. } | EtcdError::Unanswered { .. } | EtcdError::Malformed { .. } => {
                Ended::Unknown
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
            Meaning::Refused(retry) => Self::Refused { url, message, retry },
            Meaning::AuthenticationNeeded => Self::AuthenticationNeeded { url, message },
            Meaning::Unanswered => Self::Unfinished { url, message },
        }
    }

    pub(super) fn malformed(url: &str, what: &str, source: Option<serde_json::Error>) -> Self {
        Self::Malformed { url: url.to_owned(), what: what.to_owned(), status: None, source }
    }
}
