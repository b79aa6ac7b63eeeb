//! What the tests of this crate share.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod golden;
pub mod render;
pub mod scene;
pub mod scene_line;
pub mod script;
