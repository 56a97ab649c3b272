//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Folders that hold no sources of ours.
const FOREIGN: [&str; 3] = ["target", ".git", "node_modules"];

/// Every file below the root with one of these endings, as (path from the root, text).
pub(crate) fn files(endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&root(), &root(), endings, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no file ends in {endings:?}");
    found
}

fn collect(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository can be read") {
        let path = entry
            .expect("a folder of the repository can be read")
            .path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !FOREIGN.contains(&name) {
                collect(root, &path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let text = fs::read_to_string(&path).expect("a source is text");
            let from_root = path.strip_prefix(root).expect("it lies below the root");
            found.push((from_root.display().to_string(), text));
        }
    }
}
