//! Which instance has which address of the region's network.

use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hosts below this number are the region's own.
const FIRST_HOST: u8 = 10;
const LAST_HOST: u8 = 250;

/// The addresses 127.a.b.10 to 127.a.b.250. A dead instance's address is used again only after all others,
/// unless somebody asks for it. Cheap to clone; all clones share the addresses.
#[derive(Clone)]
pub struct Addresses {
    network: [u8; 2],
    hosts: Arc<Mutex<Hosts>>,
}

/// The last numbers of the addresses.
struct Hosts {
    free: VecDeque<u8>,
    used: BTreeSet<u8>,
}

impl Addresses {
    /// All addresses of the network 127.a.b.0/24 are free; `network` is `[a, b]`.
    pub(crate) fn new(network: [u8; 2]) -> Self {
        let hosts = Hosts { free: (FIRST_HOST..=LAST_HOST).collect(), used: BTreeSet::new() };
        Self { network, hosts: Arc::new(Mutex::new(hosts)) }
    }

    /// The next free address. Where all are in use, the last address is handed out twice: its second holder
    /// cannot listen, and says so on its console.
    pub fn allocate(&self) -> Ipv4Addr {
        let mut hosts = self.lock();
        let host = hosts.free.pop_front().unwrap_or(LAST_HOST);
        hosts.used.insert(host);
        let [a, b] = self.network;
        Ipv4Addr::new(127, a, b, host)
    }

    /// Gives back the address of an instance that has ended.
    pub(crate) fn release(&self, address: Ipv4Addr) {
        let [_, a, b, host] = address.octets();
        let mut hosts = self.lock();
        if [a, b] == self.network && hosts.used.remove(&host) {
            hosts.free.push_back(host);
        }
    }

    /// The next launch gets this address.
    ///
    /// # Errors
    /// A sentence, where the address is in use or is not of this region's network.
    pub(crate) fn reuse_next(&self, address: Ipv4Addr) -> Result<(), String> {
        let [_, a, b, host] = address.octets();
        let mut hosts = self.lock();
        let Some(at) = hosts.free.iter().position(|free| [a, b] == self.network && *free == host) else {
            return Err(format!(
                "reuse-address: {address} is no free address of this region: its instance must be gone"
            ));
        };
        hosts.free.remove(at);
        hosts.free.push_front(host);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
