//! The goldens as data, for tests that do not only compare them: `goldens.rs` and `invocation.rs` do that.

use std::path::{Path, PathBuf};

/// One case of a golden file.
pub struct Golden {
    /// The name of its file, for example `leave.txt`.
    pub file: String,
    /// The comment above the case.
    pub title: String,
    /// `decide` or `script`.
    pub directive: String,
    /// The scene, or the steps of the script.
    pub input: String,
    /// What is below `----`.
    pub expected: String,
}

impl Golden {
    /// How a test names the case: file and title.
    pub fn name(&self) -> String {
        format!("{}: {}", self.file, self.title)
    }
}

/// All cases of the files in `tests/<dir>`: the files by name, and the cases in the order of their file.
pub fn all(dir: &str) -> Vec<Golden> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(dir);
    let entries = std::fs::read_dir(&root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|f| parse(f)).collect()
}

fn parse(file: &Path) -> Vec<Golden> {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines().peekable();
    let mut cases = Vec::new();
    let mut title: Vec<&str> = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(comment) = line.strip_prefix('#') {
            title.push(comment.trim());
        } else if line.trim().is_empty() {
            title.clear();
        } else {
            let take = |stop: fn(&str) -> bool, lines: &mut std::iter::Peekable<std::str::Lines<'_>>| {
                let mut block = String::new();
                for l in lines.by_ref().take_while(|l| !stop(l)) {
                    block.push_str(l);
                    block.push('\n');
                }
                block
            };
            let input = take(|l| l.trim() == "----", &mut lines);
            let expected = take(|l| l.trim().is_empty(), &mut lines);
            cases.push(Golden {
                file: name.clone(),
                title: title.join(" "),
                directive: line.trim().to_owned(),
                input,
                expected,
            });
            title.clear();
        }
    }
    cases
}
