//! The settings among a group's tags, and the tags that are almost right.

use std::collections::BTreeMap;

use super::spelling::{TAG_PREFIX, is_ours, nearest, resembles_cluster, resembles_paused};
use super::{Problem, Settings, truth};
use crate::observation::END_TAG;
use crate::words::{one_line, quoted};

/// The tag that names the group's cluster.
pub const CLUSTER_TAG: &str = "etcd-asg:cluster";

impl Settings {
    /// Sets what the tags `etcd-asg:<name>` of a group set. What cannot be read, and what is almost right, is among the
    /// problems then.
    ///
    /// `prefix` is no setting of a group.
    pub fn take_tags(&mut self, tags: &BTreeMap<String, String>) {
        let settable = settable();
        for (tag, value) in tags {
            if let Some(name) = tag.strip_prefix(TAG_PREFIX).filter(|name| settable.contains(name)) {
                self.take(name, value, &format!("the group's tag {tag}"));
            }
        }
        self.problems.extend(misspelt(tags, &settable));
    }
}

/// A tag's key; in quotes where it has blanks that nobody would see.
pub fn told(tag: &str) -> String {
    let visible = !tag.contains(char::is_whitespace) && !tag.contains(char::is_control);
    if visible { one_line(tag) } else { quoted(tag) }
}

/// What is almost right among the tags of a group, beside its cluster's name: a setting's key that is misspelt, and
/// what may have been meant to be `etcd-asg:paused`.
fn misspelt(tags: &BTreeMap<String, String>, settable: &[&'static str]) -> Vec<Problem> {
    let known = |tag: &str| {
        [CLUSTER_TAG, END_TAG].contains(&tag)
            || tag.strip_prefix(TAG_PREFIX).is_some_and(|name| settable.contains(&name))
    };
    let odd = tags.iter().filter(|(tag, _)| !known(tag));
    let named = tags.contains_key(CLUSTER_TAG);
    odd.filter_map(|(tag, value)| {
        // A value that says false pauses nothing, under whichever key.
        if resembles_paused(tag) && truth(value) != Some(false) {
            return Some(Problem::PausedMisspelt { tag: told(tag) });
        }
        if !named && resembles_cluster(tag) {
            return None;
        }
        let (name, close) = nearest(tag, settable.iter().copied().chain(["cluster", "end"]))?;
        let nearest = format!("{TAG_PREFIX}{name}");
        (close || is_ours(tag)).then(|| Problem::UnknownTag { tag: told(tag), nearest })
    })
    .collect()
}

/// The settings that a tag can set: all but the prefix.
fn settable() -> Vec<&'static str> {
    Settings::NAMES.into_iter().filter(|name| *name != "prefix").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_misspelt_tag_is_told_and_one_that_was_meant_to_pause_pauses() {
        let of = |key, value| misspelt(&tags(&[(CLUSTER_TAG, "c"), (key, value)]), &settable());
        for value in ["true", "yes", "", "until monday"] {
            assert!(matches!(of("etcd-asg:pause", value)[..], [Problem::PausedMisspelt { .. }]), "{value:?}");
        }
        for (key, value) in
            [("etcd-asg:pause", "false"), ("etcd-asg:colour", "red"), ("etcd_asg:join-patience", "5m")]
        {
            assert!(matches!(of(key, value)[..], [Problem::UnknownTag { .. }]), "{key}");
        }
        assert!(
            matches!(&of("etcd-asg:prefix", "/x")[..], [Problem::UnknownTag { tag, .. }] if tag == "etcd-asg:prefix")
        );
        assert!(
            matches!(&of("etcd-asg:Cluster", "x")[..], [Problem::UnknownTag { nearest, .. }] if nearest == CLUSTER_TAG)
        );
        for (key, value) in [
            ("Name", "n"),
            ("etcd-asg:end", "destroy-1"),
            ("etcd-asg:paused", "x"),
            ("etcd-asg-team", "t"),
            ("paused", "1"),
        ] {
            assert_eq!(of(key, value), [], "{key}");
        }
        let quoted = of("etcd-asg:paused ", "true");
        assert!(matches!(&quoted[..], [Problem::PausedMisspelt { tag }] if tag == "\"etcd-asg:paused \""));
    }
}
