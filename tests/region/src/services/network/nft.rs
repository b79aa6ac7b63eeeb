//! The packet filter table of one region. Every change writes the whole table in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// An instance's group ID is this plus the last number of its address. These IDs are within the range that an
/// unprivileged user namespace usually maps, and above the IDs that Linux distributions assign.
pub const FIRST_GROUP: u32 = 60_000;
/// The last numbers of instances' addresses.
pub const HOSTS: std::ops::RangeInclusive<u8> = 10..=250;

/// Links cannot be cut on this machine.
#[derive(Debug, thiserror::Error)]
#[error("links cannot be cut here: {0}")]
pub struct Unavailable(pub String);

/// Debian installs nft outside the PATH of an ordinary user.
const PATH: &str = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin";

/// The table's name. It is unique because no two regions have the same network.
pub(crate) fn table([a, b]: [u8; 2]) -> String {
    format!("etcd_asg_region_{a}_{b}")
}

/// The address of a host in the network.
pub(super) fn address([a, b]: [u8; 2], host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, a, b, host)
}

/// A slow link lets this many KiB through before its limit counts: two packets of a loopback interface.
const BURST_KIB: u32 = 128;

/// What is wrong with links, by pairs of hosts: what the first sends to the second is dropped, or dropped above so many
/// KiB a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Broken {
    pub down: BTreeSet<(u8, u8)>,
    pub slow: BTreeMap<(u8, u8), u32>,
}

impl Broken {
    /// Keeps only the links that are to stay broken.
    pub fn retain(&mut self, stays: impl Fn((u8, u8)) -> bool) {
        self.down.retain(|link| stays(*link));
        self.slow.retain(|link, _| stays(*link));
    }
}

/// Drops what the links do not let through. Where all are whole the table is removed.
pub(super) async fn apply(network: [u8; 2], broken: &Broken) -> Result<(), Unavailable> {
    let problem = |error: std::io::Error| {
        Unavailable(format!("nft cannot be run ({error}): install nftables (apt-get install nftables)"))
    };
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(problem)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(rules(network, broken).as_bytes()).await.map_err(problem)?;
    }
    let output = child.wait_with_output().await.map_err(problem)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Unavailable(format!(
        "nft refuses the rules: {}",
        said.lines().next().unwrap_or("it printed no reason")
    )))
}

/// The table's rules. Each direction has two forms: what the client sends to the address that it dialled, and
/// what the server sends from its address to the client. The mark outlives the socket, so that what a closed
/// socket still sends is dropped too.
fn rules(network: [u8; 2], broken: &Broken) -> String {
    let table = table(network);
    let mut rules = format!("add table ip {table}\ndelete table ip {table}\n");
    if *broken == Broken::default() {
        return rules;
    }
    let Broken { down, slow } = broken;
    let address = |host: &u8| address(network, *host);
    let machines = HOSTS.map(|host| format!("{} : {host}", FIRST_GROUP + u32::from(host)));
    let dialled = down.iter().map(|(from, to)| format!("{from} . {}", address(to)));
    let answered = down.iter().map(|(from, to)| format!("{} . {to}", address(from)));
    let list = |elements: &mut dyn Iterator<Item = String>| elements.collect::<Vec<_>>().join(", ");
    // nft takes no empty list of elements.
    let set = |elements: &mut dyn Iterator<Item = String>| match list(elements) {
        none if none.is_empty() => none,
        some => format!("elements = {{ {some} }};"),
    };
    rules.push_str(&format!(
        "table ip {table} {{
           map machines {{ type gid : mark; elements = {{ {machines} }}; }}
           set dialled {{ type mark . ipv4_addr; {dialled} }}
           set answered {{ type ipv4_addr . mark; {answered} }}
           chain sent {{
             type filter hook output priority filter; policy accept;
             ip daddr {network}/24 ct mark set meta skgid map @machines
             ct mark . ip daddr @dialled drop
             ip saddr . ct mark @answered drop
             {slow}
           }}
         }}\n",
        machines = list(&mut { machines }),
        dialled = set(&mut { dialled }),
        answered = set(&mut { answered }),
        slow = slow.iter().map(|(link, kib)| limit(network, *link, *kib)).collect::<String>(),
        network = address(&0),
    ));
    rules
}

/// The rules of a slow link, in the two forms that a direction has.
fn limit(network: [u8; 2], (from, to): (u8, u8), kib: u32) -> String {
    let (sender, receiver) = (address(network, from), address(network, to));
    let over = format!("limit rate over {kib} kbytes/second burst {BURST_KIB} kbytes drop");
    format!("ct mark {from} ip daddr {receiver} {over}\nip saddr {sender} ct mark {to} {over}\n")
}
