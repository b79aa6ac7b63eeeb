//! Calls, and what faults do to them.

pub mod journal;
pub mod rules;
pub mod spec;

use std::time::Duration;

/// Who makes a call, known by its access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A function's process.
    Function {
        /// The function's name.
        name: String,
        /// The region's number of the process, as in its access key `ASIAFN{process}`.
        process: u64,
    },
    /// An instance, by its ID.
    Instance(String),
    /// Any other client, such as a test or the AWS CLI.
    Outside,
}

impl Caller {
    /// `function`, `instance` or `outside`, as in the faults' JSON and in the counts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Function { .. } => "function",
            Self::Instance(_) => "instance",
            Self::Outside => "outside",
        }
    }
}

/// One call under way.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who makes it.
    pub caller: &'a Caller,
    /// `autoscaling`, `ec2`, `ssm`, `s3` or `etcd`.
    pub service: &'a str,
    /// The API action; for etcd the path without `/v3/`, such as `cluster/member/add`.
    pub operation: &'a str,
    /// The instance, parameter, key or member address that it concerns; may be empty.
    pub target: &'a str,
    /// The request's body.
    pub body: &'a [u8],
}

impl Call<'_> {
    fn body_contains(&self, part: &str) -> bool {
        String::from_utf8_lossy(self.body).contains(part)
    }
}

/// What happens to a call before it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Proceed,
    /// It has no effect and is answered with this error, in the service's own format.
    Fail {
        /// HTTP status.
        status: u16,
        /// The service's error code (for etcd the gRPC code, a number).
        code: String,
        /// The error's text.
        message: String,
    },
    /// It goes on after this time, even if its caller has gone by then.
    Late(Duration),
    /// It has no effect and is never answered.
    Hang,
}

/// What happens to a call after it took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The answer is given.
    Deliver,
    /// The connection is dropped without an answer.
    LoseAnswer,
}
