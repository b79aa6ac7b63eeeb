//! SIGKILL for a function's process group.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

pub(super) fn group(group: i32) {
    if let Err(error) = killpg(Pid::from_raw(group), Signal::SIGKILL) {
        tracing::debug!(group, %error, "the process group was gone before it was killed");
    }
}
