//! The loopback network that a region's instances live in.

pub mod links;
pub mod nft;

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, bail};

/// The port on `127.a.b.1` that a region holds while it uses the network, so that no other region takes it.
const GUARD_PORT: u16 = 4599;

/// The network 127.a.b.0/24, reserved against other regions on this machine until dropped.
#[derive(Debug)]
pub struct Network {
    octets: [u8; 2],
    _guard: TcpListener,
}

impl Network {
    /// Reserves the wanted network, or the first free network.
    ///
    /// # Errors
    /// When the wanted network is in use, or all networks are.
    pub fn reserve(wanted: Option<[u8; 2]>) -> anyhow::Result<Self> {
        if let Some([a, b]) = wanted {
            let guard = bind([a, b]).with_context(|| {
                format!(
                    "the network 127.{a}.{b}.0/24 is in use: end the region that holds it, or choose another"
                )
            })?;
            return Ok(Self { octets: [a, b], _guard: guard });
        }
        for a in 70..=120 {
            for b in 0..=255 {
                if let Ok(guard) = bind([a, b]) {
                    return Ok(Self { octets: [a, b], _guard: guard });
                }
            }
        }
        bail!(
            "no free network in 127.70.0.0 to 127.120.255.0: end some of the regions that run on this machine"
        )
    }

    /// `[a, b]` of 127.a.b.0/24.
    pub fn octets(&self) -> [u8; 2] {
        self.octets
    }

    /// The address 127.a.b.`host`.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        let [a, b] = self.octets;
        Ipv4Addr::new(127, a, b, host)
    }
}

fn bind([a, b]: [u8; 2]) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::new(127, a, b, 1), GUARD_PORT))
}
