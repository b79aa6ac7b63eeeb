//! A disk of limited size for an instance's data. It is a tmpfs, which needs root. Without it an instance
//! writes to the machine's own disk, which must not be filled.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the file that fills the disk; deleting it frees the disk.
const FILLER: &str = "filler";

/// Why a disk cannot be mounted or filled.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The region was started without disks of limited size.
    #[error("the instances have no disks of their own: start the region as root with --disk-mib")]
    NoDisk,
    /// The disk cannot be mounted.
    #[error("a disk for {} cannot be mounted (this needs root): {said}", at.display())]
    Mount {
        /// The mount point.
        at: PathBuf,
        /// What `mount` printed.
        said: String,
    },
    /// Writing failed, and not because the disk is full.
    #[error("the disk at {} cannot be filled", at.display())]
    Write {
        /// The mount point.
        at: PathBuf,
        /// The error of the file system.
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

/// Unmounts a disk; its content is lost.
pub(super) fn unmount(at: &Path) {
    if let Err(said) = run(Command::new("umount").arg("-l").arg(at)) {
        tracing::warn!(said, at = %at.display(), "an instance's disk could not be unmounted");
    }
}

/// Writes until the disk is full.
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

/// Deletes the file that fills the disk.
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
