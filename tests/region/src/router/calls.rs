//! One signed call: through the gate, to its service, and back.

use axum::body::Body;
use bytes::Bytes;
use hyper::Response;
use hyper::http::request::Parts as Head;
use serde_json::Value;

use crate::model::faults::{Call as Passing, Caller, Fate, Verdict};
use crate::services::gate::Faults;
use crate::services::parts::Parts;
use crate::services::{autoscaling, ec2, s3, ssm};
use crate::wire::{self, ApiError, Params, Signature};

/// Why a connection is dropped without an answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// A fault dropped the answer, or the region is ending.
    #[error("the connection is dropped without an answer")]
    Dropped,
    /// The request's body could not be read.
    #[error("the request's body could not be read")]
    Body(#[from] axum::Error),
}

/// A call as it was received.
pub struct Call {
    pub parts: Parts,
    pub signature: Signature,
    pub head: Head,
    pub body: Bytes,
}

/// The service that a call is for, with the call's input.
enum Request {
    AutoScaling { action: String, params: Params },
    Ec2 { action: String, params: Params },
    Ssm { action: String, input: Value },
    S3 { operation: &'static str, key: String },
    Unknown(ApiError),
}

impl Call {
    /// Runs the call.
    ///
    /// # Errors
    /// Where the connection is to be dropped without an answer.
    pub async fn run(self) -> Result<Response<Body>, NoAnswer> {
        let caller = caller(&self.signature, &self.parts.faults);
        let request_id = self.parts.site.uuid();
        let request = self.request();
        let (operation, target) = (request.operation().to_owned(), request.target());
        let service = self.signature.service.clone();
        let body = self.body.clone();
        let passing = Passing {
            caller: &caller,
            service: &service,
            operation: &operation,
            target: &target,
            body: &body,
        };

        let (faults, timeline) = (self.parts.faults.clone(), self.parts.site.timeline.clone());
        let answer = match faults.before(&passing).await {
            Verdict::Proceed => self.perform(request, &caller, &request_id).await,
            Verdict::Fail { status, code, message } => {
                ApiError { status, code, message }.into_answer(&service, &request_id)
            }
            // Every call goes on without its caller, so only the wait is added.
            Verdict::Late(wait) => {
                tokio::time::sleep(wait).await;
                let answer = self.perform(request, &caller, &request_id).await;
                let told = format!("a late {operation} was answered {}", answer.status());
                timeline.note("fault", &target, told);
                answer
            }
            Verdict::Hang => std::future::pending().await,
        };
        match faults.after(&passing).await {
            Fate::Deliver => Ok(answer),
            Fate::LoseAnswer => Err(NoAnswer::Dropped),
        }
    }

    fn request(&self) -> Request {
        match self.signature.service.as_str() {
            "autoscaling" => {
                let params = Params::parse(&self.body);
                Request::AutoScaling { action: params.text("Action").unwrap_or_default().to_owned(), params }
            }
            "ec2" => {
                let params = Params::parse(&self.body);
                Request::Ec2 { action: params.text("Action").unwrap_or_default().to_owned(), params }
            }
            "ssm" => self.ssm(),
            "s3" => Request::S3 { operation: s3::operation(&self.head), key: s3::key(&self.head) },
            other => Request::Unknown(ApiError::bad_request(
                "InvalidAction",
                format!("the local region has no service {other}: it has autoscaling, ec2, ssm and s3"),
            )),
        }
    }

    fn ssm(&self) -> Request {
        let target = self.head.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        let action =
            target.and_then(|target| target.strip_prefix("AmazonSSM.")).unwrap_or_default().to_owned();
        match serde_json::from_slice(&self.body) {
            Ok(input) => Request::Ssm { action, input },
            Err(error) => {
                Request::Unknown(ApiError::bad_request("SerializationException", error.to_string()))
            }
        }
    }

    async fn perform(self, request: Request, caller: &Caller, request_id: &str) -> Response<Body> {
        let service = self.signature.service.clone();
        let parts = &self.parts;
        let result = match request {
            Request::AutoScaling { action, params } => autoscaling::call(&parts.world, &action, &params)
                .map(|result| wire::autoscaling(&action, request_id, &result)),
            Request::Ec2 { action, params } => ec2::call(&parts.world, &action, &params)
                .map(|result| wire::ec2(&action, request_id, &result)),
            Request::Ssm { action, input } => {
                parts.parameters.call(&action, &input).map(|result| wire::json(request_id, &result))
            }
            Request::S3 { .. } => return parts.storage.call(self.head, self.body, caller, request_id).await,
            Request::Unknown(error) => Err(error),
        };
        result.unwrap_or_else(|error| error.into_answer(&service, request_id))
    }
}

impl Request {
    fn operation(&self) -> &str {
        match self {
            Self::AutoScaling { action, .. } | Self::Ec2 { action, .. } | Self::Ssm { action, .. } => action,
            Self::S3 { operation, .. } => operation,
            Self::Unknown(_) => "unknown",
        }
    }

    /// The instance, parameter or key that the call is about; several names are joined by commas.
    fn target(&self) -> String {
        match self {
            Self::AutoScaling { params, .. } | Self::Ec2 { params, .. } => {
                let instances = [params.list("InstanceId"), params.list("InstanceIds")].concat();
                match (params.text("InstanceId"), params.text("AutoScalingGroupName")) {
                    (Some(instance), _) => instance.to_owned(),
                    (None, _) if !instances.is_empty() => instances.join(","),
                    (None, Some(group)) => group.to_owned(),
                    (None, None) => params.list("AutoScalingGroupNames").join(","),
                }
            }
            Self::Ssm { input, .. } => ssm::target(input),
            Self::S3 { key, .. } => key.clone(),
            Self::Unknown(_) => String::new(),
        }
    }
}

/// The caller that has this access key: a function's process, an instance, or a client outside.
fn caller(signature: &Signature, faults: &Faults) -> Caller {
    let key = &signature.access_key;
    if let Some(process) = key.strip_prefix("ASIAFN").and_then(|number| number.parse().ok())
        && let Some(name) = faults.function_of(process)
    {
        return Caller::Function { name, process };
    }
    match key.strip_prefix("ASIAI") {
        Some(suffix) => Caller::Instance(format!("i-{suffix}")),
        None => Caller::Outside,
    }
}
