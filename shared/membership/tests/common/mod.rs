//! Shared by the tests of the core.
#![allow(dead_code, missing_docs)]

pub mod render;
pub mod scene;
pub mod scene_line;
