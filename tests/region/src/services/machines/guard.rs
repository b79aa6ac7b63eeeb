//! A process that outlives the region by a moment: where the region is killed, or ends without a shutdown, it ends
//! the region's processes and removes what the region wrote.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The environment variable that all processes of a region carry; its value is the region's state folder.
pub const MARKER: &str = "LOCAL_REGION";

/// Waits for `done` or the end of its input, which is the end of the region. A zombie's environment reads empty.
const SCRIPT: &str = r#"
read -r word && [ "$word" = done ] && exit 0
while :; do
  left=
  for process in /proc/[0-9]*; do
    if grep -qzxF "$2=$1" "$process/environ"; then
      left=yes
      kill -KILL "${process#/proc/}"
    fi
  done
  [ -n "$left" ] || break
  sleep 0.02
done
while read -r _ mounted _; do
  case $mounted in "$1"/*) umount -l "$mounted" ;; esac
done </proc/mounts
rm -rf "$1"
nft delete table ip "$3"
"#;

/// The running guard. Dropping it lets it clean up.
pub(super) struct Guard {
    child: Child,
}

impl Guard {
    /// Starts it; `table` is the region's packet filter table, where it has one. In a process group of its own: Ctrl-C is not for it.
    pub(super) fn start(state_dir: &Path, table: &str) -> std::io::Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(state_dir)
            .args([MARKER, table])
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    /// Ends it: everything has been cleaned up already.
    pub(super) fn dismiss(mut self) {
        let told = self.child.stdin.take().map(|mut input| input.write_all(b"done\n"));
        if !matches!(told, Some(Ok(()))) {
            tracing::warn!("the region's guard was gone before the region's end");
        }
        if let Err(error) = self.child.wait() {
            tracing::warn!(%error, "the region's guard could not be waited for");
        }
    }
}
