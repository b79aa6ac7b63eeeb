//! The one metric of etcd that is read: to which members a snapshot is being sent.

use std::collections::BTreeSet;

use membership::ids::MemberId;

/// Told by 3.4 and newer (etcd's changelog of 3.4), at the leader, by the ID of the receiver in hexadecimal digits.
const IN_FLIGHT: &str = "etcd_network_snapshot_send_inflights_total{";

/// The members whose snapshots are under way, from the text of `/metrics`.
pub fn snapshots_in_flight(text: &str) -> BTreeSet<MemberId> {
    text.lines().filter_map(|line| in_flight(line.strip_prefix(IN_FLIGHT)?)).collect()
}

/// `To="8e9e05c52164694d"} 1`
fn in_flight(rest: &str) -> Option<MemberId> {
    let (labels, value) = rest.rsplit_once('}')?;
    let (_, to) = labels.split_once("To=\"")?;
    let (id, _) = to.split_once('"')?;
    let count: f64 = value.split_whitespace().next()?.parse().ok()?;
    if count > 0.0 { u64::from_str_radix(id, 16).ok().map(MemberId) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_with_a_snapshot_under_way_are_named() {
        let text = "# TYPE etcd_network_snapshot_send_inflights_total gauge\n\
            etcd_network_snapshot_send_inflights_total{To=\"8e9e05c52164694d\"} 1\n\
            etcd_network_snapshot_send_inflights_total{To=\"f1\"} 0\n\
            etcd_network_snapshot_send_success{To=\"f2\"} 1\n\
            etcd_network_snapshot_send_inflights_total{To=\"xyz\"} 1\n\
            etcd_network_snapshot_send_inflights_total{To=\"f3\"\n";
        assert_eq!(snapshots_in_flight(text), BTreeSet::from([MemberId(0x8e9e_05c5_2164_694d)]));
        assert!(snapshots_in_flight("").is_empty());
    }
}
