//! The links between the instances: which links are cut or slow, and which instances are hidden from the functions.
//!
//! A link is cut or slowed by packet filter rules, which need root and nftables. A member dials the others from
//! 127.0.0.1, whatever its own address is. So all processes of an instance run under a group ID of their own
//! (still as root, so nothing else changes for them), and the rules keep that ID as the connection's mark.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::nft::{self, Broken, FIRST_GROUP, HOSTS, Unavailable};

/// The links of one region. Cheap to clone; all clones share the links.
#[derive(Clone)]
pub struct Links {
    network: [u8; 2],
    groups: bool,
    /// Locked while the rules are written.
    broken: Arc<tokio::sync::Mutex<Broken>>,
    hidden: Arc<Mutex<BTreeSet<Ipv4Addr>>>,
}

/// What is wrong with a region's links.
pub struct State {
    /// The links that are cut.
    pub cut: Vec<String>,
    /// The links that are slow.
    pub slow: Vec<String>,
    /// The addresses hidden from the functions.
    pub hidden: Vec<Ipv4Addr>,
}

impl Links {
    /// All links are whole.
    pub fn new(network: [u8; 2]) -> Self {
        Self { network, groups: may_set_groups(), broken: Arc::default(), hidden: Arc::default() }
    }

    /// The name of the packet filter table that has the rules.
    pub fn table(&self) -> String {
        nft::table(self.network)
    }

    /// Removes rules that an earlier region left on this network because both it and its guard were killed.
    pub async fn clean(&self) {
        if self.groups
            && let Err(error) = nft::apply(self.network, &Broken::default()).await
        {
            tracing::debug!(%error, "no rules could be removed");
        }
    }

    /// The group ID for the processes of the instance at this address; `None` where the region may not set
    /// any.
    pub fn group(&self, address: Ipv4Addr) -> Option<u32> {
        self.groups.then(|| FIRST_GROUP + u32::from(host(address)))
    }

    /// Drops what one instance sends to another, and with `both` also what is sent back. TCP needs both
    /// directions: a connection that is cut in one direction stalls once the packets under way in the other
    /// have arrived.
    ///
    /// # Errors
    /// [`Unavailable`] where root or nftables is missing.
    pub async fn cut(&self, from: Ipv4Addr, to: Ipv4Addr, both: bool) -> Result<(), Unavailable> {
        let (from, to) = (host(from), host(to));
        self.change(|broken| {
            broken.down.insert((from, to));
            if both {
                broken.down.insert((to, from));
            }
        })
        .await
    }

    /// Lets through so many KiB a second of what one instance sends to another. The rest is dropped, and TCP sends it
    /// again.
    ///
    /// # Errors
    /// [`Unavailable`] where root or nftables is missing.
    pub async fn slow(&self, from: Ipv4Addr, to: Ipv4Addr, kib: u32) -> Result<(), Unavailable> {
        self.change(|broken| {
            broken.slow.insert((host(from), host(to)), kib);
        })
        .await
    }

    /// Mends the link between two instances in both directions.
    ///
    /// # Errors
    /// [`Unavailable`] where root or nftables is missing.
    pub async fn mend(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<(), Unavailable> {
        let (one, other) = (host(one), host(other));
        self.change(|broken| broken.retain(|link| link != (one, other) && link != (other, one))).await
    }

    /// Cuts an instance off from all others, including those launched later.
    ///
    /// # Errors
    /// [`Unavailable`] where root or nftables is missing.
    pub async fn isolate(&self, address: Ipv4Addr) -> Result<(), Unavailable> {
        let alone = host(address);
        let others = HOSTS.filter(|other| *other != alone);
        self.change(|broken| broken.down.extend(others.flat_map(|other| [(alone, other), (other, alone)])))
            .await
    }

    /// Mends all links of an instance, and lets the functions reach it.
    ///
    /// # Errors
    /// [`Unavailable`] where root or nftables is missing.
    pub async fn rejoin(&self, address: Ipv4Addr) -> Result<(), Unavailable> {
        self.hidden().remove(&address);
        let host = host(address);
        self.change(|broken| broken.retain(|(from, to)| from != host && to != host)).await
    }

    /// Mends everything.
    ///
    /// # Errors
    /// [`Unavailable`] where root or nftables is missing.
    pub async fn mend_all(&self) -> Result<(), Unavailable> {
        self.hidden().clear();
        self.change(|broken| *broken = Broken::default()).await
    }

    /// Leaves the functions' calls to this address unanswered from now on.
    pub fn hide(&self, address: Ipv4Addr) {
        self.hidden().insert(address);
    }

    /// Whether the functions' calls to this authority (`address:port`) go unanswered.
    pub fn is_hidden(&self, authority: &str) -> bool {
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        name.parse().is_ok_and(|address| self.hidden().contains(&address))
    }

    /// The links that are cut or slow, as `from → to` addresses, and the addresses hidden from the functions.
    pub async fn state(&self) -> State {
        let name = |(from, to): &(u8, u8)| {
            format!("{} → {}", nft::address(self.network, *from), nft::address(self.network, *to))
        };
        let broken = self.broken.lock().await;
        State {
            cut: broken.down.iter().map(name).collect(),
            slow: broken.slow.iter().map(|(link, kib)| format!("{}: {kib} KiB/s", name(link))).collect(),
            hidden: self.hidden().iter().copied().collect(),
        }
    }

    async fn change(&self, change: impl FnOnce(&mut Broken)) -> Result<(), Unavailable> {
        let mut broken = self.broken.lock().await;
        let mut wanted = broken.clone();
        change(&mut wanted);
        if wanted == *broken {
            return Ok(());
        }
        if !self.groups {
            return Err(Unavailable("the region needs root and the right to set group IDs".to_owned()));
        }
        nft::apply(self.network, &wanted).await?;
        *broken = wanted;
        Ok(())
    }

    fn hidden(&self) -> MutexGuard<'_, BTreeSet<Ipv4Addr>> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host(address: Ipv4Addr) -> u8 {
    address.octets()[3]
}

/// Whether the region may set group IDs. It tries, because being root does not tell that in a container.
fn may_set_groups() -> bool {
    let mut command = Command::new("/bin/true");
    command.gid(FIRST_GROUP + u32::from(*HOSTS.end())).stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
