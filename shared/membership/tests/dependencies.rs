//! The core depends on nothing async, so no clock, I/O or runtime can get into a decision.
#![allow(missing_docs)]

use std::process::Command;

#[test]
fn the_core_depends_on_nothing_async() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let args =
        ["tree", "--locked", "--offline", "-e", "normal", "--prefix", "none", "--manifest-path", manifest];
    let output = Command::new(env!("CARGO")).args(args).args(["-p", "membership"]).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        tree.lines().any(|l| l.starts_with("serde_json ")),
        "not the dependency tree of the core:\n{tree}"
    );
    let forbidden = ["tokio", "futures", "hyper", "reqwest", "aws-", "async-", "mio", "socket2", "http"];
    let found: Vec<&str> = tree.lines().filter(|l| forbidden.iter().any(|f| l.starts_with(f))).collect();
    assert!(found.is_empty(), "the core depends on {found:?}");
}
