//! The rule `alarms`: whatever a status complains of is reported. CORRUPT is the business of the rule `in_doubt`.
//!
//! NOSPACE keeps nothing of ours from going on: members are added, promoted and removed under it.

use crate::alarm::AlarmKind;
use crate::decision::{Decision, Refusal, Subject};
use crate::ids::MemberId;
use crate::version::Version;
use crate::view::View;

pub fn alarms(v: View<'_>, d: &mut Decision) {
    let alarms = v.alarms();
    let full: Vec<String> = alarms
        .iter()
        .filter(|a| a.kind == AlarmKind::NoSpace)
        .map(|a| a.member.map_or("no member".to_owned(), |id| sized(v, id)))
        .collect();
    if !full.is_empty() {
        d.refuse(Subject::Cluster, Refusal::NoSpace { members: full.join(", ") });
    }
    for alarm in alarms.iter().filter(|a| matches!(a.kind, AlarmKind::Other(_))) {
        d.refuse(Subject::Cluster, Refusal::UnknownAlarm(alarm.to_string()));
    }
    if let Some(target) = v.leader_status().and_then(|s| s.downgrade.clone()) {
        d.refuse(Subject::Cluster, Refusal::Downgrade(target));
    }
    for instance in &v.group.instances {
        let Some(status) = v.probe_at(instance).and_then(|p| p.answer()) else { continue };
        if v.ledger.cluster_id() != Some(status.cluster) {
            continue;
        }
        for words in &status.troubles {
            d.refuse(&instance.id, Refusal::Trouble(words.clone()));
        }
        if Version::parse(&status.version).is_none() {
            d.refuse(&instance.id, Refusal::VersionUnread(status.version.clone()));
        }
    }
}

/// The member with its size, which does not change while the alarm stands.
fn sized(v: View<'_>, id: MemberId) -> String {
    const MEBI: u64 = 1024 * 1024;
    let member = v.list().and_then(|list| list.get(id));
    let Some(status) = member.and_then(|m| v.status(m)) else { return format!("member {id}") };
    let of = status.size.quota.map(|quota| format!(" of {}", quota / MEBI)).unwrap_or_default();
    format!("member {id} with {}{of} MiB", status.size.file / MEBI)
}
