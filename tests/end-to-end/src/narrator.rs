//! A running account on standard output: the lifecycle of the group's instances and the ledger's history, as
//! they happen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use membership::ledger::Ledger;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::outln;

/// Prints the account until [`Narrator::end`].
pub struct Narrator {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// Shortens every instance ID in a text to its last four digits.
pub fn short(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("i-") {
        let (before, from) = rest.split_at(at);
        let digits = from[2..].chars().take_while(char::is_ascii_hexdigit).count();
        out.push_str(before);
        if digits >= 8 {
            out.push_str("i-…");
            out.push_str(&from[2 + digits - 4..2 + digits]);
        } else {
            out.push_str(&from[..2 + digits]);
        }
        rest = &from[2 + digits..];
    }
    out.push_str(rest);
    out
}

/// Prints one line of the account, with the time since it began.
pub fn say(begun: Instant, text: &str) {
    outln!("{:>7.1} s  {}", begun.elapsed().as_secs_f64(), short(text));
}

impl Narrator {
    /// Starts the account of a cluster.
    pub fn start(cluster: Cluster, begun: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let printed = Printed { begun, revision: 0, nodes: BTreeMap::new() };
        let task = tokio::spawn(narrate(cluster, printed, stop.clone()));
        Self { stop, task }
    }

    /// Prints what is left, and ends.
    pub async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.task.await;
    }
}

/// What was printed so far.
struct Printed {
    begun: Instant,
    /// The last revision of the ledger whose history was printed.
    revision: u64,
    /// The lifecycle state of each instance.
    nodes: BTreeMap<String, String>,
}

async fn narrate(cluster: Cluster, mut printed: Printed, stop: Arc<AtomicBool>) {
    loop {
        let last = stop.load(Ordering::Relaxed);
        look(&cluster, &mut printed).await;
        if last {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Prints what is new in the order of cause and effect: an instance that waits, what the functions did about it, and
/// the hook that was completed after that. The group is read before the ledger for the effects, and after it for the
/// causes.
async fn look(cluster: &Cluster, printed: &mut Printed) {
    let before = nodes(cluster).await;
    let versions = cluster.ledgers_after(printed.revision).await.unwrap_or_default();
    let after = nodes(cluster).await;
    if let Some(now) = &after {
        lifecycle(now, printed, waits_or_begins);
    }
    for version in &versions {
        history(version, printed);
    }
    if let (Some(before), Some(after)) = (&before, &after) {
        let still = before.iter().filter(|(id, state)| after.get(*id) == Some(state));
        let still = still.map(|(id, state)| (id.clone(), state.clone())).collect();
        lifecycle(&still, printed, |state| !waits_or_begins(state));
        departures(before, after, printed);
    }
}

async fn nodes(cluster: &Cluster) -> Option<BTreeMap<String, String>> {
    let nodes = cluster.nodes().await.ok()?;
    Some(nodes.into_iter().map(|n| (n.id, n.lifecycle)).collect())
}

/// Whether the functions act because of this state, and have not brought it about.
fn waits_or_begins(state: &str) -> bool {
    matches!(state, "Pending" | "Pending:Wait" | "Terminating" | "Terminating:Wait")
}

fn lifecycle(now: &BTreeMap<String, String>, printed: &mut Printed, these: impl Fn(&str) -> bool) {
    for (id, state) in now.iter().filter(|(_, state)| these(state)) {
        if printed.nodes.get(id) != Some(state) {
            say(printed.begun, &format!("  group     {id} is {state}"));
            printed.nodes.insert(id.clone(), state.clone());
        }
    }
}

fn departures(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, printed: &mut Printed) {
    let known = printed.nodes.keys();
    let gone = known.filter(|id| !before.contains_key(*id) && !after.contains_key(*id));
    let left: Vec<String> = gone.cloned().collect();
    for id in left {
        say(printed.begun, &format!("  group     {id} has left"));
        printed.nodes.remove(&id);
    }
}

/// Prints each entry of the history once: every version of the ledger has its own new ones.
fn history(version: &Ledger, printed: &mut Printed) {
    for entry in version.history.iter().filter(|entry| entry.at == version.at) {
        say(printed.begun, &format!("  ledger    {}", entry.text));
    }
    printed.revision = version.revision;
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn every_instance_id_in_a_text_is_shortened() {
        assert_eq!(short("add i-0123456789abcdef0 at x"), "add i-…def0 at x");
        assert_eq!(short("i-1234abcd"), "i-…abcd");
        assert_eq!(short("nothing here"), "nothing here");
    }
}
