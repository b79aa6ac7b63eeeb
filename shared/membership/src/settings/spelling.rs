//! Tags that are almost right.

/// Tags and settings that differ in so few letters may be meant for each other.
const CLOSE: usize = 2;
/// What every tag of ours begins with.
pub const TAG_PREFIX: &str = "etcd-asg:";

/// The one of these settings whose tag resembles this tag most, and whether it is close enough to have been meant.
pub fn nearest(tag: &str, settings: impl IntoIterator<Item = &'static str>) -> Option<(&'static str, bool)> {
    let bare = letters(tag);
    let distance = |name: &str| distance(&bare, &letters(&format!("{TAG_PREFIX}{name}")));
    let (away, name) = settings.into_iter().map(|name| (distance(name), name)).min()?;
    Some((name, away <= CLOSE))
}

/// Whether this tag, which is not `etcd-asg:paused`, was probably meant to be it.
pub fn resembles_paused(tag: &str) -> bool {
    let bare = letters(tag);
    let within = bare.iter().collect::<String>();
    let about_us = within.starts_with("etcdasg");
    (about_us && within.contains("paus")) || close(&bare, "paused") || close(&bare, "pause")
}

/// Whether this tag, which is not `etcd-asg:cluster`, was probably meant to be it.
pub fn resembles_cluster(tag: &str) -> bool {
    let bare = letters(tag);
    ["cluster", "clustername"].iter().any(|name| close(&bare, name))
}

/// Whether the tag is meant for us: it begins with our prefix, however that is written.
pub fn is_ours(tag: &str) -> bool {
    let (head, _) = tag.trim_start().split_at_checked(TAG_PREFIX.len()).unwrap_or_default();
    head.eq_ignore_ascii_case(TAG_PREFIX)
}

fn close(bare: &[char], name: &str) -> bool {
    distance(bare, &letters(&format!("{TAG_PREFIX}{name}"))) <= CLOSE
}

/// Letters and digits alone, in lower case: separators and blanks are what people get wrong first.
fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// How many letters have to be inserted, left out, replaced or swapped with their neighbour (optimal string
/// alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_was_meant_to_pause_is_recognised() {
        for tag in [
            "etcd-asg:pause",
            "etcd-asg:Paused",
            "etcd-asg:PAUSED",
            "etcd-asg:pasued",
            "etcd-asg:puased",
            "etcd-asg:pauesd",
            "etcd-asg:paused ",
            " etcd-asg:paused",
            "etcd-asg: paused",
            "etcd-asg/paused",
            "etcd_asg:paused",
            "etcdasg:paused",
            "etcd-asg.paused",
            "etcd-asg:is-paused",
            "etcd-asg:cluster-paused",
            "ectd-asg:paused",
            "etcd-asg:pausing",
        ] {
            assert!(resembles_paused(tag), "{tag:?}");
        }
        for tag in ["etcd-asg:colour", "paused", "Name", "etcd-asg:leave-patience", "app:paused", "pauses"] {
            assert!(!resembles_paused(tag), "{tag:?}");
        }
    }

    #[test]
    fn a_tag_that_was_meant_to_name_the_cluster_is_recognised() {
        for tag in [
            "etcd-asg:Cluster",
            "etcd-asg/cluster",
            "etcd_asg:cluster",
            "etcd-asg:cluster ",
            "etcd-asg-cluster",
            "Etcd-Asg:Cluster",
            "etcd-asg:clutser",
            "etcd-asg:cluser",
            "etcd-asg:clusters",
            "etcd-asg:cluster-name",
            "etcdasg:cluster",
            "etcd-ags:cluster",
            "ETCD_ASG_CLUSTER",
        ] {
            assert!(resembles_cluster(tag), "{tag:?}");
        }
        for tag in ["etcd-cluster", "cluster", "eks:cluster-name", "etcd-asg:paused", "etcd-asg:client-port"]
        {
            assert!(!resembles_cluster(tag), "{tag:?}");
        }
    }

    #[test]
    fn the_nearest_setting_is_told() {
        let settings = || ["paused", "client-port", "peer-port", "join-patience"];
        assert_eq!(nearest("etcd-asg:join-patiense", settings()), Some(("join-patience", true)));
        assert_eq!(nearest("etcd-asg:JoinPatience", settings()), Some(("join-patience", true)));
        assert_eq!(nearest("etcd_asg/peerport", settings()), Some(("peer-port", true)));
        assert!(matches!(nearest("etcd-asg:colour", settings()), Some((_, false))));
        assert!(is_ours("etcd-asg:colour") && is_ours("Etcd-Asg:x") && !is_ours("etcd-asg") && !is_ours("é"));
    }

    #[test]
    fn the_distance_counts_swapped_neighbours_once() {
        let of = |a: &str, b: &str| distance(&letters(a), &letters(b));
        assert_eq!((of("pasued", "paused"), of("pause", "paused"), of("", "abc")), (1, 1, 3));
        assert_eq!((of("paused", "paused"), of("used", "paused"), of("kitten", "sitting")), (0, 2, 3));
    }
}
