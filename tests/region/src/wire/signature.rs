//! The access key and the service of a call, from its SigV4 credential scope. Signatures are not checked
//! here.

use hyper::Request;

/// Who calls which service, according to a credential scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The access key.
    pub access_key: String,
    /// The service: `autoscaling`, `ec2`, `ssm`, `s3`, …
    pub service: String,
}

impl Signature {
    /// The signature of a request: from its header or, for a presigned request, from its query.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        if let Some(scope) = header.and_then(|value| value.split_once("Credential=")) {
            return Self::in_scope(scope.1.split([',', ' ']).next()?);
        }
        let query = request.uri().query()?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "X-Amz-Credential")
            .and_then(|(_, scope)| Self::in_scope(&scope))
    }

    fn in_scope(scope: &str) -> Option<Self> {
        let mut parts = scope.split('/');
        let access_key = parts.next()?.to_owned();
        let service = parts.nth(2)?.to_owned();
        (parts.next()? == "aws4_request").then_some(Self { access_key, service })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(header: &str, uri: &str) -> Request<()> {
        Request::builder().uri(uri).header("authorization", header).body(()).expect("a request")
    }

    #[test]
    fn reads_the_scope_of_a_signed_request() {
        let header = "AWS4-HMAC-SHA256 Credential=ASIAFN7/20261122/us-west-2/ssm/aws4_request, SignedHeaders=host, Signature=0";
        let expected = Signature { access_key: "ASIAFN7".into(), service: "ssm".into() };
        assert_eq!(Signature::of(&request(header, "/")), Some(expected));
    }

    #[test]
    fn a_bearer_token_is_not_a_signature() {
        assert_eq!(Signature::of(&request("Bearer x", "/")), None);
    }

    #[test]
    fn reads_the_scope_of_a_presigned_request() {
        let uri = "/b/k?X-Amz-Credential=AKIA%2F20261122%2Fus-west-2%2Fs3%2Faws4_request";
        let request = Request::builder().uri(uri).body(()).expect("a request");
        assert_eq!(Signature::of(&request).map(|signature| signature.service), Some("s3".to_owned()));
    }
}
