//! A disk of limited size for an instance's data: a tmpfs, so root is needed. Without one, an instance writes to the
//! region's own disk, which must not be filled.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What fills the disk; deleted to free it.
const FILLER: &str = "filler";

/// Why a disk is not had or not filled.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The region was started without disks of limited size.
    #[error("the instances have no disks of their own here: start the region with --disk-mib, as root")]
    NoDisk,
    /// It cannot be mounted.
    #[error("a disk for {} cannot be mounted, which takes root: {said}", at.display())]
    Mount {
        /// Where.
        at: PathBuf,
        /// mount's own words.
        said: String,
    },
    /// Writing failed, and not because the disk is full.
    #[error("the disk at {} cannot be filled", at.display())]
    Write {
        /// Where.
        at: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Mounts a disk of this many MiB.
///
/// # Errors
/// [`Problem::Mount`].
pub(super) fn mount(at: &Path, mebibytes: u32) -> Result<(), Problem> {
    let problem = |said: String| Problem::Mount { at: at.to_owned(), said };
    std::fs::create_dir_all(at).map_err(|error| problem(error.to_string()))?;
    let size = format!("size={mebibytes}m,mode=0755");
    run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "local-region"]).arg(at)).map_err(problem)
}

/// Unmounts it; what was on it is lost.
pub(super) fn unmount(at: &Path) {
    if let Err(said) = run(Command::new("umount").arg("-l").arg(at)) {
        tracing::warn!(said, at = %at.display(), "an instance's disk could not be unmounted");
    }
}

/// Writes until nothing more goes in.
///
/// # Errors
/// [`Problem::Write`].
pub(super) fn fill(at: &Path) -> Result<(), Problem> {
    let problem = |source| Problem::Write { at: at.to_owned(), source };
    let mut filler = OpenOptions::new().create(true).append(true).open(at.join(FILLER)).map_err(problem)?;
    for chunk in [1024 * 1024, 4096, 1] {
        let zeros = vec![0; chunk];
        loop {
            match filler.write(&zeros) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(problem(error)),
            }
        }
    }
    Ok(())
}

/// Deletes what filled it.
///
/// # Errors
/// [`Problem::Write`].
pub(super) fn free(at: &Path) -> Result<(), Problem> {
    match std::fs::remove_file(at.join(FILLER)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Problem::Write { at: at.to_owned(), source }),
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
