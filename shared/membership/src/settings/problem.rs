//! What cannot be understood in a group's tags or in the functions' environment, as data for the decision.

use std::fmt;

use crate::codes;
use crate::decision::{Graded, Severity};
use crate::ids::ClusterName;

/// Something in the settings that was not understood, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Problem {
    /// A value that says whether or where anything is to be done cannot be read: the cluster is not touched.
    Unreadable {
        /// Where the value stands: `the group's tag etcd-asg:paused`.
        source: String,
        /// The value, and what is allowed.
        why: String,
    },
    /// The name of the group's cluster cannot be read: nothing is touched. The text has the value, and what is allowed.
    NameUnreadable(String),
    /// The group has no tag `etcd-asg:cluster` and has one that was probably meant to be it: nothing is touched.
    NameMisspelt {
        /// The tag that the group has.
        tag: String,
    },
    /// The cluster's name has blanks around it. It is read without them.
    NameTrimmed(ClusterName),
    /// A tag that is no setting was probably meant to be `etcd-asg:paused`, and does not say false: it counts.
    PausedMisspelt {
        /// The tag that the group has.
        tag: String,
    },
    /// A time cannot be read: its default counts, and management goes on.
    Defaulted {
        /// Where the value stands.
        source: String,
        /// The value, and what is allowed.
        why: String,
        /// The value that counts instead.
        default: String,
    },
    /// A tag is no setting, and is ignored.
    UnknownTag {
        /// The tag that the group has.
        tag: String,
        /// The tag that resembles it most.
        nearest: String,
    },
}

impl Problem {
    /// Whether nothing may be done about the cluster until an operator has corrected it.
    ///
    /// A patience is no such thing: a cluster that is left alone for a whole weekend keeps its dead voters.
    pub fn hands_off(&self) -> bool {
        match self {
            Problem::Unreadable { .. }
            | Problem::NameUnreadable(_)
            | Problem::NameMisspelt { .. }
            | Problem::PausedMisspelt { .. } => true,
            Problem::NameTrimmed(_) | Problem::Defaulted { .. } | Problem::UnknownTag { .. } => false,
        }
    }

    /// Whether the value of this setting cannot be read.
    pub(super) fn is_about(&self, name: &str) -> bool {
        let of_this = |why: &str| why.starts_with(&format!("setting {name}:"));
        match self {
            Problem::Unreadable { why, .. } | Problem::Defaulted { why, .. } => of_this(why),
            _ => false,
        }
    }

    /// Whether it is not known which cluster the group has, so neither its ledger nor its parameters can be found.
    pub fn hides_the_name(&self) -> bool {
        matches!(self, Problem::NameUnreadable(_) | Problem::NameMisspelt { .. })
    }
}

codes!(Problem {
    Problem::Unreadable { .. } => "setting-wrong",
    Problem::NameUnreadable(_) => "cluster-tag-wrong",
    Problem::NameMisspelt { .. } => "cluster-tag-misspelt",
    Problem::NameTrimmed(_) => "cluster-tag-blanks",
    Problem::PausedMisspelt { .. } => "paused-misspelt",
    Problem::Defaulted { .. } => "setting-defaulted",
    Problem::UnknownTag { .. } => "unknown-tag",
});

impl Graded for Problem {
    fn severity(&self) -> Severity {
        match self {
            Problem::NameTrimmed(_) | Problem::UnknownTag { .. } => Severity::Warn,
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNTIL: &str =
            "the cluster is not touched until that is corrected, and waiting hooks are kept alive";
        match self {
            Problem::Unreadable { source, why } => write!(f, "{source}: {why}; {UNTIL}"),
            Problem::NameUnreadable(why) => write!(f, "the group's tag etcd-asg:cluster: {why}; {UNTIL}"),
            Problem::NameMisspelt { tag } => {
                write!(
                    f,
                    "the group has the tag {tag} and no tag etcd-asg:cluster; write etcd-asg:cluster; {UNTIL}"
                )
            }
            Problem::NameTrimmed(name) => write!(
                f,
                "the value of the group's tag etcd-asg:cluster has blanks around it, and is read as {name}; remove the blanks"
            ),
            Problem::PausedMisspelt { tag } => write!(
                f,
                "the group's tag {tag} is taken for etcd-asg:paused, so the group is paused; write etcd-asg:paused, or remove the tag"
            ),
            Problem::Defaulted { source, why, default } => {
                write!(f, "{source}: {why}; its default of {default} counts until that is corrected")
            }
            Problem::UnknownTag { tag, nearest } => {
                write!(f, "the group's tag {tag} is no setting and is ignored; {nearest} resembles it most")
            }
        }
    }
}
