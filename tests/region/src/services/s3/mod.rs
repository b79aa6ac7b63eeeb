//! S3: the crates s3s and s3s-fs. The region adds atomic conditional writes and keeps every body that was
//! written.

mod conditional;
mod rights;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hyper::http::request::Parts as Head;
use hyper::{Method, Request, Response, StatusCode};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::sync::RwLock;

use crate::model::faults::Caller;
use crate::model::site::{SECRET_ACCESS_KEY, Site};
use crate::wire::ApiError;
use conditional::Condition;
use versions::Versions;
pub use versions::Written;

/// The buckets and objects of the region. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    site: Site,
    service: S3Service,
    root: PathBuf,
    /// Locked for each call: s3s-fs checks a condition and writes in two steps, and stores a body and its
    /// ETag in two files.
    order: Arc<RwLock<()>>,
    versions: Versions,
}

/// The same secret for every access key: without a secret s3s refuses signed requests.
struct OneSecret;

#[async_trait::async_trait]
impl S3Auth for OneSecret {
    async fn get_secret_key(&self, _access_key: &str) -> s3s::S3Result<SecretKey> {
        Ok(SecretKey::from(SECRET_ACCESS_KEY))
    }
}

impl Storage {
    /// Storage below the region's state directory, with the ledgers' bucket in it.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(site: &Site) -> anyhow::Result<Self> {
        let root = site.state_dir.join("s3");
        std::fs::create_dir_all(root.join(&site.options.bucket))?;
        let files = FileSystem::new(&root).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(OneSecret);
        let service = builder.build();
        Ok(Self { site: site.clone(), service, root, order: Arc::default(), versions: Versions::default() })
    }

    /// Performs one call; calls that write run one after the other.
    pub async fn call(&self, head: Head, body: Bytes, caller: &Caller, request_id: &str) -> Response<Body> {
        let (bucket, key) = bucket_and_key(&head);
        if !key.is_empty() && !self.root.join(&bucket).is_dir() {
            return conditional::no_such_bucket(request_id);
        }
        if bucket == self.site.options.bucket && !rights::allowed(&head, &key, caller) {
            return rights::denied(request_id);
        }
        if matches!(head.method, Method::GET | Method::HEAD) {
            let _shared = self.order.read().await;
            return self.forward(head, body, request_id).await;
        }
        let contended = self.order.try_write().is_err();
        let _alone = self.order.write().await;
        let written =
            head.method == Method::PUT && !key.is_empty() && head.uri.query().is_none_or(is_plain_put);
        let condition = Condition::of(&head, &bucket, &key);
        if condition.needs_object() && !self.root.join(&bucket).join(&key).is_file() {
            return conditional::no_such_key(request_id);
        }
        let answer = self.forward(head, body, request_id).await;
        if answer.status() == StatusCode::PRECONDITION_FAILED && contended && self.loses_as_conflict() {
            return conditional::conflict(request_id);
        }
        if written && answer.status().is_success() {
            self.remember(&bucket, &key, caller).await;
        }
        answer
    }

    /// Looks at the bodies that were written under a key, in order.
    pub fn look<T>(&self, key: &str, look: impl FnOnce(&[Written]) -> T) -> T {
        self.versions.look(&self.site.options.bucket, key, look)
    }

    /// The keys of the ledgers' bucket that were ever written.
    pub fn keys(&self) -> Vec<String> {
        self.versions.keys(&self.site.options.bucket)
    }

    /// Whether the loser of a race gets 409 instead of 412; S3 answers with either.
    fn loses_as_conflict(&self) -> bool {
        self.site.options.hostile && self.site.chance(0.5)
    }

    async fn forward(&self, head: Head, body: Bytes, request_id: &str) -> Response<Body> {
        let request = Request::from_parts(head, s3s::Body::from(body));
        match self.service.call(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(error) => {
                ApiError { status: 500, code: "InternalError".into(), message: format!("{error:?}") }
                    .into_answer("s3", request_id)
            }
        }
    }

    async fn remember(&self, bucket: &str, key: &str, caller: &Caller) {
        // The request's body may be chunked and signed; the stored file has the content alone.
        match tokio::fs::read(self.root.join(bucket).join(key)).await {
            Ok(body) => {
                let number = self.versions.add(bucket, key, &body, caller);
                self.site.timeline.note(
                    "s3",
                    key,
                    format!("version {number} written by {}", versions::name(caller)),
                );
            }
            Err(error) => tracing::error!(%error, key, "an object that was just written cannot be read"),
        }
    }
}

/// Whether a PUT writes an object's content, and not its tags, its access list or a part.
fn is_plain_put(query: &str) -> bool {
    !query.split('&').any(|part| {
        let name = part.split('=').next().unwrap_or_default();
        matches!(name, "uploadId" | "partNumber" | "tagging" | "acl" | "retention" | "legal-hold")
    })
}

fn bucket_and_key(head: &Head) -> (String, String) {
    let path = decoded(head.uri.path().trim_start_matches('/'));
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    (bucket.to_owned(), key.to_owned())
}

fn decoded(path: &str) -> String {
    let form = format!("={}", path.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, path)| path.into_owned()).unwrap_or_default()
}

/// The key that a call is about, without its bucket.
pub fn key(head: &Head) -> String {
    bucket_and_key(head).1
}

/// The operation's name, for faults and counts.
pub fn operation(head: &Head) -> &'static str {
    let (bucket, key) = bucket_and_key(head);
    match (&head.method, bucket.is_empty(), key.is_empty()) {
        (&Method::GET, true, _) => "ListBuckets",
        (&Method::GET, _, true) => "ListObjectsV2",
        (&Method::GET, ..) => "GetObject",
        (&Method::HEAD, _, true) => "HeadBucket",
        (&Method::HEAD, ..) => "HeadObject",
        (&Method::PUT, _, true) => "CreateBucket",
        (&Method::PUT, ..) => "PutObject",
        (&Method::DELETE, _, true) => "DeleteBucket",
        (&Method::DELETE, ..) => "DeleteObject",
        _ => "Post",
    }
}
