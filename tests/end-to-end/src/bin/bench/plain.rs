//! What etcd itself costs, for comparison: a cluster without the product, whose members are replaced by calls
//! that make no mistake and lose no time.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::cluster::LIMIT;
use end_to_end::etcd::Etcd;
use end_to_end::load::{Endpoints, Load, LoadReport};
use end_to_end::stage::etcd_dir;
use end_to_end::wait::until;

/// What was measured on etcd without the product.
pub struct Plain {
    /// The load while every member was replaced in turn: learner added and promoted, leader moved, old member
    /// removed.
    pub replaced: LoadReport,
    /// From the start of a learner's process until it votes and answers a linearizable read: the longest of
    /// five.
    pub start_and_promote: Duration,
    /// The longest gap between two writes when the leader is killed with SIGKILL.
    pub leader_killed: Duration,
}

/// Measures a cluster whose data is in a folder of its own, which is deleted at the end.
pub async fn measure() -> Result<Plain> {
    let dir = std::env::temp_dir().join(format!("etcd-asg-bench-{}", std::process::id()));
    let mut cluster =
        PlainCluster { dir, nodes: Vec::new(), next: 1, etcd: Etcd::new(Duration::from_secs(5))? };
    cluster.measure().await
}

struct Node {
    url: String,
    member: String,
    process: Child,
}

struct PlainCluster {
    dir: PathBuf,
    nodes: Vec<Node>,
    next: u8,
    etcd: Etcd,
}

impl PlainCluster {
    async fn measure(&mut self) -> Result<Plain> {
        self.found().await?;
        let mut start_and_promote = self.join().await?.max(self.join().await?);
        let endpoints = Endpoints::default();
        self.tell_writers(&endpoints);
        let load = Load::at(endpoints.clone(), "plain")?;
        for _ in 0..3 {
            start_and_promote = start_and_promote.max(self.join().await?);
            self.tell_writers(&endpoints);
            self.leave_first().await?;
            self.tell_writers(&endpoints);
        }
        let replaced = load.end().await?;
        let leader_killed = self.kill_the_leader(&endpoints).await?;
        Ok(Plain { replaced, start_and_promote, leader_killed })
    }

    /// Tells the writers the client URLs of all members.
    fn tell_writers(&self, endpoints: &Endpoints) {
        let urls = self.nodes.iter().map(|n| n.url.clone()).collect();
        *endpoints.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = urls;
    }

    async fn found(&mut self) -> Result<()> {
        let (name, address) = self.name();
        let string = format!("{name}=http://{address}:2380");
        self.start(&name, &address, &string, "new").await?;
        Ok(())
    }

    /// Adds, starts and promotes a learner. Returns how long that took from the start of its process.
    async fn join(&mut self) -> Result<Duration> {
        let (name, address) = self.name();
        let peer = format!("http://{address}:2380");
        let leader = self.leader().await?;
        let string = until("the learner is added", LIMIT, || self.etcd.add_learner(&leader, &peer)).await?;
        let string = format!("{string},{name}={peer}");
        let begun = Instant::now();
        let member = self.start(&name, &address, &string, "existing").await?;
        let leader = self.leader().await?;
        until("the learner is promoted", LIMIT, || self.etcd.promote(&leader, &member)).await?;
        let url = format!("http://{address}:2379");
        until("the new voter answers a linearizable read", LIMIT, || self.etcd.members(&url)).await?;
        Ok(begun.elapsed())
    }

    /// Removes the oldest member, after leadership has moved away from it, and ends its process.
    async fn leave_first(&mut self) -> Result<()> {
        let old = self.nodes[0].member.clone();
        let successor = self.nodes.last().context("the cluster has no members")?.member.clone();
        let status = self.etcd.status(&self.nodes[0].url).await?;
        if status.leader == old {
            let url = self.nodes[0].url.clone();
            until("leadership moves to the new member", LIMIT, || self.etcd.move_leader(&url, &successor))
                .await?;
        }
        let leader = self.leader().await?;
        until("the old member is removed", LIMIT, || async {
            self.etcd.remove(&leader, &old).await?;
            Ok(())
        })
        .await?;
        let mut node = self.nodes.remove(0);
        node.process.kill()?;
        node.process.wait()?;
        Ok(())
    }

    async fn kill_the_leader(&mut self, endpoints: &Endpoints) -> Result<Duration> {
        let load = Load::at(endpoints.clone(), "killed")?;
        until("writes flow", LIMIT, || async {
            ensure!(load.so_far() > 100, "{} writes", load.so_far());
            Ok(())
        })
        .await?;
        let leader = self.leader().await?;
        let begun = Instant::now();
        let node =
            self.nodes.iter_mut().find(|n| n.url == leader).context("the leader has no process here")?;
        node.process.kill()?;
        node.process.wait()?;
        self.nodes.retain(|n| n.url != leader);
        self.tell_writers(endpoints);
        until("writes flow again", LIMIT, || async {
            let gap = load.longest_gap_since(begun);
            ensure!(
                begun.elapsed() > gap * 2,
                "the longest gap is more than half of the time since the kill"
            );
            Ok(())
        })
        .await?;
        let gap = load.longest_gap_since(begun);
        load.loses_nothing().await?;
        Ok(gap)
    }

    /// The client URL of the leader.
    async fn leader(&self) -> Result<String> {
        until("a member leads", LIMIT, || async {
            for node in &self.nodes {
                if let Ok(status) = self.etcd.status(&node.url).await
                    && let Some(leader) = self.nodes.iter().find(|n| n.member == status.leader)
                {
                    return Ok(leader.url.clone());
                }
            }
            anyhow::bail!("no member leads")
        })
        .await
    }

    /// The name and the address of the next member.
    fn name(&mut self) -> (String, String) {
        let number = self.next;
        self.next += 1;
        (format!("plain-{number}"), format!("127.94.7.{number}"))
    }

    /// Starts a member and waits for its first answer. Returns its member ID.
    async fn start(&mut self, name: &str, address: &str, string: &str, state: &str) -> Result<String> {
        let (peer, url) = (format!("http://{address}:2380"), format!("http://{address}:2379"));
        let process = Command::new(etcd_dir()?.join("etcd"))
            .env_clear()
            .args(["--name", name, "--initial-cluster", string, "--initial-cluster-state", state])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .arg("--data-dir")
            .arg(self.data(name))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting etcd")?;
        self.nodes.push(Node { url: url.clone(), member: String::new(), process });
        let status = until("the new member answers", LIMIT, || self.etcd.status(&url)).await?;
        self.nodes.last_mut().context("the cluster has no members")?.member.clone_from(&status.member);
        Ok(status.member)
    }

    fn data(&self, name: &str) -> PathBuf {
        Path::new(&self.dir).join(name)
    }
}

impl Drop for PlainCluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.process.kill();
            let _ = node.process.wait();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
