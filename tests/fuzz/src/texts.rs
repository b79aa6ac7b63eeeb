//! The env files in the Parameter Store, versions as servers tell them, and what hosts report.

use membership::env;
use membership::report::HostReport;
use membership::version::{Minor, Version};

/// The questions that the core asks of an env, which may hold anything.
pub fn env(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once("\n---\n").unwrap_or((&text, &text));
    for key in ["ETCD_NAME", "ETCD_INITIAL_CLUSTER", "ETCD_ASG_DATA", "ETCD_ASG_GENERATION", ""] {
        if let Some(value) = env::value(first, key) {
            assert!(!value.contains('\n'), "a value of two lines: {value:?}");
            assert!(first.contains(&format!("{key}={value}")), "{key} has a value that is not there");
        }
    }
    assert_eq!(env::is_sealed(first), env::value(first, "ETCD_ASG_DATA") == Some("present"));
    assert!(env::agrees(first, first), "an env disagrees with itself");
    assert_eq!(env::agrees(first, second), env::agrees(second, first));
    if env::holds_back(first, second) {
        assert!(env::value(first, "ETCD_ASG_MINOR_HELD").is_some(), "an env without a held minor holds back");
    }
}

/// A version reads back as written, and a pre-release is older than its release.
pub fn versions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(version) = Version::parse(text) {
        if version.patch.is_some() {
            assert_eq!(Version::parse(&version.to_string()), Some(version));
        }
        assert_eq!(Minor::parse(&version.minor.to_string()), Some(version.minor));
        let release = Version { patch: Some(0), ..version };
        assert!(version.patch.is_some() || version < release, "{text:?} passes for its release");
        assert!(version.minor.next() >= version.minor);
    }
    if let Some(minor) = Minor::parse(text) {
        assert_eq!(Minor::parse(&minor.to_string()), Some(minor));
    }
}

/// Whatever a host wrote, its quotation is one short line.
pub fn reports(data: &[u8]) {
    if let Some(report) = HostReport::parse(data) {
        let quoted = report.to_string();
        assert!(!quoted.is_empty(), "a report without words");
        assert!(!quoted.chars().any(char::is_control), "a report of more than one line: {quoted:?}");
        assert!(quoted.chars().count() <= 700, "a report of {} characters", quoted.chars().count());
        assert!(quoted.matches('"').count() <= 4, "a report that ends its own quotation: {quoted}");
    }
}
