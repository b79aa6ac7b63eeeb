//! The names of the shell's crate that the parsers use.

/// As in `shared/src/adapters/aws.rs`, without the causes: no file is read here.
pub fn chain(error: &dyn std::error::Error) -> String {
    error.to_string()
}
