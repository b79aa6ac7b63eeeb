//! The sizes of the functions' packages, where `make package` has built them.

use std::path::Path;

use anyhow::{Context, Result};

use crate::figure::Figure;

const FUNCTIONS: [&str; 3] = ["instance-launch", "instance-terminate", "reconcile"];
/// The most that a package may have, in bytes.
const GOAL: u64 = 4_000_000;
const MADE_OF: &str = "most of it is the generated clients of EC2, Auto Scaling and SSM, and the TLS library";

/// The size of each function's package, which Lambda downloads at each cold start.
pub fn sizes() -> Result<Figure> {
    let exe = std::env::current_exe()?;
    let target = exe.parent().and_then(Path::parent).context("this program is not in a target folder")?;
    Ok(figure(&target.join("lambda")))
}

fn figure(built: &Path) -> Figure {
    let size =
        |name: &str| std::fs::metadata(built.join(name).join("bootstrap.zip")).map(|found| found.len());
    let (measured, reached) = match FUNCTIONS.map(size) {
        [Ok(launch), Ok(terminate), Ok(reconcile)] => {
            let sizes = [launch, terminate, reconcile];
            let named = FUNCTIONS.iter().zip(sizes);
            let named = named.map(|(name, size)| format!("{name} {:.2} MB", size as f64 / 1e6));
            (named.collect::<Vec<_>>().join(", "), Some(sizes.iter().all(|size| *size <= GOAL)))
        }
        _ => ("not built: run make package".to_owned(), None),
    };
    Figure {
        what: "function package (arm64), zipped",
        measured,
        goal: "at most 4 MB",
        reached,
        made_of: MADE_OF,
    }
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, figure};

    #[test]
    fn a_package_above_the_goal_misses_it_and_a_missing_package_is_named() {
        let built = tempfile::tempdir().unwrap();
        assert_eq!(figure(built.path()).measured, "not built: run make package");
        for (name, size) in FUNCTIONS.iter().zip([3_990_000, 4_000_000, 4_000_001]) {
            let folder = built.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::File::create(folder.join("bootstrap.zip")).unwrap().set_len(size).unwrap();
        }
        let figure = figure(built.path());
        assert_eq!(figure.measured, "instance-launch 3.99 MB, instance-terminate 4.00 MB, reconcile 4.00 MB");
        assert_eq!(figure.reached, Some(false));
    }
}
