//! The settings of one group, with their defaults and ranges.

mod problem;
pub mod spelling;
pub mod tags;
mod value;

use std::time::Duration;

pub use self::problem::Problem;
pub use self::value::{duration, truth};
use self::value::{port, prefix};
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
    /// What could not be understood in the tags and in the environment.
    pub problems: Vec<Problem>,
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
            problems: Vec::new(),
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

    /// Sets one value from text, as people write it (`value.rs`).
    ///
    /// The error is one sentence that names the setting, the value and what is allowed. Nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |allowed: &str| format!("setting {name}: {} is not {allowed}", quoted(value));
        let span = |low: u64, high: u64, allowed: &str| match duration(value) {
            Some(d) if d.as_secs() >= low && d.as_secs() <= high => Ok(d),
            _ => Err(wrong(allowed)),
        };
        match name {
            "paused" => self.paused = truth(value).ok_or_else(|| wrong("true or false"))?,
            "prefix" => {
                let allowed = "a parameter path such as /etcd-asg, of 12 levels at most, that does not begin with /aws or /ssm";
                self.prefix = prefix(value).ok_or_else(|| wrong(allowed))?
            }
            "client-port" => self.client_port = port(value).ok_or_else(|| wrong("a port from 1 to 65535"))?,
            "peer-port" => self.peer_port = port(value).ok_or_else(|| wrong("a port from 1 to 65535"))?,
            "scheme" => {
                self.scheme = match value.trim().to_lowercase().as_str() {
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

    /// Sets one value from text that stands at `source`, such as `the group's tag etcd-asg:paused`. A value that
    /// cannot be read becomes a problem, and changes nothing else. A value that can be read ends the problem of an
    /// outranked source.
    pub fn take(&mut self, name: &str, value: &str, source: &str) {
        let before = self.clone();
        match self.set(name, value) {
            Ok(()) => self.problems.retain(|p| !p.is_about(name)),
            Err(why) => {
                let source = source.to_owned();
                self.problems.push(match before.time(name) {
                    Some(time) => Problem::Defaulted { source, why, default: value::shown(time) },
                    None => Problem::Unreadable { source, why },
                });
            }
        }
    }

    /// Whether nothing may be done about the cluster until an operator has corrected a setting.
    pub fn hands_off(&self) -> bool {
        self.problems.iter().any(Problem::hands_off)
    }

    /// Whether this setting has a value that cannot be read.
    pub fn is_unreadable(&self, name: &str) -> bool {
        self.problems.iter().any(|p| p.is_about(name))
    }

    /// The value of a setting that is a time.
    fn time(&self, name: &str) -> Option<Duration> {
        match name {
            "formation-patience" => Some(self.formation_patience),
            "join-patience" => Some(self.join_patience),
            "unproven-grace" => Some(self.unproven_grace),
            "leave-patience" => Some(self.leave_patience),
            _ => None,
        }
    }
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
            ("paused", "maybe"),
            ("paused", ""),
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
    fn what_cannot_be_read_becomes_a_problem() {
        let mut s = Settings::default();
        for name in ["paused", "prefix", "client-port", "peer-port", "scheme"] {
            s.take(name, "?", "a tag");
            assert!(
                matches!(s.problems.last(), Some(Problem::Unreadable { .. })),
                "{name}: {:?}",
                s.problems
            );
        }
        assert!(s.hands_off());
        let mut s = Settings { join_patience: Duration::from_secs(60), ..Settings::default() };
        s.take("join-patience", "soon", "a tag");
        let Some(Problem::Defaulted { default, .. }) = s.problems.last() else { panic!("{:?}", s.problems) };
        assert_eq!(default, "1m", "the value that counted before");
        assert!(!s.hands_off());
        s.take("unproven-grace", "", "a tag");
        assert_eq!(s.problems.len(), 2);
        s.take("join-patience", " 5 min ", "another tag");
        assert_eq!((s.problems.len(), s.join_patience), (1, Duration::from_secs(300)));
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
            problems: Vec::new(),
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
            ("leave-patience", "3d"),
            ("leave-patience", "99999999999999999999"),
        ] {
            assert!(s.set(name, value).is_err(), "{name} takes {value:?}");
        }
    }
}
