//! What an instance may do in the ledgers' bucket: write its own report, and nothing else (`examples/cluster.yaml`).
//!
//! The policy names the report by `aws:userid`, which is `role-id:ec2-instance-id` for the role of an instance (IAM user
//! guide, "IAM policy elements: Variables and tags", the table of principal key values).

use axum::body::Body;
use hyper::http::request::Parts as Head;
use hyper::{Method, Response};

use crate::model::faults::Caller;
use crate::model::site::ROLE_ID;
use crate::wire::ApiError;

/// Whether the caller may make this call on a key of the ledgers' bucket.
pub fn allowed(head: &Head, key: &str, caller: &Caller) -> bool {
    let Caller::Instance(instance) = caller else { return true };
    let parts: Vec<&str> = key.split('/').collect();
    let own = format!("{ROLE_ID}:{instance}");
    head.method == Method::PUT
        && matches!(parts[..], ["reports", cluster, name] if !cluster.is_empty() && name == own)
}

/// S3's answer to a call that no policy allows (S3 API reference, "Error responses").
pub fn denied(request_id: &str) -> Response<Body> {
    let message = "Access Denied".to_owned();
    ApiError { status: 403, code: "AccessDenied".into(), message }.into_answer("s3", request_id)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(method: Method) -> Head {
        let mut request = Request::new(());
        *request.method_mut() = method;
        request.into_parts().0
    }

    #[test]
    fn an_instance_writes_its_own_report_and_nothing_else() {
        let caller = Caller::Instance("i-1234abcd".to_owned());
        let own = format!("reports/main/{ROLE_ID}:i-1234abcd");
        assert!(allowed(&head(Method::PUT), &own, &caller));
        assert!(!allowed(&head(Method::GET), &own, &caller));
        assert!(!allowed(&head(Method::DELETE), &own, &caller));
        for key in [
            format!("reports/main/{ROLE_ID}:i-1234abce"),
            format!("reports/main/deeper/{ROLE_ID}:i-1234abcd"),
            "reports/main/i-1234abcd".to_owned(),
            "ledgers/main/ledger.json".to_owned(),
        ] {
            assert!(!allowed(&head(Method::PUT), &key, &caller), "{key}");
        }
        assert!(allowed(&head(Method::PUT), "ledgers/main/ledger.json", &Caller::Outside));
    }
}
