//! The protocol of one invocation, claim by claim: scripts of what it looks at, writes and is answered.
//!
//! `REWRITE=1 cargo test -p membership --test invocation` writes what they come to anew; read the difference.
#![allow(missing_docs)]

mod common;

use common::script;
use membership::guard::Guards;

#[test]
fn scripts() {
    datadriven::walk("tests/scripts", |file| {
        file.run(|case| {
            assert_eq!(case.directive, "script");
            script::run(&case.input, Guards::all())
        });
    });
}
