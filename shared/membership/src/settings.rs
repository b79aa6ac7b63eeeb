//! The settings of one group, with their defaults and ranges.

use std::time::Duration;

use crate::words::{one_line, quoted};

/// The settings of one cluster. Each value comes from the group's tag `etcd-asg:<name>`, else from the function's
/// environment, else from the default here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The functions observe and report, and change nothing.
    pub paused: bool,
    /// The path in SSM below which the parameters stand.
    pub prefix: String,
    /// The port at which etcd serves clients.
    pub client_port: u16,
    /// The port at which etcd serves its peers.
    pub peer_port: u16,
    /// The scheme of client URLs and of peer URLs.
    pub scheme: Scheme,
    /// How long a cluster that has not formed may be without a linearizable member list before it is abandoned.
    pub formation_patience: Duration,
    /// How long a joiner may go without progress.
    pub join_patience: Duration,
    /// How long an in-service voter may be unproven before its instance is replaced.
    pub unproven_grace: Duration,
    /// How long a leaving voter waits for its replacement.
    pub leave_patience: Duration,
}

/// The URL scheme that etcd serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// Plain text.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            paused: false,
            prefix: "/etcd-asg".to_owned(),
            client_port: 2379,
            peer_port: 2380,
            scheme: Scheme::Http,
            formation_patience: Duration::from_secs(120),
            join_patience: Duration::from_secs(300),
            unproven_grace: Duration::from_secs(180),
            leave_patience: Duration::from_secs(1800),
        }
    }
}

impl Settings {
    /// The names that [`Settings::set`] knows, as they stand in tags.
    pub const NAMES: [&'static str; 9] = [
        "paused",
        "prefix",
        "client-port",
        "peer-port",
        "scheme",
        "formation-patience",
        "join-patience",
        "unproven-grace",
        "leave-patience",
    ];

    /// The settings that decide whether a joiner can succeed, in a short text. Another text is another try.
    pub fn of_a_joiner(&self) -> String {
        let (scheme, client, peer) = (self.scheme.as_str(), self.client_port, self.peer_port);
        let seconds = [self.join_patience, self.formation_patience].map(|p| p.as_secs());
        format!("{scheme} {client}/{peer} {}/{} s", seconds[0], seconds[1])
    }

    /// Sets one value from text. Durations are seconds, or a number with `s`, `m` or `h`.
    ///
    /// The error is one sentence that names the setting, the value and what is allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |allowed: &str| format!("setting {name}: {} is not {allowed}", quoted(value));
        let span = |low: u64, high: u64, allowed: &str| match duration(value) {
            Some(d) if d.as_secs() >= low && d.as_secs() <= high => Ok(d),
            _ => Err(wrong(allowed)),
        };
        match name {
            "paused" => self.paused = value.parse().map_err(|_| wrong("true or false"))?,
            "prefix" => {
                let allowed = "a parameter path such as /etcd-asg, of 12 levels at most, that does not begin with /aws or /ssm";
                self.prefix = prefix(value).ok_or_else(|| wrong(allowed))?
            }
            "client-port" => self.client_port = port(value).ok_or_else(|| wrong("a port from 1 to 65535"))?,
            "peer-port" => self.peer_port = port(value).ok_or_else(|| wrong("a port from 1 to 65535"))?,
            "scheme" => {
                self.scheme = match value {
                    "http" => Scheme::Http,
                    "https" => Scheme::Https,
                    _ => return Err(wrong("http or https")),
                }
            }
            "formation-patience" => self.formation_patience = span(10, 3600, "a time from 10s to 1h")?,
            "join-patience" => self.join_patience = span(10, 7200, "a time from 10s to 2h")?,
            "unproven-grace" => self.unproven_grace = span(10, 3600, "a time from 10s to 1h")?,
            "leave-patience" => self.leave_patience = span(0, 48 * 3600, "a time from 0 to 48h")?,
            _ => {
                let (name, known) = (one_line(name), Self::NAMES.join(", "));
                return Err(format!("setting {name} is not known; known are {known}"));
            }
        }
        Ok(())
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|p| *p > 0)
}

/// No parameter's name begins with aws or ssm, in any case, and a name has fifteen levels at most (SSM API reference,
/// `PutParameter`). Three levels come below the prefix: the cluster, `instances` and the instance.
fn prefix(text: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
    let shape = text.starts_with('/') && text.len() > 1 && !text.ends_with('/') && !text.contains("//");
    let begins = |word: &str| text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let taken = begins("/aws") || begins("/ssm") || text.matches('/').count() > 12;
    (shape && !taken && text.len() <= 500 && text.bytes().all(allowed)).then(|| text.to_owned())
}

fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3600),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_and_ranges_held() {
        let mut s = Settings::default();
        s.set("join-patience", "2m").unwrap();
        assert_eq!(s.join_patience, Duration::from_secs(120));
        s.set("leave-patience", "0").unwrap();
        s.set("paused", "true").unwrap();
        assert!(s.paused);
        for (name, value) in [
            ("join-patience", "9s"),
            ("join-patience", "3h"),
            ("unproven-grace", "soon"),
            ("client-port", "0"),
            ("client-port", "70000"),
            ("prefix", "etcd"),
            ("prefix", "/a//b"),
            ("paused", "yes"),
            ("scheme", "ftp"),
            ("colour", "red"),
        ] {
            let before = s.clone();
            let error = s.set(name, value).unwrap_err();
            assert!(error.contains(name), "{error}");
            assert_eq!(s, before, "a refused value changes nothing");
        }
    }

    #[test]
    fn each_name_sets_its_own() {
        let mut s = Settings::default();
        let longest = format!("/{}", "a".repeat(499));
        for (name, value) in Settings::NAMES.iter().zip([
            "true",
            longest.as_str(),
            "1",
            "65535",
            "https",
            "10s",
            "120m",
            "3600",
            "48h",
        ]) {
            s.set(name, value).unwrap();
        }
        let seconds = Duration::from_secs;
        let wanted = Settings {
            paused: true,
            prefix: longest.clone(),
            client_port: 1,
            peer_port: 65_535,
            scheme: Scheme::Https,
            formation_patience: seconds(10),
            join_patience: seconds(7_200),
            unproven_grace: seconds(3_600),
            leave_patience: seconds(172_800),
        };
        assert_eq!(s, wanted);
        s.set("scheme", "http").unwrap();
        assert_eq!(s.scheme, Scheme::Http);
        s.set("prefix", "/etcd/aws").unwrap();
        s.set("prefix", "/a").unwrap();
        assert_eq!(s.prefix, "/a");
        for (name, value) in [
            ("prefix", "/"),
            ("prefix", ""),
            ("prefix", "/a/"),
            ("prefix", "a/b"),
            ("prefix", "/a b"),
            ("prefix", "/aws"),
            ("prefix", "/SSM/etcd"),
            ("prefix", "/awsome"),
            ("prefix", &"/a".repeat(13)),
            ("prefix", &format!("{longest}a")),
            ("leave-patience", "s"),
            ("leave-patience", ""),
            ("leave-patience", "-1"),
            ("leave-patience", "+1"),
            ("leave-patience", "1d"),
            ("leave-patience", "99999999999999999999"),
        ] {
            assert!(s.set(name, value).is_err(), "{name} takes {value:?}");
        }
    }
}
