//! What the AWS services have in common: how their clients are set up, and how a failed call is classed.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_autoscaling::config::http::HttpResponse;
use aws_sdk_autoscaling::config::retry::RetryConfig;
use aws_sdk_autoscaling::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

/// A call with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// One attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// An invocation looks again within seconds: the clients' own retries only bridge a blip.
const ATTEMPTS: u32 = 2;

/// Region, credentials and endpoints as Lambda's environment gives them, with timeouts inside an invocation's own.
pub async fn aws_configuration() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(OPERATION_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(100))
        .with_max_backoff(Duration::from_secs(1));
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(retries)
        .load()
        .await
}

/// A call to an AWS service that failed, classed by whether it may have been done.
#[derive(Debug, Error)]
pub enum AwsFailure {
    /// It never reached the service.
    #[error("{call} was not sent")]
    NotSent {
        /// The call.
        call: &'static str,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The service refused it.
    #[error("{call} was refused: {code}: {message}")]
    Refused {
        /// The call.
        call: &'static str,
        /// The service's error code.
        code: String,
        /// The service's message.
        message: String,
        /// The same call may succeed a moment later.
        again: bool,
    },
    /// Nobody knows whether it was done.
    #[error("{call} was not answered")]
    Unanswered {
        /// The call.
        call: &'static str,
        /// What happened instead.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl AwsFailure {
    /// Whether the same call may succeed a moment later.
    pub fn retryable(&self) -> bool {
        match self {
            AwsFailure::NotSent { .. } | AwsFailure::Unanswered { .. } => true,
            AwsFailure::Refused { again, .. } => *again,
        }
    }

    /// The service's error code, where it answered with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            AwsFailure::Refused { code, .. } => Some(code),
            AwsFailure::NotSent { .. } | AwsFailure::Unanswered { .. } => None,
        }
    }

    pub(super) fn of<E>(call: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match &error {
            SdkError::ConstructionFailure(_) => AwsFailure::NotSent { call, source: error.into() },
            SdkError::DispatchFailure(failure) if failure.is_user() || refused_connection(&error) => {
                AwsFailure::NotSent { call, source: error.into() }
            }
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let code = answer.err().code().unwrap_or("no error code").to_owned();
                let message = answer.err().message().unwrap_or("no message").to_owned();
                let again = passes(&code);
                if status >= 500 && !again {
                    AwsFailure::Unanswered { call, source: error.into() }
                } else {
                    AwsFailure::Refused { call, code, message, again }
                }
            }
            _ => AwsFailure::Unanswered { call, source: error.into() },
        }
    }
}

/// Codes that say of themselves that nothing was done and that the call may be repeated.
fn passes(code: &str) -> bool {
    const PASSING: [&str; 11] = [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequestsException",
        "TooManyUpdates",
        "ResourceContention",
        "ResourceContentionFault",
        "ServiceUnavailable",
        "RequestThrottledException",
    ];
    PASSING.contains(&code)
}

fn refused_connection(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        next = error.source();
    }
    false
}

/// An error and all that caused it, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_causes_is_kept() {
        let cause = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let failure = AwsFailure::NotSent { call: "PutParameter", source: Box::new(cause) };
        assert_eq!(chain(&failure), "PutParameter was not sent: connection refused");
        assert!(refused_connection(&failure));
    }
}
