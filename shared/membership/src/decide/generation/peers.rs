//! Whether a joiner could speak to the members of a cluster that is to be adopted, by their peer URLs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::decision::Refusal;
use crate::observation::Resolved;
use crate::settings::Scheme;

/// A joiner has the scheme of the settings. A member with another scheme can be reached by no peer that lacks its
/// certificates.
pub fn of_another_scheme(url: &str, scheme: Scheme) -> Option<Refusal> {
    let same = url.split_once("://").is_some_and(|(of, _)| of == scheme.as_str());
    (!same).then(|| Refusal::PeerScheme { url: url.to_owned(), scheme })
}

/// A URL that means another machine to each machine that reads it, or whose name leads nowhere where the functions
/// run: in the VPC of the joiners. `own` is the address of the member's instance.
pub fn unreachable(url: &str, own: Option<&str>, names: &BTreeMap<String, Resolved>) -> Option<Refusal> {
    let host = host_of(url);
    let local = || Some(Refusal::LocalPeerUrl(url.to_owned()));
    let nowhere = |why: &str| Some(Refusal::PeerNameUnknown { url: url.to_owned(), why: why.to_owned() });
    if let Ok(address) = host.parse::<IpAddr>() {
        return if own != Some(host) && is_local(address) { local() } else { None };
    }
    match names.get(host) {
        Some(Resolved::Addresses(all)) if all.iter().any(|a| own != Some(&a.to_string()) && is_local(*a)) => {
            local()
        }
        Some(Resolved::Addresses(all)) if all.is_empty() => nowhere("it has no address"),
        Some(Resolved::Addresses(_)) => None,
        Some(Resolved::Nowhere(why)) => nowhere(why),
        None => nowhere("it was not looked up"),
    }
}

/// The host in a URL, without the brackets of an IPv6 address.
pub fn host_of(url: &str) -> &str {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let host = if host.ends_with(']') { host } else { host.rsplit_once(':').map_or(host, |(host, _)| host) };
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Loopback, unspecified and link-local addresses mean another place on each machine (RFC 6890).
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_unspecified() || v4.is_link_local(),
        IpAddr::V6(v6) => {
            let mapped = v6.to_ipv4_mapped().is_some_and(|v4| is_local(IpAddr::V4(v4)));
            v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local() || mapped
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BTreeMap<String, Resolved> {
        let at =
            |addresses: &[&str]| Resolved::Addresses(addresses.iter().map(|a| a.parse().unwrap()).collect());
        [
            ("a.example", at(&["10.0.0.1"])),
            ("LOCALHOST", at(&["127.0.0.1", "::1"])),
            ("both.example", at(&["10.0.0.1", "127.0.0.1"])),
            ("none.example", at(&[])),
            ("gone.example", Resolved::Nowhere("no such host".to_owned())),
        ]
        .map(|(name, resolved)| (name.to_owned(), resolved))
        .into()
    }

    #[test]
    fn an_address_that_other_machines_use_and_a_name_that_resolves_are_reachable() {
        for url in [
            "http://10.0.0.1:2380",
            "http://[fd00::1]:2380",
            "http://a.example:2380",
            "http://a.example",
            "http://127.7.0.1:2380",
            "http://[fd00::1]",
        ] {
            assert_eq!(unreachable(url, Some("127.7.0.1"), &names()), None, "{url}");
        }
    }

    #[test]
    fn a_local_address_is_refused_however_it_is_written() {
        for url in [
            "http://127.0.0.1:2380",
            "http://127.1.2.3:2380",
            "http://0.0.0.0:2380",
            "http://169.254.1.1:2380",
            "http://[::1]:2380",
            "http://[::]:2380",
            "http://[fe80::1]:2380",
            "http://[::ffff:127.0.0.1]:2380",
            "http://LOCALHOST:2380",
            "http://both.example:2380",
        ] {
            let found = unreachable(url, Some("10.0.0.1"), &names());
            assert_eq!(found, Some(Refusal::LocalPeerUrl(url.to_owned())), "{url}");
        }
    }

    #[test]
    fn a_name_that_leads_nowhere_is_refused_and_so_is_a_name_that_was_not_looked_up() {
        for (url, part) in [
            ("http://gone.example:2380", "no such host"),
            ("http://none.example:2380", "no address"),
            ("http://new.example:2380", "not looked up"),
            ("http://:2380", "not looked up"),
        ] {
            let found = unreachable(url, None, &names());
            assert!(
                matches!(found, Some(Refusal::PeerNameUnknown { ref why, .. }) if why.contains(part)),
                "{url}"
            );
        }
    }

    #[test]
    fn another_scheme_than_the_joiners_is_refused() {
        assert_eq!(of_another_scheme("http://10.0.0.1:2380", Scheme::Http), None);
        for url in ["https://10.0.0.1:2380", "unix://a:1", "10.0.0.1:2380"] {
            assert!(of_another_scheme(url, Scheme::Http).is_some(), "{url}");
        }
    }
}
