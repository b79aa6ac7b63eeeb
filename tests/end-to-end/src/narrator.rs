//! A running account of what happens, in words: the ledger's history and the instances' lifecycle, as they come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::cluster::Cluster;

/// Prints until it is ended.
pub struct Narrator {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// An instance ID as people read it: its last four digits.
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

/// One line of the account.
pub fn say(begun: Instant, text: &str) {
    println!("{:>7.1} s  {}", begun.elapsed().as_secs_f64(), short(text));
}

impl Narrator {
    /// Starts to tell of this cluster.
    pub fn start(cluster: Cluster, begun: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Told { begun, history: 0, nodes: BTreeMap::new() };
        let task = tokio::spawn(tell(cluster, told, stop.clone()));
        Self { stop, task }
    }

    /// Tells what is left and ends.
    pub async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.task.await;
    }
}

struct Told {
    begun: Instant,
    history: u64,
    nodes: BTreeMap<String, String>,
}

async fn tell(cluster: Cluster, mut told: Told, stop: Arc<AtomicBool>) {
    loop {
        let last = stop.load(Ordering::Relaxed);
        lifecycle(&cluster, &mut told).await;
        history(&cluster, &mut told).await;
        if last {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn lifecycle(cluster: &Cluster, told: &mut Told) {
    let Ok(nodes) = cluster.nodes().await else { return };
    let now: BTreeMap<_, _> = nodes.into_iter().map(|n| (n.id, n.lifecycle)).collect();
    for (id, state) in &now {
        if told.nodes.get(id) != Some(state) {
            say(told.begun, &format!("  group     {id} is {state}"));
        }
    }
    for id in told.nodes.keys().filter(|id| !now.contains_key(*id)) {
        say(told.begun, &format!("  group     {id} has left"));
    }
    told.nodes = now;
}

/// The history's entries are told once each: every version's own new ones.
async fn history(cluster: &Cluster, told: &mut Told) {
    let Ok(versions) = cluster.ledgers_after(told.history).await else { return };
    for version in &versions {
        for outcome in version.history.iter().filter(|o| o.at == version.at) {
            say(told.begun, &format!("  ledger    {}", outcome.text));
        }
        told.history = version.revision;
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn instance_ids_are_shortened_wherever_they_stand() {
        assert_eq!(short("add i-0123456789abcdef0 at x"), "add i-…def0 at x");
        assert_eq!(short("i-1234abcd"), "i-…abcd");
        assert_eq!(short("nothing here"), "nothing here");
    }
}
