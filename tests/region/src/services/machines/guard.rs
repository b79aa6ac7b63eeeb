//! A process that outlives the region by a moment. Where the region is killed or ends without a shutdown, the
//! guard ends the region's processes and removes what the region wrote.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The environment variable that all processes of a region have; its value is the region's state directory.
pub const MARKER: &str = "LOCAL_REGION";

/// Waits for `done`, or for the end of its input, which comes with the end of the region. Zombies do not keep
/// the loop going: their environment reads empty.
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

/// The running guard. It cleans up when it is dropped.
pub(super) struct Guard {
    child: Child,
}

impl Guard {
    /// Starts the guard; `table` is the name of the region's packet filter table. The guard has its own
    /// process group, so that Ctrl-C does not reach it.
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

    /// Ends the guard where everything has been cleaned up already.
    pub(super) fn dismiss(mut self) {
        let told = self.child.stdin.take().map(|mut input| input.write_all(b"done\n"));
        if !matches!(told, Some(Ok(()))) {
            tracing::warn!("the region's guard had ended before the region");
        }
        if let Err(error) = self.child.wait() {
            tracing::warn!(%error, "the region's guard could not be waited for");
        }
    }
}
