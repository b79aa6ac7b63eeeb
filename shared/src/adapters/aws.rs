//! What the AWS services have in common: how their clients are set up, and what is known of a call that failed.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_autoscaling::config::http::HttpResponse;
use aws_sdk_autoscaling::config::retry::RetryConfig;
use aws_sdk_autoscaling::error::{ProvideErrorMetadata, SdkError};
use membership::codes;
use membership::invocation::Retry;
use thiserror::Error;

use super::Ended;

/// How long a call may take with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// An invocation looks again within seconds, so the clients' own retries need to bridge only a moment.
const ATTEMPTS: u32 = 2;

/// Region, credentials and endpoints from Lambda's environment, and timeouts that fit into an invocation.
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

/// A call to an AWS service that failed.
#[derive(Debug, Error)]
pub enum AwsFailure {
    /// The call never reached the service.
    #[error("{call} was not sent")]
    NotSent {
        /// The call.
        call: &'static str,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The service refused the call.
    #[error("{call} was refused: {service_code}: {message}{}", cure(.service_code))]
    Refused {
        /// The call.
        call: &'static str,
        /// The service's error code.
        service_code: String,
        /// The service's message.
        message: String,
        /// Whether the same call may succeed when it is made again.
        retry: Retry,
    },
    /// It is not known whether the call was done.
    #[error("{call} was not answered")]
    Unanswered {
        /// The call.
        call: &'static str,
        /// What happened instead of an answer.
        source: Box<dyn Error + Send + Sync>,
    },
}

codes!(AwsFailure {
    AwsFailure::NotSent { .. } => "aws-not-sent",
    AwsFailure::Refused { .. } => "aws-refused",
    AwsFailure::Unanswered { .. } => "aws-unanswered",
});

impl AwsFailure {
    /// What is known of the call.
    pub fn ended(&self) -> Ended {
        match self {
            AwsFailure::NotSent { .. } => Ended::NotDone(Retry::Soon),
            AwsFailure::Refused { retry, .. } => Ended::NotDone(*retry),
            AwsFailure::Unanswered { .. } => Ended::Unknown,
        }
    }

    /// The service's error code, where the service answered with an error.
    pub(super) fn service_code(&self) -> Option<&str> {
        match self {
            AwsFailure::Refused { service_code, .. } => Some(service_code),
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
                let service_code = answer.err().code().unwrap_or("no error code").to_owned();
                let message = answer.err().message().unwrap_or("no message").to_owned();
                let retry = retry(&service_code);
                if status >= 500 && retry != Retry::Soon {
                    AwsFailure::Unanswered { call, source: error.into() }
                } else {
                    AwsFailure::Refused { call, service_code, message, retry }
                }
            }
            _ => AwsFailure::Unanswered { call, source: error.into() },
        }
    }
}

/// What an operator can do about this error code, as the end of a sentence. Empty where AWS's own message says it.
fn cure(service_code: &str) -> &'static str {
    match service_code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AuthFailure" => {
            "; allow it in the functions' role, and look for what denies it elsewhere: a permissions boundary, a policy of the organization or of a VPC endpoint"
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "RequestExpired" => {
            "; the credentials or the clock of the functions are wrong: check the role, and that no fixed credentials are set"
        }
        // AWS Systems Manager API reference, PutParameter: errors.
        "HierarchyTypeMismatchException" => {
            "; somebody created the parameter with another type, and AWS never changes a type: delete that parameter, and the functions create it as it has to be"
        }
        "UnsupportedParameterType"
        | "ParameterPatternMismatchException"
        | "InvalidAllowedPatternException" => {
            "; somebody created the parameter with demands on its value: delete that parameter, and the functions create it as it has to be"
        }
        "ParameterMaxVersionLimitExceeded" => {
            "; a label holds the parameter's oldest version: move or delete the label"
        }
        "ParameterLimitExceeded" => {
            "; the account has no room for another parameter in this region: delete what is not needed, or ask AWS for a higher quota"
        }
        _ => "",
    }
}

/// What another try of a call is worth that was refused with this error code.
fn retry(service_code: &str) -> Retry {
    match service_code {
        _ if is_passing(service_code) => Retry::Soon,
        // Auto Scaling says so of a group, an instance or an action that is not there any more. The next look tells.
        "ValidationError" => Retry::Pointless,
        _ => Retry::OnceMended,
    }
}

/// Whether AWS documents of this error code that nothing was done and that the call may be repeated. A listing whose
/// token has become invalid begins anew.
fn is_passing(service_code: &str) -> bool {
    const PASSING: [&str; 12] = [
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
        "InvalidNextToken",
    ];
    PASSING.contains(&service_code)
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

/// An error and its causes, in one line.
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
    fn what_is_not_there_any_more_needs_no_operator() {
        assert_eq!(retry("ThrottlingException"), Retry::Soon);
        assert_eq!(retry("InvalidNextToken"), Retry::Soon);
        assert_eq!(retry("ValidationError"), Retry::Pointless);
        for code in
            ["AccessDenied", "HierarchyTypeMismatchException", "ParameterLimitExceeded", "a code of tomorrow"]
        {
            assert_eq!(retry(code), Retry::OnceMended, "{code}");
        }
    }

    #[test]
    fn the_chain_of_causes_is_kept() {
        let cause = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let failure = AwsFailure::NotSent { call: "PutParameter", source: Box::new(cause) };
        assert_eq!(chain(&failure), "PutParameter was not sent: connection refused");
        assert!(refused_connection(&failure));
    }
}
