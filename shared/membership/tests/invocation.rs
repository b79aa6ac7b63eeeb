//! Scripts: the protocol of an invocation, step by step.
//!
//! `REWRITE=1 cargo test -p membership --test invocation` writes the outcomes anew. Read the difference.
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
