//! The page, row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A row of a table whose first cell is a code.
pub struct Row {
    pub section: String,
    pub code: String,
    pub sentence: String,
    /// The cells after the sentence.
    pub explained: Vec<String>,
}

pub struct Page(BTreeMap<String, Row>);

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

impl Page {
    pub fn read() -> Page {
        let (mut rows, mut section) = (BTreeMap::new(), String::new());
        for line in text("docs/OPERATIONS.md").lines() {
            if let Some(title) = line.strip_prefix("## ") {
                title.clone_into(&mut section);
            }
            if line.starts_with("| <a id=") {
                let row = row(&section, line);
                let code = row.code.clone();
                assert!(rows.insert(code, row).is_none(), "two rows of one code: {line}");
            }
        }
        Page(rows)
    }

    pub fn row(&self, code: &str) -> &Row {
        self.0.get(code).unwrap_or_else(|| panic!("docs/OPERATIONS.md has no row of the code {code}"))
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.values()
    }

    pub fn codes(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

fn row(section: &str, line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [first, sentence, explained @ ..] = cells.as_slice() else { panic!("too few cells: {line}") };
    assert_eq!(explained.len(), 2, "four cells: {line}");
    let code = first.split('"').nth(1).unwrap();
    assert_eq!(*first, format!("<a id=\"{code}\"></a>`{code}`"), "the anchor and the code");
    let sentence = sentence.strip_prefix('`').and_then(|s| s.strip_suffix('`'));
    Row {
        section: section.to_owned(),
        code: code.to_owned(),
        sentence: sentence.unwrap_or_else(|| panic!("no sentence: {line}")).to_owned(),
        explained: explained.iter().map(|cell| (*cell).to_owned()).collect(),
    }
}

/// The codes of a list item that begins like this, over all its lines.
pub fn list<'a>(page: &'a str, start: &str) -> BTreeSet<&'a str> {
    let after = page.split_once(&format!("\n{start}")).unwrap_or_else(|| panic!("no item {start:?}")).1;
    let item = after.split("\n- ").next().unwrap().split("\n\n").next().unwrap();
    item.split('`').skip(1).step_by(2).collect()
}

/// The fields that a filter pattern of CloudWatch Logs compares, each with its value: `$.field = "value"`.
pub fn compared(pattern: &str) -> Vec<(&str, &str)> {
    let compared = pattern.split("$.").skip(1).map(|part| {
        let (field, rest) = part.split_once(" = \"").unwrap_or_else(|| panic!("not compared: {part}"));
        (field, rest.split('"').next().unwrap())
    });
    let compared: Vec<_> = compared.collect();
    assert!(!compared.is_empty(), "{pattern} compares nothing");
    compared
}
