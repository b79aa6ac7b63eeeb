//! The region's modules form layers. An import goes to a lower layer, or to another module of the same layer;
//! no modules import each other in a circle.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where its surroundings fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The layers from the lowest to the highest. `region.rs` starts a region; `lib.rs` and `main.rs` stand
/// outside the layers.
const LAYERS: [&str; 5] = ["wire", "model", "services", "router", "region"];

/// For each module (`model::faults::rules`) the modules that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_import_goes_up() {
    let layer = |module: &str| LAYERS.iter().position(|layer| module.split("::").next() == Some(layer));
    for (module, imported) in imports() {
        let from = layer(&module).unwrap_or_else(|| panic!("{module} is in none of the layers {LAYERS:?}"));
        for to in &imported {
            assert!(
                layer(to).is_some_and(|to| to <= from),
                "{module} imports {to}, which is not in its layer or a lower one"
            );
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut imports = imports();
    // Removes modules that import no other module, until only those in or above a circle are left.
    while let Some(lowest) = imports.iter().find(|(_, imported)| imported.is_empty()).map(|(m, _)| m.clone())
    {
        imports.remove(&lowest);
        imports.values_mut().for_each(|imported| imported.retain(|module| *module != lowest));
    }
    assert!(imports.is_empty(), "modules in a circle, and those that import them: {imports:#?}");
}

fn imports() -> Imports {
    let mut texts = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut texts);
    texts.retain(|module, _| !["lib", "main"].contains(&module.as_str()));
    let modules: BTreeSet<String> = texts.keys().cloned().collect();
    let imported = |(module, text): (&String, &String)| {
        let named = paths(text).into_iter().map(|path| known(&absolute(module, &path), &modules));
        (module.clone(), named.filter(|to| to != module).collect())
    };
    texts.iter().map(imported).collect()
}

/// Reads the text of every source file, by its module; a folder's `mod.rs` is the module of the folder's
/// name.
fn read(folder: &Path, module: &str, texts: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let inner = if module.is_empty() { name.clone() } else { format!("{module}::{name}") };
        if path.is_dir() {
            read(&path, &inner, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            texts.insert(if name == "mod" { module.to_owned() } else { inner }, text);
        }
    }
}

/// Every path in the code without its tests; `a::{b, c}` gives `a::b` and `a::c`.
fn paths(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default().lines();
    let code: String = code.flat_map(|line| [line.split("//").next().unwrap_or_default(), "\n"]).collect();
    let no_path = |letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':';
    let plain = code.split(no_path).filter(|word| word.contains("::") && !word.ends_with("::"));
    let mut paths: Vec<String> = plain.map(str::to_owned).collect();
    for (at, _) in code.match_indices("::{") {
        let parent = code[..at].rsplit(no_path).next().unwrap_or_default();
        let list = code[at + 3..].split('}').next().unwrap_or_default();
        paths.extend(list.split(',').map(|item| format!("{parent}::{}", item.trim())));
    }
    paths
}

/// The path from the crate's root. A path without `crate` or `super` may name a child of the module.
fn absolute(module: &str, path: &str) -> Vec<String> {
    let mut absolute: Vec<&str> = module.split("::").collect();
    for segment in path.split("::") {
        match segment {
            "crate" => absolute.clear(),
            "super" => drop(absolute.pop()),
            "self" => {}
            name => absolute.push(name),
        }
    }
    absolute.into_iter().map(str::to_owned).collect()
}

/// The module that a path is in; empty for the crate's root.
fn known(path: &[String], modules: &BTreeSet<String>) -> String {
    let lengths = (1..=path.len()).rev().map(|length| path[..length].join("::"));
    lengths.into_iter().find(|module| modules.contains(module)).unwrap_or_default()
}
