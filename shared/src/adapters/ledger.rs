//! The ledgers: one S3 object for each cluster, `{prefix}/{cluster}/ledger.json`, written only by compare-and-swap.

use std::sync::Arc;
use std::time::Duration;

use membership::codes;
use membership::ids::ClusterName;
use membership::invocation::{Retry, Written};
use membership::ledger::{Ledger, LedgerError};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig, UpdateVersion,
};
use thiserror::Error;

use crate::adapters::{Ended, chain};

/// How long a read or a write may take with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A read is repeated once for each of these pauses.
const READ_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// Where the ledgers are kept.
#[derive(Clone, Debug)]
pub struct LedgerStore {
    objects: Arc<dyn ObjectStore>,
    prefix: String,
}

/// The ETag of a ledger's object: what a compare-and-swap compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(UpdateVersion);

/// A ledger as it was read.
#[derive(Clone, Debug)]
pub struct StoredLedger {
    /// The ledger.
    pub ledger: Ledger,
    /// The ETag that [`LedgerStore::replace`] compares.
    pub etag: ETag,
}

/// What came of a write.
#[derive(Debug)]
pub enum Write {
    /// The ledger is written and has this ETag.
    Done(ETag),
    /// Another write came first, and nothing was written.
    Conflict,
    /// It is not known whether the ledger was written. The write may still land.
    Unclear(LedgerStoreError),
}

impl From<&Write> for Written {
    fn from(write: &Write) -> Self {
        match write {
            Write::Done(_) => Self::Yes,
            Write::Conflict | Write::Unclear(_) => Self::Unclear,
        }
    }
}

/// Why a ledger could not be read or written.
#[derive(Debug, Error)]
pub enum LedgerStoreError {
    /// The object store's settings cannot be used.
    #[error("the ledgers' bucket {bucket:?} cannot be used")]
    Settings {
        /// The bucket's name.
        bucket: String,
        /// What is wrong with the settings.
        source: object_store::Error,
    },
    /// The object is no ledger that this version can use.
    #[error("{key} cannot be used")]
    Unusable {
        /// The object's key.
        key: String,
        /// What is wrong with the object.
        source: LedgerError,
    },
    /// The function's role has no permission. S3 answers the same for an absent object where the role lacks
    /// `s3:ListBucket`.
    #[error("{key} is denied: the function's role needs s3:GetObject, s3:PutObject and s3:ListBucket for it")]
    Denied {
        /// The object's key.
        key: String,
        /// S3's answer.
        source: object_store::Error,
    },
    /// There is no such bucket, so nothing can be said about a ledger.
    #[error("{key} has no bucket: create the bucket, or set ETCD_ASG_BUCKET to the one that is there")]
    NoBucket {
        /// The object's key.
        key: String,
        /// S3's answer.
        source: object_store::Error,
    },
    /// The store did what was asked and gave no ETag. Without an ETag there is no compare-and-swap.
    #[error("{key} came without an ETag: the object store does not support conditional writes")]
    NoETag {
        /// The object's key.
        key: String,
    },
    /// The store did not answer in time.
    #[error("{key}: the object store gave no answer within {} s", CALL_TIMEOUT.as_secs())]
    TimedOut {
        /// The object's key.
        key: String,
    },
    /// The store was not reached, or it failed.
    #[error("{key}: the object store failed")]
    Failed {
        /// The object's key.
        key: String,
        /// What happened.
        source: object_store::Error,
    },
}

codes!(LedgerStoreError {
    LedgerStoreError::Settings { .. } => "ledger-bucket-unusable",
    LedgerStoreError::Unusable { .. } => "ledger-unusable",
    LedgerStoreError::Denied { .. } => "ledger-denied",
    LedgerStoreError::NoBucket { .. } => "ledger-no-bucket",
    LedgerStoreError::NoETag { .. } => "ledger-no-etag",
    LedgerStoreError::TimedOut { .. } => "ledger-timeout",
    LedgerStoreError::Failed { .. } => "ledger-store-failed",
});

impl LedgerStoreError {
    /// What is known of the call.
    pub fn ended(&self) -> Ended {
        match self {
            LedgerStoreError::TimedOut { .. } | LedgerStoreError::Failed { .. } => Ended::Unknown,
            LedgerStoreError::NoETag { .. } => Ended::Done,
            LedgerStoreError::Settings { .. }
            | LedgerStoreError::Unusable { .. }
            | LedgerStoreError::Denied { .. }
            | LedgerStoreError::NoBucket { .. } => Ended::NotDone(Retry::OnceMended),
        }
    }

    fn of(key: &Path, source: object_store::Error) -> Self {
        let key = key.to_string();
        match source {
            source @ (object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }) => Self::Denied { key, source },
            // An absent object and an absent bucket both have the status 404. Only S3's code tells them apart.
            source if chain(&source).contains("NoSuchBucket") => Self::NoBucket { key, source },
            source => Self::Failed { key, source },
        }
    }
}

impl LedgerStore {
    /// The bucket in S3. Region, credentials and endpoint are those of Lambda's environment (`AWS_REGION`,
    /// `AWS_ACCESS_KEY_ID`, …, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`).
    pub fn s3(bucket: &str, prefix: &str) -> Result<Self, LedgerStoreError> {
        Self::s3_with(AmazonS3Builder::from_env(), bucket, prefix)
    }

    /// The bucket in S3, with region, credentials and endpoint from elsewhere.
    ///
    /// The library's own retries are off: a write that is repeated after a lost answer conflicts with itself. Reads
    /// are repeated here.
    pub fn s3_with(
        environment: AmazonS3Builder,
        bucket: &str,
        prefix: &str,
    ) -> Result<Self, LedgerStoreError> {
        let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| environment.get_config_value(key));
        let options = ClientOptions::new()
            .with_allow_http(endpoint.is_some_and(|url| url.starts_with("http://")))
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(CALL_TIMEOUT);
        let objects = environment
            .with_bucket_name(bucket)
            .with_client_options(options)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .map_err(|source| LedgerStoreError::Settings { bucket: bucket.to_owned(), source })?;
        Ok(Self::new(Arc::new(objects), prefix))
    }

    /// Ledgers under this prefix of any object store that has conditional writes and does not repeat them.
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { objects, prefix: prefix.trim_matches('/').to_owned() }
    }

    /// The bucket itself, for what stands beside the ledgers.
    pub fn bucket(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// The ledger as it stands, strongly consistent; `None` when there is certainly none.
    pub async fn read(&self, cluster: &ClusterName) -> Result<Option<StoredLedger>, LedgerStoreError> {
        let key = self.key(cluster);
        let mut pauses = READ_PAUSES.into_iter();
        let attempts = async {
            loop {
                match (self.read_once(&key).await, pauses.next()) {
                    (Err(error), Some(pause)) if error.ended().read_again() => {
                        tokio::time::sleep(pause).await;
                    }
                    (outcome, _) => return outcome,
                }
            }
        };
        let in_time = tokio::time::timeout(CALL_TIMEOUT, attempts).await;
        in_time.unwrap_or_else(|_| Err(LedgerStoreError::TimedOut { key: key.to_string() }))
    }

    /// Writes the first ledger of a cluster, if there is still no ledger.
    pub async fn create(&self, cluster: &ClusterName, ledger: &Ledger) -> Result<Write, LedgerStoreError> {
        self.put(cluster, ledger, PutMode::Create).await
    }

    /// Overwrites the ledger that was read, if that ledger still stands.
    pub async fn replace(
        &self,
        cluster: &ClusterName,
        ledger: &Ledger,
        read: &ETag,
    ) -> Result<Write, LedgerStoreError> {
        self.put(cluster, ledger, PutMode::Update(read.0.clone())).await
    }

    fn key(&self, cluster: &ClusterName) -> Path {
        Path::from_iter(
            self.prefix.split('/').filter(|part| !part.is_empty()).chain([cluster.as_str(), "ledger.json"]),
        )
    }

    async fn read_once(&self, key: &Path) -> Result<Option<StoredLedger>, LedgerStoreError> {
        let found = match self.objects.get(key).await {
            Ok(found) => found,
            Err(error) => return absence(key, error),
        };
        let e_tag = found.meta.e_tag.clone();
        let bytes = found.bytes().await.map_err(|error| LedgerStoreError::of(key, error))?;
        let ledger = Ledger::from_json(&bytes)
            .map_err(|source| LedgerStoreError::Unusable { key: key.to_string(), source })?;
        Ok(Some(StoredLedger { ledger, etag: etag(key, e_tag)? }))
    }

    async fn put(
        &self,
        cluster: &ClusterName,
        ledger: &Ledger,
        mode: PutMode,
    ) -> Result<Write, LedgerStoreError> {
        let key = self.key(cluster);
        let json =
            ledger.to_json().map_err(|source| LedgerStoreError::Unusable { key: key.to_string(), source })?;
        let attributes = Attributes::from_iter([(Attribute::ContentType, "application/json")]);
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let put = self.objects.put_opts(&key, PutPayload::from(json), options);
        match tokio::time::timeout(CALL_TIMEOUT, put).await {
            Err(_) => unwritten(LedgerStoreError::TimedOut { key: key.to_string() }),
            Ok(Ok(put)) => etag(&key, put.e_tag).map_or_else(unwritten, |etag| Ok(Write::Done(etag))),
            // S3 answers 412, and 409 while another conditional write is under way.
            Ok(Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })) => {
                Ok(Write::Conflict)
            }
            Ok(Err(error)) => unwritten(LedgerStoreError::of(&key, error)),
        }
    }
}

fn absence(key: &Path, error: object_store::Error) -> Result<Option<StoredLedger>, LedgerStoreError> {
    let absent = matches!(error, object_store::Error::NotFound { .. });
    match LedgerStoreError::of(key, error) {
        LedgerStoreError::Failed { .. } if absent => Ok(None),
        error => Err(error),
    }
}

/// A write that failed is an error only where the ledger was certainly not written.
fn unwritten(error: LedgerStoreError) -> Result<Write, LedgerStoreError> {
    match error.ended() {
        Ended::NotDone(_) => Err(error),
        Ended::Done | Ended::Unknown => Ok(Write::Unclear(error)),
    }
}

fn etag(key: &Path, e_tag: Option<String>) -> Result<ETag, LedgerStoreError> {
    match e_tag {
        Some(e_tag) => Ok(ETag(UpdateVersion { e_tag: Some(e_tag), version: None })),
        None => Err(LedgerStoreError::NoETag { key: key.to_string() }),
    }
}
