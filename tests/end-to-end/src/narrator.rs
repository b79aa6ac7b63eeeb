//! A running account on standard output: the lifecycle of the group's instances and the ledger's history, as
//! they happen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::cluster::Cluster;

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
    println!("{:>7.1} s  {}", begun.elapsed().as_secs_f64(), short(text));
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
        lifecycle(&cluster, &mut printed).await;
        history(&cluster, &mut printed).await;
        if last {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn lifecycle(cluster: &Cluster, printed: &mut Printed) {
    let Ok(nodes) = cluster.nodes().await else { return };
    let now: BTreeMap<_, _> = nodes.into_iter().map(|n| (n.id, n.lifecycle)).collect();
    for (id, state) in &now {
        if printed.nodes.get(id) != Some(state) {
            say(printed.begun, &format!("  group     {id} is {state}"));
        }
    }
    for id in printed.nodes.keys().filter(|id| !now.contains_key(*id)) {
        say(printed.begun, &format!("  group     {id} has left"));
    }
    printed.nodes = now;
}

/// Prints each entry of the history once: every version of the ledger has its own new ones.
async fn history(cluster: &Cluster, printed: &mut Printed) {
    let Ok(versions) = cluster.ledgers_after(printed.revision).await else { return };
    for version in &versions {
        for entry in version.history.iter().filter(|entry| entry.at == version.at) {
            say(printed.begun, &format!("  ledger    {}", entry.text));
        }
        printed.revision = version.revision;
    }
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
