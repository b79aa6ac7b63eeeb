//! Who may act on a group: one deployment of the functions, by a record at a place that no setting moves.
//!
//! Each deployment has a bucket of its own, so the ledgers of two deployments do not exclude each other. The record
//! of the group's owner does. It is a parameter named by the unique part of the group's ARN, and every deployment of
//! the account and region looks there. The Parameter Store's create-if-absent promises nothing to two creators at one
//! moment. So a new record counts only once it has settled and was read again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterName, Timestamp};

/// Where the records stand. Neither a tag nor a setting moves them, because they protect against moved prefixes.
pub const OWNERS: &str = "/etcd-asg-owners";
/// How long after a write no reader sees what was there before, and no creator takes the place for free.
pub const SETTLES: Duration = Duration::from_secs(10);
/// A running cluster is adopted only after this many times that span: a deployment that manages the cluster already
/// looks every minute, and takes the record back meanwhile.
const ADOPTION: u32 = 12;
/// A record that was written without a ledger can be taken back for this many times that span. The rest is for clocks
/// that differ, and for the new record to settle before an adoption would begin.
const TAKEN_BACK: u32 = 9;

/// A deployment of the functions, and the cluster that it makes of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The bucket of the ledgers.
    pub bucket: String,
    /// The prefix of the ledgers' keys.
    pub ledger_prefix: String,
    /// The prefix of the parameters' names.
    pub parameter_prefix: String,
    /// The VPC that the deployment serves. It is empty where the deployment was not told.
    #[serde(default)]
    pub vpc: String,
    /// The name of the deployment's stack, for people. It is empty where the deployment was not told.
    #[serde(default)]
    pub deployment: String,
    /// The value of the group's tag `etcd-asg:cluster`.
    pub cluster: ClusterName,
    /// Whether the record was written without a ledger, to found or to adopt a cluster. A deployment whose ledger the
    /// group's cluster bears out may take such a record back while it is young.
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_ledger: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Owner {
    /// Whether both keep their documents at the same places. The VPCs may differ where one of them is not told.
    pub fn is_same_deployment(&self, other: &Owner) -> bool {
        let vpcs = self.vpc.is_empty() || other.vpc.is_empty() || self.vpc == other.vpc;
        vpcs && self.is_same_place(other)
    }

    /// Whether both keep their documents at the same places, whatever VPC they serve.
    pub fn is_same_place(&self, other: &Owner) -> bool {
        self.bucket == other.bucket
            && self.ledger_prefix == other.ledger_prefix
            && self.parameter_prefix == other.parameter_prefix
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |text: &'_ str| if text.is_empty() { "not told".to_owned() } else { text.to_owned() };
        write!(
            f,
            "deployment {} (bucket {}, ledgers under {}, parameters under {}, VPC {}, cluster {})",
            told(&self.deployment),
            self.bucket,
            self.ledger_prefix,
            self.parameter_prefix,
            told(&self.vpc),
            self.cluster
        )
    }
}

/// The record as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct OwnerRecord {
    /// The deployment that the record names.
    pub owner: Owner,
    /// When the record was written, by the Parameter Store's clock.
    pub written: Timestamp,
}

/// What is known of the group's owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Ownership {
    /// This deployment, as it would write itself down.
    pub me: Owner,
    /// The record that was read by its exact name; `None` when there certainly was none.
    pub record: Option<OwnerRecord>,
    /// How long a new record takes to settle: [`SETTLES`], except in tests.
    pub settles: Duration,
}

impl Ownership {
    /// Whether the record names this deployment for good. It need not be read again in the same invocation.
    pub fn is_certain(&self, now: Timestamp) -> bool {
        self.record.as_ref().is_some_and(|record| {
            let settled = self.is_settled(record, now);
            let stays = !record.owner.without_ledger || self.may_adopt(record, now);
            record.owner.is_same_deployment(&self.me) && settled && stays
        })
    }

    /// Whether the record has stood for so long that every deployment reads it.
    pub(crate) fn is_settled(&self, record: &OwnerRecord, now: Timestamp) -> bool {
        now.since(record.written) >= self.settles
    }

    /// Whether the record has stood for so long that whoever manages the cluster has had the time to object.
    pub(crate) fn may_adopt(&self, record: &OwnerRecord, now: Timestamp) -> bool {
        now.since(record.written) >= self.settles * ADOPTION
    }

    /// Whether the record was written without a ledger, and no adoption can have begun under it.
    pub(crate) fn can_be_taken_back(&self, record: &OwnerRecord, now: Timestamp) -> bool {
        record.owner.without_ledger && now.since(record.written) < self.settles * TAKEN_BACK
    }
}

/// The name of the record of this group: the unique part of its ARN under [`OWNERS`]. A group that is created anew
/// under the same name has another. The ARN is
/// `arn:PARTITION:autoscaling:REGION:ACCOUNT:autoScalingGroup:ID:autoScalingGroupName/NAME` (Service Authorization
/// Reference, Amazon EC2 Auto Scaling).
pub fn parameter(arn: &str) -> Option<String> {
    let mut parts = arn.split(':').skip_while(|part| *part != "autoScalingGroup").skip(1);
    let id = parts.next().filter(|id| !id.is_empty() && parts.next().is_some())?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    id.bytes().all(allowed).then(|| format!("{OWNERS}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_named_by_the_unique_part_of_the_arn() {
        let arn = |id: &str| {
            format!("arn:aws-cn:autoscaling:cn-north-1:1:autoScalingGroup:{id}:autoScalingGroupName/etcd*")
        };
        let id = "0b1c2d3e-0000-4000-8000-000000000001";
        assert_eq!(parameter(&arn(id)), Some(format!("/etcd-asg-owners/{id}")));
        for wrong in ["", "a/b", "ü", "a b"] {
            assert_eq!(parameter(&arn(wrong)), None, "{wrong:?}");
        }
        assert_eq!(parameter("arn:aws:autoscaling:r:1:autoScalingGroup:no-name"), None);
    }

    #[test]
    fn a_record_is_readable_and_newer_fields_do_no_harm() {
        let text = r#"{"bucket":"b","ledgerPrefix":"l","parameterPrefix":"/p","cluster":"c","later":1}"#;
        let owner: Owner = serde_json::from_str(text).unwrap();
        assert_eq!((owner.vpc.as_str(), owner.without_ledger), ("", false));
        let written = serde_json::to_string(&owner).unwrap();
        assert!(!written.contains("withoutLedger"), "{written}");
        assert_eq!(serde_json::from_str::<Owner>(&written).unwrap(), owner);
    }
}
