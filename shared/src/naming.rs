//! Which cluster a group's tags name.

use std::collections::BTreeMap;

use membership::ids::ClusterName;
use membership::settings::Problem;
use membership::settings::spelling::resembles_cluster;
use membership::settings::tags::{CLUSTER_TAG, told};
use membership::words::{one_line, quoted};

/// The spellings of the cluster's tag that a group's tags are searched for, beside the right one. Auto Scaling
/// compares tag keys letter by letter and knows no wildcards (EC2 Auto Scaling user guide, "Use tags to filter Auto
/// Scaling groups"), so these are the common ones. Any other is noticed when an instance of its group launches or
/// terminates.
pub const NEAR_SPELLINGS: [&str; 24] = [
    "etcd-asg:Cluster",
    "etcd-asg:CLUSTER",
    "Etcd-Asg:Cluster",
    "ETCD-ASG:CLUSTER",
    "etcd-asg:cluster ",
    " etcd-asg:cluster",
    "etcd-asg: cluster",
    "etcd-asg:clusters",
    "etcd-asg:cluster-name",
    "etcd-asg:clustername",
    "etcd-asg:clutser",
    "etcd-asg:cluser",
    "etcd-asg/cluster",
    "etcd-asg/Cluster",
    "etcd-asg.cluster",
    "etcd-asg-cluster",
    "etcd-asg_cluster",
    "etcd_asg:cluster",
    "etcd_asg:Cluster",
    "etcd_asg/cluster",
    "etcd_asg_cluster",
    "etcdasg:cluster",
    "etcdasg/cluster",
    "ectd-asg:cluster",
];

/// The cluster that a group's tags name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The cluster's name. Where it cannot be read: whatever stands in its place, for logs and answers only.
    pub cluster: ClusterName,
    /// What is wrong with the tag.
    pub problems: Vec<Problem>,
}

impl Named {
    /// Reads the tags of a group. `None` where no tag is `etcd-asg:cluster` or was meant to be it.
    ///
    /// Blanks around the name are left out: no name has blanks. The caller looks whether another group has the name.
    pub fn of(tags: &BTreeMap<String, String>) -> Option<Self> {
        let Some(value) = tags.get(CLUSTER_TAG) else {
            let (tag, value) = tags.iter().find(|(tag, _)| resembles_cluster(tag))?;
            let cluster = ClusterName::parse(value.trim()).unwrap_or_else(|_| shown(value));
            return Some(Self { cluster, problems: vec![Problem::NameMisspelt { tag: told(tag) }] });
        };
        Some(match (ClusterName::parse(value), ClusterName::parse(value.trim())) {
            (Ok(cluster), _) => Self { cluster, problems: Vec::new() },
            (Err(_), Ok(cluster)) => {
                let problems = vec![Problem::NameTrimmed(cluster.clone())];
                Self { cluster, problems }
            }
            (Err(why), Err(_)) => {
                Self { cluster: shown(value), problems: vec![Problem::NameUnreadable(why)] }
            }
        })
    }

    /// Another group has the name that was read here only because blanks were left out: which group is meant is not
    /// known.
    pub fn contested_by(&mut self, other: &str) {
        let why = format!(
            "its value has blanks around it, and the group {} has the name {} too",
            quoted(other),
            self.cluster
        );
        self.problems = vec![Problem::NameUnreadable(why)];
    }

    /// Whether blanks were left out.
    pub fn is_trimmed(&self) -> bool {
        self.problems.iter().any(|p| matches!(p, Problem::NameTrimmed(_)))
    }

    /// Whether it is not known which cluster the group has.
    pub fn is_hidden(&self) -> bool {
        self.problems.iter().any(Problem::hides_the_name)
    }
}

/// A text that is no name, as logs and answers show it.
fn shown(value: &str) -> ClusterName {
    ClusterName(one_line(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_name_is_read_without_blanks_and_never_guessed_otherwise() {
        let of = |key, value| Named::of(&tags(&[(key, value), ("Name", "x")]));
        assert_eq!(of("Name2", "demo"), None);
        let plain = of(CLUSTER_TAG, "demo").unwrap();
        assert_eq!((plain.cluster.as_str(), plain.problems.len()), ("demo", 0));
        for blanks in [" demo", "demo ", "\tdemo\n"] {
            let named = of(CLUSTER_TAG, blanks).unwrap();
            assert!(named.is_trimmed() && !named.is_hidden(), "{named:?}");
            assert_eq!(named.cluster.as_str(), "demo");
        }
        let long = "x".repeat(101);
        for wrong in ["", " ", "de mo", "démo", "a/b", long.as_str()] {
            let named = of(CLUSTER_TAG, wrong).unwrap();
            assert!(named.is_hidden(), "{named:?}");
        }
        for key in NEAR_SPELLINGS {
            assert!(of(key, "demo").unwrap().is_hidden(), "{key:?}");
        }
    }

    #[test]
    fn a_name_that_another_group_has_too_is_not_read() {
        let mut named = Named::of(&tags(&[(CLUSTER_TAG, " demo")])).unwrap();
        named.contested_by("other");
        assert!(named.is_hidden());
    }
}
