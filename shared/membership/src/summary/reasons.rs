//! What a cluster lacks, in phrases for the operator.

use super::health::{name, voters};
use super::look::Look;
use super::members::MemberRow;
use crate::alarm::{Alarm, AlarmKind};
use crate::observation::Group;
use crate::seen::Seen;

/// Everything that keeps the cluster from being healthy.
pub fn reasons(look: Look<'_>, rows: &[MemberRow]) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Seen::Known(None) = &look.obs.ledger {
        reasons.push("not managed yet: there is no ledger".to_owned());
    }
    reasons.extend(look.alarms().into_iter().map(alarm));
    reasons.extend(broken_voters(rows));
    let count = voters(rows).count();
    reasons.extend(look.group.and_then(|group| too_few(group, rows)));
    if count > 0 && look.group.is_some_and(|group| group.desired == 0) {
        reasons.push("the group wants no instance, and the voters that leave are only held".to_owned());
    }
    let obs = look.obs;
    let unseen = [("group", obs.group.unknown()), ("ledger", obs.ledger.unknown())];
    let unseen = unseen.into_iter().filter_map(|(part, why)| Some((part, why?)));
    reasons.extend(unseen.map(|(part, why)| format!("the {part} could not be seen: {why}")));
    reasons
}

/// Whether fewer vote than the group is to have. A capacity that counts something else than instances is compared only
/// where the group tells how much each instance counts for.
fn too_few(group: &Group, rows: &[MemberRow]) -> Option<String> {
    let desired = group.desired;
    let (have, what) = match (&group.units, group.weights.is_empty()) {
        (None, _) => (voters(rows).count(), "desired voters"),
        (Some(_), false) => {
            (group.capacity_of(voters(rows).filter_map(|row| row.instance.as_ref())), "desired units vote")
        }
        (Some(_), true) => return None,
    };
    (have < desired).then(|| format!("{have} of {desired} {what}"))
}

/// The voters that are not proven, and why, as far as it was seen.
fn broken_voters(rows: &[MemberRow]) -> Vec<String> {
    let broken = voters(rows).filter(|row| !row.proven);
    broken.map(|row| format!("{} {}", name(row), ailment(row))).collect()
}

fn ailment(row: &MemberRow) -> &'static str {
    if row.gone {
        "is gone"
    } else if row.unreadable {
        "cannot be read"
    } else if !row.answers {
        "does not answer"
    } else if row.follows.is_none() {
        "answers and follows no leader"
    } else {
        "answers and is not with the leader"
    }
}

/// What an alarm means, and which it is.
fn alarm(alarm: &Alarm) -> String {
    match alarm.kind {
        AlarmKind::NoSpace => format!("NO SPACE, so etcd refuses writes: {alarm}"),
        AlarmKind::Corrupt => format!("CORRUPT DATA, so etcd refuses writes: {alarm}"),
        AlarmKind::Other(_) => format!("etcd raises an alarm: {alarm}"),
    }
}
