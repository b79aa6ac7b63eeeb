//! The rule `ports`: two ports that differ, and ports and a scheme that stay what the members of a living cluster serve.
//!
//! With another port, every server would be asked where it never listened. Its silence is that of a dead voter.

use crate::decision::Refusal;
use crate::env;
use crate::guard::{Guard, Guards};
use crate::ledger::EnvState;
use crate::ledger::Phase;
use crate::settings::Settings;
use crate::view::View;

/// No etcd can serve clients and peers at one port.
pub fn two_ports(settings: &Settings, guards: Guards) -> Result<(), Refusal> {
    let apart = settings.client_port != settings.peer_port;
    guards.require(Guard::TwoPorts, apart, || Refusal::PortsEqual(settings.client_port))
}

/// A formed cluster keeps its ports and its scheme. Where a single member serves what the settings say, nothing is
/// refused: the members of an adopted cluster may differ.
pub fn same_ports(v: View<'_>) -> Result<(), Refusal> {
    let settings = &v.group.settings;
    let scheme = settings.scheme.as_str();
    let clients = (scheme, settings.client_port);
    let peers = (scheme, settings.peer_port);
    let (told_clients, told_peers) = (told(client_urls(v)), told(peer_urls(v)));
    let kept = v.phase() != Phase::Formed || agrees(&told_clients, clients) && agrees(&told_peers, peers);
    v.require(Guard::SamePorts, kept, || Refusal::PortsChanged {
        set: words(Some(clients), Some(peers)),
        served: words(first(&told_clients), first(&told_peers)),
    })
}

type Place = (String, u16);

fn agrees(told: &[Place], set: (&str, u16)) -> bool {
    told.is_empty() || told.iter().any(|(scheme, port)| (scheme.as_str(), *port) == set)
}

fn first(told: &[Place]) -> Option<(&str, u16)> {
    told.first().map(|(scheme, port)| (scheme.as_str(), *port))
}

fn words(clients: Option<(&str, u16)>, peers: Option<(&str, u16)>) -> String {
    let of = |who: &str, place: Option<(&str, u16)>| {
        place.map(|(scheme, port)| format!("{who} at port {port} in {scheme}"))
    };
    let parts = [of("clients", clients), of("peers", peers)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn told<'a>(urls: impl Iterator<Item = (&'a str, Option<&'a String>)>) -> Vec<Place> {
    let place = |(url, address): (&str, Option<&String>)| {
        let (scheme, rest) = url.split_once("://")?;
        let (host, port) = rest.rsplit_once(':')?;
        (Some(host) == address.map(String::as_str)).then_some((scheme.to_owned(), port.parse().ok()?))
    };
    urls.filter_map(place).collect()
}

/// The client URLs that were published or written into envs, each with the address of an instance that has it.
fn client_urls<'a>(v: View<'a>) -> impl Iterator<Item = (&'a str, Option<&'a String>)> {
    let parameters = v.obs.parameters.known();
    let envs = parameters.into_iter().flat_map(|p| p.envs.values());
    let written = envs.filter_map(|env| env::value(env, "ETCD_ADVERTISE_CLIENT_URLS"));
    let published = parameters.and_then(|p| p.endpoints.as_ref()).into_iter().flatten().map(String::as_str);
    written.chain(published).map(move |url| {
        let host = url.split("://").nth(1).and_then(|rest| rest.rsplit_once(':')).map(|(host, _)| host);
        let here = |address: &&String| Some(address.as_str()) == host;
        (url, v.group.instances.iter().filter_map(|i| i.address.as_ref()).find(here))
    })
}

/// The peer URLs of the members that we started.
fn peer_urls<'a>(v: View<'a>) -> impl Iterator<Item = (&'a str, Option<&'a String>)> {
    let ours = v.ledger.instances.iter().filter(|(_, r)| r.env != EnvState::Foreign);
    ours.map(move |(id, r)| (r.peer_url.as_str(), v.instance(id).and_then(|i| i.address.as_ref())))
}
