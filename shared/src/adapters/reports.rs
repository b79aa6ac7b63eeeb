//! The last words of hosts: one small S3 object for each instance that could not go on,
//! `reports/{cluster}/{role-id}:{instance}`, in the ledgers' bucket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use membership::codes;
use membership::ids::{ClusterName, InstanceId};
use membership::report::{self, HostReport, MOST_BYTES};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use thiserror::Error;

/// How long all reports of one look may take. They are words for people: nothing waits for them.
const TIME: Duration = Duration::from_secs(3);
/// So many keys of a cluster's folder are listed, two pages of S3. The bucket forgets reports after some days, so an
/// honest folder has far fewer.
const MOST_KEYS: usize = 2_000;

/// Where hosts leave their last words.
#[derive(Clone, Debug)]
pub struct ReportStore {
    objects: Arc<dyn ObjectStore>,
}

/// Why the reports could not be read.
#[derive(Debug, Error)]
pub enum ReportsError {
    /// The folder could not be listed, or a report could not be read.
    #[error(
        "the hosts' reports cannot be read: the function's role needs s3:ListBucket and s3:GetObject for reports/"
    )]
    Failed(#[from] object_store::Error),
    /// The store did not answer in time.
    #[error("the hosts' reports were not read within {} s", TIME.as_secs())]
    TimedOut,
}

codes!(ReportsError {
    ReportsError::Failed(_) => "reports-failed",
    ReportsError::TimedOut => "reports-timeout",
});

impl ReportStore {
    /// The reports in this object store.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    /// The last words of these instances' hosts. An instance without a report, or with one that cannot be quoted, is
    /// left out.
    pub async fn read(
        &self,
        cluster: &ClusterName,
        instances: &[InstanceId],
    ) -> Result<BTreeMap<InstanceId, HostReport>, ReportsError> {
        let all = async {
            let mut found = BTreeMap::new();
            for (instance, object) in self.find(cluster, instances).await? {
                if let Some(report) = self.read_one(&object).await? {
                    found.insert(instance, report);
                }
            }
            Ok(found)
        };
        tokio::time::timeout(TIME, all).await.unwrap_or(Err(ReportsError::TimedOut))
    }

    /// The newest object of each instance. The role's ID before the instance's is not known here, so the folder is
    /// listed.
    async fn find(
        &self,
        cluster: &ClusterName,
        instances: &[InstanceId],
    ) -> Result<BTreeMap<InstanceId, ObjectMeta>, ReportsError> {
        let folder = Path::from(report::folder(cluster));
        let mut listed = self.objects.list(Some(&folder)).take(MOST_KEYS);
        let mut newest: BTreeMap<InstanceId, ObjectMeta> = BTreeMap::new();
        while let Some(object) = listed.next().await {
            let object = object?;
            let name = object.location.filename().unwrap_or_default();
            let Some(instance) = instances.iter().find(|id| report::is_of(name, id)) else { continue };
            if newest.get(instance).is_none_or(|other| other.last_modified < object.last_modified) {
                newest.insert(instance.clone(), object);
            }
        }
        Ok(newest)
    }

    async fn read_one(&self, object: &ObjectMeta) -> Result<Option<HostReport>, ReportsError> {
        if object.size == 0 {
            return Ok(None);
        }
        let range = Some(GetRange::Bounded(0..object.size.min(MOST_BYTES as u64)));
        let options = GetOptions { range, ..GetOptions::default() };
        match self.objects.get_opts(&object.location, options).await {
            Ok(found) => Ok(HostReport::parse(&found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
