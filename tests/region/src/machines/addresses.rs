//! Which instance has which address of the region's network.

use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv4Addr;

/// Hosts below this number are the region's own.
const FIRST_HOST: u8 = 10;
const LAST_HOST: u8 = 250;

/// The addresses 127.a.b.10 to 127.a.b.250. A dead instance's address is used again only after all others, unless
/// asked for.
pub(super) struct Addresses {
    network: [u8; 2],
    free: VecDeque<u8>,
    used: BTreeSet<u8>,
}

impl Addresses {
    pub(super) fn new(network: [u8; 2]) -> Self {
        Self { network, free: (FIRST_HOST..=LAST_HOST).collect(), used: BTreeSet::new() }
    }

    /// The next free address. Where none is left, the last one is handed out twice: its second holder will not be
    /// able to listen, and will say so on its console.
    pub(super) fn allocate(&mut self) -> Ipv4Addr {
        let host = self.free.pop_front().unwrap_or(LAST_HOST);
        self.used.insert(host);
        self.address(host)
    }

    pub(super) fn release(&mut self, address: Ipv4Addr) {
        let [_, a, b, host] = address.octets();
        if [a, b] == self.network && self.used.remove(&host) {
            self.free.push_back(host);
        }
    }

    pub(super) fn reuse_next(&mut self, address: Ipv4Addr) -> Result<(), String> {
        let [_, a, b, host] = address.octets();
        let Some(at) = self.free.iter().position(|free| [a, b] == self.network && *free == host) else {
            return Err(format!(
                "reuse-address: {address} is no free address of this region: its instance must be gone"
            ));
        };
        self.free.remove(at);
        self.free.push_front(host);
        Ok(())
    }

    fn address(&self, host: u8) -> Ipv4Addr {
        let [a, b] = self.network;
        Ipv4Addr::new(127, a, b, host)
    }
}
