//! The env file that an instance boots with, and the `initial-cluster` string in it.

use crate::etcd::MemberList;
use crate::ids::{ClusterName, MemberId};
use crate::instance::Instance;
use crate::ledger::Ledger;
use crate::observation::Group;
use crate::version::Minor;

/// Which etcd the boot script of a joiner lets start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minors {
    /// The minors that may start.
    pub open: Vec<Minor>,
    /// The minor that may not start yet. A boot script with an etcd of this minor waits until the env is written
    /// anew.
    pub held: Option<Minor>,
}

/// What an env lets its instance do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvFor<'a> {
    /// Found the cluster.
    Seed,
    /// Join on an empty disk, as the member that this list shows.
    Joiner(MemberId, &'a MemberList, &'a Minors),
    /// Start with the data that the member has. An empty disk is refused.
    Sealed(MemberId, &'a MemberList),
}

/// The `initial-cluster` string: `name=url,…`, with an entry for each peer URL. An instance finds its own member
/// under its own ID. etcd compares the URL sets and their count, and the other names do not matter.
pub fn initial_cluster(list: &MemberList, ledger: &Ledger) -> String {
    let mut entries: Vec<(String, &str)> = Vec::new();
    for member in &list.members {
        let recorded = ledger.instance_of(member.id).map(ToString::to_string);
        let named = member.started().then(|| member.name.clone());
        let name = recorded.or(named).unwrap_or_else(|| format!("member-{}", member.id));
        entries.extend(member.peer_urls.iter().map(|url| (name.clone(), url.as_str())));
    }
    entries.sort();
    let entries: Vec<String> = entries.into_iter().map(|(name, url)| format!("{name}={url}")).collect();
    entries.join(",")
}

/// Renders the env file. `None` while the instance has no address, or while the group has no launch hook to name.
pub fn render(
    cluster: &ClusterName,
    group: &Group,
    ledger: &Ledger,
    instance: &Instance,
    purpose: EnvFor<'_>,
) -> Option<String> {
    let settings = &group.settings;
    let (client, peer) = (instance.client_url(settings)?, instance.peer_url(settings)?);
    let hook = group.launch_hook.as_ref().ok()?;
    let (string, state, data) = match purpose {
        EnvFor::Seed => (format!("{}={peer}", instance.id), "new", "empty"),
        EnvFor::Joiner(_, list, _) => (initial_cluster(list, ledger), "existing", "empty"),
        EnvFor::Sealed(_, list) => (initial_cluster(list, ledger), "existing", "present"),
    };
    let mut lines = vec![
        ("ETCD_NAME", instance.id.to_string()),
        ("ETCD_INITIAL_CLUSTER", string),
        ("ETCD_INITIAL_CLUSTER_STATE", state.to_owned()),
        ("ETCD_INITIAL_CLUSTER_TOKEN", ledger.generation.token.clone()),
        ("ETCD_INITIAL_ADVERTISE_PEER_URLS", peer.clone()),
        ("ETCD_ADVERTISE_CLIENT_URLS", client.clone()),
        ("ETCD_LISTEN_PEER_URLS", peer),
        ("ETCD_LISTEN_CLIENT_URLS", client),
        ("ETCD_STRICT_RECONFIG_CHECK", "true".to_owned()),
        ("ETCD_PRE_VOTE", "true".to_owned()),
        ("ETCD_ASG_FORMAT", "1".to_owned()),
        ("ETCD_ASG_CLUSTER", cluster.to_string()),
        ("ETCD_ASG_GROUP", group.identity.name.clone()),
        ("ETCD_ASG_GENERATION", ledger.generation.number.to_string()),
        ("ETCD_ASG_DATA", data.to_owned()),
        ("ETCD_ASG_LAUNCH_HOOK", hook.name.clone()),
        ("ETCD_ASG_ENDPOINTS", format!("{}/{cluster}/endpoints", settings.prefix)),
    ];
    if let EnvFor::Joiner(member, list, _) | EnvFor::Sealed(member, list) = purpose {
        lines.push(("ETCD_ASG_CLUSTER_ID", list.cluster.0.to_string()));
        lines.push(("ETCD_ASG_MEMBER_ID", member.0.to_string()));
    }
    if let EnvFor::Joiner(_, _, minors) = purpose {
        let open: Vec<String> = minors.open.iter().map(ToString::to_string).collect();
        lines.push(("ETCD_ASG_MINORS", open.join(" ")));
        lines.extend(minors.held.map(|held| ("ETCD_ASG_MINOR_HELD", held.to_string())));
    }
    Some(lines.into_iter().map(|(key, value)| format!("{key}={value}\n")).collect())
}

/// Whether an env file can hold this text: printable ASCII without quotes, backslashes, dollar signs and backquotes. The
/// boot script and systemd's EnvironmentFile would take those for something else (`instance/lib/files.sh`).
pub fn carries(text: &str) -> bool {
    text.chars().all(|c| (' '..='~').contains(&c) && !"\"'\\$`".contains(c)) && text.trim() == text
}

/// The value of one variable of an env file.
pub fn value<'a>(env: &'a str, key: &str) -> Option<&'a str> {
    env.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// Whether the env file refuses an empty data directory.
pub fn is_sealed(env: &str) -> bool {
    value(env, "ETCD_ASG_DATA") == Some("present")
}

/// Whether an unsealed env would let the joiner start: it has the wanted token, member and string.
pub fn agrees(env: &str, wanted: &str) -> bool {
    let same = |key| value(env, key) == value(wanted, key);
    ["ETCD_INITIAL_CLUSTER", "ETCD_INITIAL_CLUSTER_TOKEN", "ETCD_ASG_MEMBER_ID"].into_iter().all(same)
}

/// Whether an unsealed env holds back a minor that may start by now.
pub fn holds_back(env: &str, wanted: &str) -> bool {
    let held = value(env, "ETCD_ASG_MINOR_HELD");
    held.is_some_and(|held| {
        value(wanted, "ETCD_ASG_MINORS").is_some_and(|open| open.split(' ').any(|m| m == held))
    })
}

/// Whether an `endpoints` value names this instance's client URL.
pub fn names(endpoints: Option<&Vec<String>>, client_url: Option<&String>) -> bool {
    matches!((endpoints, client_url), (Some(all), Some(url)) if all.contains(url))
}

/// The member that is listed under this peer URL. URLs compare as strings, as etcd compares them.
pub fn listed_under<'a>(list: &'a MemberList, peer_url: &str) -> Option<&'a crate::etcd::Member> {
    list.members.iter().find(|m| m.peer_urls.iter().any(|u| u == peer_url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_env_carries_what_the_boot_script_reads() {
        assert!(["main", "etcd*", "a b", "a=b#c", "a/b?(c)[d]{e}~", ""].into_iter().all(carries));
        for wrong in ["it's", "a\"b", "a$b", "a\\b", "a`b", "grün", "a\nb", "a\tb", " a", "a "] {
            assert!(!carries(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn an_env_holds_back_only_what_may_start_by_now() {
        let held = "ETCD_ASG_MINORS=3.5\nETCD_ASG_MINOR_HELD=3.6\n";
        assert!(holds_back(held, "ETCD_ASG_MINORS=3.5 3.6\n"));
        assert!(!holds_back(held, "ETCD_ASG_MINORS=3.5\nETCD_ASG_MINOR_HELD=3.6\n"));
        assert!(!holds_back("ETCD_ASG_MINORS=3.5\n", "ETCD_ASG_MINORS=3.5 3.6\n"));
    }
}
