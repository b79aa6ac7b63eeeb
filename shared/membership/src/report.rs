//! What a host says of itself: the last words of its boot script and of its etcd.
//!
//! A host writes them to `s3://{bucket}/reports/{cluster}/{role-id}:{instance}`, a name under which only that
//! instance may write (`docs/ARCHITECTURE.md`, "What is stored"). A host may be broken or taken over. So its words
//! are quoted to the operator, cut and cleaned, and no rule ever reads them.

use std::fmt;

use serde::Serialize;

use crate::ids::{ClusterName, InstanceId};

/// A longer report is not read at all beyond this.
pub const MOST_BYTES: usize = 4096;
/// Of each sentence, so many characters are quoted.
const QUOTED: usize = 300;
/// A version is short.
const VERSION: usize = 20;

/// The folder of a cluster's reports, with a slash at its end.
pub fn folder(cluster: &ClusterName) -> String {
    format!("reports/{cluster}/")
}

/// Whether a key in that folder is the name of this instance: `{role-id}:{instance}`.
pub fn is_of(name: &str, instance: &InstanceId) -> bool {
    name.split_once(':').is_some_and(|(role, id)| !role.is_empty() && id == instance.as_str())
}

/// The last words of a host. Every text in it is clean: one line, cut, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct HostReport {
    /// The last refusal of the boot script, or why it tries again.
    pub says: String,
    /// The last line of etcd that tells an error.
    pub etcd: Option<String>,
    /// The version of etcd on the host.
    pub version: Option<String>,
    /// The exit status of the boot script, where it has ended.
    pub status: Option<u8>,
}

impl HostReport {
    /// Reads a report: lines `name=value`. Of two lines of one name the first counts, and an unknown name is skipped.
    /// Bytes beyond [`MOST_BYTES`] are not read. `None` where nothing in it can be quoted.
    pub fn parse(bytes: &[u8]) -> Option<HostReport> {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_BYTES)]);
        let value = |name: &str, most| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            Some(clean(line, most)).filter(|words| !words.is_empty())
        };
        let report = HostReport {
            says: value("says", QUOTED).unwrap_or_default(),
            etcd: value("etcd", QUOTED),
            version: value("version", VERSION),
            status: value("status", 3).and_then(|status| status.parse().ok()),
        };
        (!report.says.is_empty() || report.etcd.is_some()).then_some(report)
    }
}

/// The words on one line, without quotation marks and without characters that a terminal or a page would obey.
fn clean(words: &str, most: usize) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain = words.chars().map(|c| match c {
        '"' => '\'',
        c if obeyed(c) => ' ',
        c => c,
    });
    let plain: String = plain.collect();
    let mut rest = plain.trim().chars();
    let start: String = rest.by_ref().take(most).collect();
    if rest.next().is_some() { start + "…" } else { start }
}

impl fmt::Display for HostReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.says.is_empty() {
            write!(f, "the host says: \"{}\"", self.says)?;
        }
        if let Some(etcd) = &self.etcd {
            let comma = if self.says.is_empty() { "" } else { "; " };
            let version = self.version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
            write!(f, "{comma}its etcd{version} says: \"{etcd}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_quoted_with_its_etcd() {
        let text = "format=1\nstatus=86\nsays=etcd 3.7 may not start here\nversion=3.7.3\netcd=panic: \"v2\" store\n";
        let report = HostReport::parse(text.as_bytes()).unwrap();
        assert_eq!((report.status, report.version.as_deref()), (Some(86), Some("3.7.3")));
        let quoted =
            "the host says: \"etcd 3.7 may not start here\"; its etcd 3.7.3 says: \"panic: 'v2' store\"";
        assert_eq!(report.to_string(), quoted);
        let etcd_alone = HostReport::parse(b"etcd=no space left on device").unwrap();
        assert_eq!(etcd_alone.to_string(), "its etcd says: \"no space left on device\"");
    }

    #[test]
    fn what_cannot_be_quoted_is_no_report() {
        for bytes in
            [&b""[..], b"says=", b"says= \t", b"status=86", b"{\"says\": 1}", b"\xff\xfe\n", b"SAYS=x"]
        {
            assert_eq!(HostReport::parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_hostile_host_gets_one_short_line() {
        let long = format!("says=\u{1b}[2J\u{202e}no\u{200b} \"quotes\"\r{}\nsays=second", "x".repeat(9000));
        let report = HostReport::parse(long.as_bytes()).unwrap();
        assert!(report.says.starts_with("[2J no  'quotes' xxx"), "{}", report.says);
        assert_eq!(report.says.chars().count(), QUOTED + 1);
        assert_eq!(HostReport::parse(b"says=a\nstatus=999").unwrap().status, None);
    }

    #[test]
    fn a_report_belongs_to_the_instance_that_its_name_ends_with() {
        let id = InstanceId::from("i-1234abcd");
        assert!(is_of("AROAEXAMPLE:i-1234abcd", &id));
        for name in ["i-1234abcd", ":i-1234abcd", "AROAEXAMPLE:i-1234abcd0", "AROA:x:i-1234abcd", "AROA:"] {
            assert!(!is_of(name, &id), "{name}");
        }
        assert_eq!(folder(&"main".into()), "reports/main/");
    }
}
